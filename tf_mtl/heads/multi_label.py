"""Several yes-or-no labels at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .base import BaseHead, pool, pooled_shape
from .classes import check_names, names_in_order
from .labels import BinaryLabels, LabelRule


@keras.saving.register_keras_serializable(package="tf_mtl")
class MultiLabel(BaseHead):
    """Probabilities of labels that do not exclude each other.

    Labels are 0 and 1, `[B, num_labels]`. Any single one may be missing (-1 or NaN); a row's loss
    is then the mean over its labelled entries.

    Args:
        num_labels: Number of labels, at least 1. May be left out when `class_names` is given.
        class_names: Names in the order of the labels. They go into the SavedModel.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If there is no label, or number and names disagree.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.

    Returns:
        Probabilities, float32 `[B, num_labels]`.

    >>> MultiLabel(class_names=["red", "round"])(keras.ops.ones((2, 8))).shape
    TensorShape([2, 2])
    """

    def __init__(
        self,
        num_labels: int | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        names = names_in_order(class_names)
        if num_labels is None and names is not None:
            num_labels = len(names)
        self.num_labels = check_whole(num_labels, "num_labels", hint="Or give `class_names`.")
        check_names(names, self.num_labels)
        self._class_names = names
        self.projection = keras.layers.Dense(
            self.num_labels, activation="sigmoid", dtype=self.dtype_policy, name="probabilities"
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any) -> Any:
        """Returns the probabilities of the labels."""
        return self.projection(pool(features))

    @property
    def default_loss(self) -> str:
        """Binary cross-entropy, averaged over the labels."""
        return "binary_crossentropy"

    @property
    def default_metrics(self) -> list[Any]:
        """Accuracy, and the area under the ROC curve over all labels together."""
        return [keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.AUC(name="auc")]

    @property
    def label_rule(self) -> LabelRule:
        """0 and 1, each of which may be missing."""
        return BinaryLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "multilabel"

    @property
    def class_names(self) -> list[str] | None:
        """Names of the labels in the order of the output, or None."""
        return self._class_names

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_labels": self.num_labels,
            "class_names": self._class_names,
        }
