"""A span of the tokens: the answer to a question in a text."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..keras_internals import set_keras_logits
from ..metrics import AnswerExactMatch, AnswerTokenF1, best_spans
from ..whole_numbers import check_whole
from .base import BaseHead, steps_shape
from .labels import ClassLabels, LabelRule


class SpanLabels(LabelRule):
    """Labels that are first and last token of a span, `[B, 2]`: -1 and NaN are missing.

    Args:
        num_tokens: Number of tokens of a row, or None where it is not known.

    >>> SpanLabels(9).problem(np.array([[2, 5], [4, 3]]))
    (1, 'the span [4, 3] ends before it starts')
    """

    def __init__(self, num_tokens: int | None = None) -> None:
        self.places = ClassLabels(num_tokens)

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces missing places by 0."""
        return self.places.encode(labels)

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds places outside the tokens, and spans that end before they start."""
        found = self.places.problem(labels)
        if found:
            return found
        wrong = (labels[:, 1] < labels[:, 0]) & (labels[:, 1] >= 0)
        if not wrong.any():
            return None
        row = int(np.argmax(wrong))
        return row, f"the span {labels[row].tolist()} ends before it starts"

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape without the tokens."""
        return [output_shape[:-1]]


@keras.saving.register_keras_serializable(package="tf_mtl")
class SpanExtraction(BaseHead):
    """Probabilities of the first and of the last token of a span, as in question answering.

    Labels are the places of these tokens, `[B, 2]`, both included and counted from 0. Missing: -1.
    Where there may be no answer, keep a token for it, the first for instance, and label it [0, 0].

    Reference: Devlin et al., BERT, 2018, section 4.2.

    Args:
        max_length: Greatest number of tokens of an answer in the metrics and in `decode`, or None.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `max_length` is less than 1.

    Call arguments:
        features: `[B, tokens, d]`.

    Returns:
        Probabilities, float32 `[B, 2, tokens]`; 0 for tokens that the trunk masks.

    >>> head = SpanExtraction()
    >>> output = head(keras.ops.ones((2, 5, 8)))
    >>> output.shape, head.decode(output).shape
    (TensorShape([2, 2, 5]), TensorShape([2, 2]))
    """

    def __init__(
        self, max_length: int | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.max_length = None if max_length is None else check_whole(max_length, "max_length")
        self.num_tokens: int | None = None
        self.projection = keras.layers.Dense(2, dtype=self.dtype_policy, name="logits")

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.num_tokens = features_shape[1]
        self.projection.build(steps_shape(features_shape, "SpanExtraction"))

    def call(self, features: Any, mask: Any = None) -> Any:
        """Returns the probabilities of first and last token."""
        logits = keras.ops.transpose(self.projection(features), (0, 2, 1))
        if mask is not None:
            logits = keras.ops.where(mask[:, None, :], logits, -1e9)
        probabilities = keras.ops.exp(keras.ops.log_softmax(logits))  # softmax warns of one token
        return set_keras_logits(probabilities, logits)

    def decode(self, probabilities: Any) -> Any:
        """Returns first and last token of the most likely span, int32 `[B, 2]`."""
        return best_spans(probabilities, self.max_length)

    @property
    def default_loss(self) -> str:
        """Sparse categorical cross-entropy, the mean for first and last token."""
        return "sparse_categorical_crossentropy"

    @property
    def default_metrics(self) -> list[Any]:
        """Exact match, and F1 of the tokens."""
        return [AnswerExactMatch(self.max_length), AnswerTokenF1(self.max_length)]

    @property
    def label_rule(self) -> LabelRule:
        """Places of tokens, the last not before the first."""
        return SpanLabels(self.num_tokens)

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "span"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "max_length": self.max_length}
