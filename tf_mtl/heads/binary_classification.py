"""Yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from .base import BaseHead, pool, pooled_shape
from .classes import names_in_order
from .labels import BinaryLabels, LabelRule


@keras.saving.register_keras_serializable(package="tf_mtl")
class BinaryClassification(BaseHead):
    """Probability of the second of two classes.

    Labels are 0 and 1, `[B]` or `[B, 1]`, or class names where the head has them. Missing: -1,
    NaN or "".

    Args:
        class_names: Names of class 0 and class 1. They go into the SavedModel.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `class_names` does not hold two different names.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.

    Returns:
        Probability of class 1, float32 `[B, 1]`.

    >>> BinaryClassification()(keras.ops.ones((2, 8))).shape
    TensorShape([2, 1])
    """

    def __init__(
        self, class_names: Sequence[str] | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        names = names_in_order(class_names)
        if names is not None and (len(names) != 2 or names[0] == names[1]):
            raise ValueError(
                "`class_names` must hold two different names, of class 0 and class 1. "
                f"Received: {names}. For more classes use Classification."
            )
        self._class_names = names
        self.projection = keras.layers.Dense(
            1, activation="sigmoid", dtype=self.dtype_policy, name="probability"
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any) -> Any:
        """Returns the probability of class 1."""
        return self.projection(pool(features))

    @property
    def default_loss(self) -> str:
        """Binary cross-entropy."""
        return "binary_crossentropy"

    @property
    def default_metrics(self) -> list[Any]:
        """Accuracy and the area under the ROC curve."""
        return [keras.metrics.BinaryAccuracy(name="accuracy"), keras.metrics.AUC(name="auc")]

    @property
    def label_rule(self) -> LabelRule:
        """0, 1 or the two names."""
        return BinaryLabels(self._class_names)

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "binary"

    @property
    def class_names(self) -> list[str] | None:
        """Names of class 0 and class 1, or None."""
        return self._class_names

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "class_names": self._class_names}
