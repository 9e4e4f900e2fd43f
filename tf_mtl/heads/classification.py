"""One of several classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from .base import pool, pooled_shape
from .classes import ClassesHead


@keras.saving.register_keras_serializable(package="tf_mtl")
class Classification(ClassesHead):
    """Probabilities of `num_classes` classes that exclude each other.

    Labels are class numbers `[B]` or `[B, 1]`, or class names where the head has them. Missing:
    -1, NaN or "".

    Args:
        num_classes: Number of classes, at least 2. May be left out when `class_names` is given.
        class_names: Names in the order of the classes. They go into the SavedModel.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If there are fewer than two classes, or their number and names disagree.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.

    Returns:
        Probabilities, float32 `[B, num_classes]`.

    >>> head = Classification(class_names=["cat", "dog", "owl"])
    >>> head(keras.ops.ones((2, 8))).shape
    TensorShape([2, 3])
    """

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
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any) -> Any:
        """Returns the probabilities of the classes."""
        return self.projection(pool(features))

    @property
    def default_metrics(self) -> list[Any]:
        """Accuracy, of class numbers or of shares of classes, as Keras tells by the labels."""
        return ["accuracy"]

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "classification"
