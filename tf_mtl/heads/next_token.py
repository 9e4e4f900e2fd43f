"""The token that comes next: language modelling."""

from __future__ import annotations

from typing import Any

import keras

from ..metrics import Perplexity, TokenAccuracy
from ..whole_numbers import check_whole
from .base import BaseHead, steps_shape
from .labels import ClassLabels, LabelRule


@keras.saving.register_keras_serializable(package="tf_mtl")
class NextToken(BaseHead):
    """Probabilities of the next token at each token: a language model, or an auxiliary task.

    The trunk must be causal, `TextEncoder(..., causal=True)` for instance: a feature that has seen
    the next token has nothing to predict, and the perplexity would be a lie.

    Labels are tokens `[B, tokens]`, at each place the one that follows; `NextToken.labels` makes
    them. Missing: -1. Tokens that the trunk masks do not count.

    Args:
        vocabulary_size: Number of tokens, at least 2.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If there are fewer than two tokens.

    Call arguments:
        features: `[B, tokens, d]`.

    Returns:
        Probabilities, float32 `[B, tokens, vocabulary_size]`.

    >>> NextToken(50)(keras.ops.ones((2, 5, 8))).shape
    TensorShape([2, 5, 50])
    """

    keeps_steps = True

    def __init__(self, vocabulary_size: int, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        hint = "It is that of the labels' tokens: TextVectorization.vocabulary_size() for instance."
        self.vocabulary_size = check_whole(vocabulary_size, "vocabulary_size", 2, hint)
        self.projection = keras.layers.Dense(
            self.vocabulary_size,
            activation="softmax",
            dtype=self.dtype_policy,
            name="probabilities",
        )

    @staticmethod
    def labels(tokens: Any, padding: int = 0) -> Any:
        """Returns the labels of texts: each token's successor, -1 where there is none.

        Args:
            tokens: Whole numbers `[B, tokens]`.
            padding: What stands behind the end of a text.

        >>> NextToken.labels([[7, 3, 5], [4, 0, 0]]).numpy().tolist()
        [[3, 5, -1], [-1, -1, -1]]
        """
        tokens = keras.ops.convert_to_tensor(tokens)
        following = keras.ops.pad(tokens[:, 1:], [[0, 0], [0, 1]], constant_values=padding)
        return keras.ops.where(following == padding, -1, following)

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(steps_shape(features_shape, "NextToken"))

    def call(self, features: Any) -> Any:
        """Returns the probabilities of the next tokens."""
        return self.projection(features)

    @property
    def default_loss(self) -> str:
        """Sparse categorical cross-entropy, averaged over the tokens."""
        return "sparse_categorical_crossentropy"

    @property
    def default_metrics(self) -> list[Any]:
        """Perplexity, and accuracy."""
        return [Perplexity(), TokenAccuracy()]

    @property
    def label_rule(self) -> LabelRule:
        """Tokens, -1 where missing."""
        return ClassLabels(self.vocabulary_size)

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "next_token"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size}
