"""One of several classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from .base import BaseHead, pool, pooled_shape
from .labels import ClassLabels, LabelRule


@keras.saving.register_keras_serializable(package="tf_mtl")
class Classification(BaseHead):
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
        super().__init__(name=name, **kwargs)
        names = list(class_names) if class_names is not None else None
        if num_classes is None and names is not None:
            num_classes = len(names)
        if num_classes is None or num_classes < 2:
            raise ValueError(
                "Classification needs `num_classes` of at least 2, or `class_names`. Received: "
                f"num_classes={num_classes}, class_names={class_names}. "
                "For a yes-or-no task use BinaryClassification."
            )
        if names is not None and (len(names) != num_classes or len(set(names)) != num_classes):
            raise ValueError(
                f"`class_names` must hold {num_classes} different names, one for each class. "
                f"Received {len(names)} names, {len(set(names))} different: {names}."
            )
        self.num_classes = num_classes
        self._class_names = names
        self.projection = keras.layers.Dense(
            num_classes, activation="softmax", dtype=self.dtype_policy, name="probabilities"
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any) -> Any:
        """Returns the probabilities of the classes."""
        return self.projection(pool(features))

    @property
    def default_loss(self) -> str:
        """Sparse categorical cross-entropy."""
        return "sparse_categorical_crossentropy"

    @property
    def default_metrics(self) -> list[Any]:
        """Accuracy."""
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]

    @property
    def label_rule(self) -> LabelRule:
        """Class numbers or names."""
        return ClassLabels(self.num_classes, self._class_names)

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "classification"

    @property
    def class_names(self) -> list[str] | None:
        """Names of the classes in the order of the output, or None."""
        return self._class_names

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "class_names": self._class_names,
        }
