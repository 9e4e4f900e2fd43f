"""A class for every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..keras_internals import keras_logits, set_keras_logits
from ..metrics import SpanF1, TokenAccuracy, has_spans
from .base import steps_shape
from .classes import ClassesHead


@keras.saving.register_keras_serializable(package="tf_mtl")
class TokenTagging(ClassesHead):
    """Probabilities of `num_classes` tags for each token: named entities, slots, parts of speech.

    Labels are tags `[B, tokens]`, numbers or names. A tag is missing where it is -1 or "": so are
    filled up the texts that are shorter than the longest of a batch, and pieces of words that
    have no tag of their own. Tokens that the trunk masks do not count either.

    Args:
        num_classes: Number of tags, at least 2. May be left out when `class_names` is given.
        class_names: Names in the order of the classes. If there are BIO tags among them ("B-place",
            "I-place"), the F1 of the spans is one of the metrics.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If there are fewer than two tags, or their number and names disagree.

    Call arguments:
        features: `[B, tokens, d]`.

    Returns:
        Probabilities, float32 `[B, tokens, num_classes]`; 0 for tokens that the trunk masks.

    >>> head = TokenTagging(class_names=["O", "B-place", "I-place"])
    >>> head(keras.ops.ones((2, 5, 8))).shape
    TensorShape([2, 5, 3])
    >>> [metric.name for metric in head.default_metrics]
    ['accuracy', 'span_f1']
    """

    keeps_steps = True

    def __init__(
        self,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, class_names, name=name, **kwargs)
        self.projection = keras.layers.Dense(
            self.num_classes, activation="softmax", dtype=self.dtype_policy, name="probabilities"
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(steps_shape(features_shape, "TokenTagging"))

    def call(self, features: Any, mask: Any = None) -> Any:
        """Returns the probabilities of the tags."""
        probabilities = self.projection(features)
        if mask is None:
            return probabilities
        masked = probabilities * keras.ops.cast(mask[..., None], probabilities.dtype)
        return set_keras_logits(masked, keras_logits(probabilities))

    @property
    def default_metrics(self) -> list[Any]:
        """Accuracy of the tags, and F1 of the spans where tags mark them."""
        accuracy = TokenAccuracy()
        if self._class_names is None or not has_spans(self._class_names):
            return [accuracy]
        return [accuracy, SpanF1(self._class_names)]

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "tagging"
