"""A class for every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..keras_internals import keras_logits, set_keras_logits
from ..metrics import SpanF1, TokenAccuracy, has_spans
from .base import steps_shape
from .classes import ClassesHead
from .tag_transitions import TagTransitions


@keras.saving.register_keras_serializable(package="tf_mtl")
class TokenTagging(ClassesHead):
    """Probabilities of `num_classes` tags for each token: named entities, slots, parts of speech.

    Labels are tags `[B, tokens]`, numbers or names. A tag is missing where it is -1 or "": so are
    filled up the texts that are shorter than the longest of a batch, and pieces of words that
    have no tag of their own. Tokens that the trunk masks do not count either.

    With `transitions=True` tags also depend on the tags beside them: a conditional random field,
    which learns that "I-place" follows "B-place" and not "O". The output is then the probability of
    each tag over all taggings of the text, and the loss is still the cross-entropy of each token
    (Kakade et al.), not that of the whole text: so missing tags stay out of it. The most probable
    tags one by one need not be the most probable tagging.

    References (transitions): Lafferty et al., Conditional random fields, ICML 2001; Kakade et al.,
    An alternate objective function for Markovian fields, ICML 2002.

    Args:
        num_classes: Number of tags, at least 2. May be left out when `class_names` is given.
        class_names: Names in the order of the classes. If there are BIO tags among them ("B-place",
            "I-place"), the F1 of the spans is one of the metrics.
        transitions: Whether tags depend on the tags beside them.
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
        transitions: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, class_names, name=name, **kwargs)
        self.transitions = transitions
        self.projection = keras.layers.Dense(
            self.num_classes, activation="softmax", dtype=self.dtype_policy, name="probabilities"
        )
        if transitions:
            self.neighbours = TagTransitions(dtype=self.dtype_policy, name="transitions")

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(steps_shape(features_shape, "TokenTagging"))
        if self.transitions:
            self.neighbours.build((*features_shape[:2], self.num_classes))

    def call(self, features: Any, mask: Any = None) -> Any:
        """Returns the probabilities of the tags."""
        probabilities = self.projection(features)
        if self.transitions:
            logits = self.neighbours(keras_logits(probabilities), mask=mask)
            probabilities = set_keras_logits(keras.ops.softmax(logits), logits)
        if mask is None:
            return probabilities
        masked = probabilities * keras.ops.cast(mask[..., None], probabilities.dtype)
        return set_keras_logits(masked, keras_logits(probabilities))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "transitions": self.transitions}

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
