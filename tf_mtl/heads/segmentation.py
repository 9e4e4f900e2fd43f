"""One of several classes for each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_size
from .classes import ClassesHead
from .labels import ClassLabels, LabelRule
from .maps import check_maps, resize


@keras.saving.register_keras_serializable(package="tf_mtl")
class Segmentation(ClassesHead):
    """Probabilities of the classes of every pixel.

    The classes are scored where the features are and the scores interpolated to the size of the
    mask, as in a fully convolutional network (Long et al., CVPR 2015).

    Labels are class numbers `[B, height, width]` or `[B, height, width, 1]`. Missing, pixel by
    pixel: -1, NaN, and the void class where there is one; a row without a mask has -1 everywhere.
    The loss is the mean over labelled pixels of the batch.

    Args:
        num_classes: Number of classes, at least 2, the background included. May be left out when
            `class_names` is given.
        class_names: Names in the order of the classes.
        size: Height and width of the mask in pixels; None for those of the features.
        void: A number in the masks that means "no label", 255 for instance, or None.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If there are fewer than two classes, names that do not fit, a `void` that is a
            class, or features without the axes of an image.

    Call arguments:
        features: `[B, height, width, d]`.

    Returns:
        Probabilities, float32 `[B, *size, num_classes]`.

    >>> head = Segmentation(class_names=["background", "road"], size=(16, 16))
    >>> head(keras.ops.ones((2, 4, 4, 8))).shape
    TensorShape([2, 16, 16, 2])
    """

    def __init__(
        self,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        size: Sequence[int] | None = None,
        void: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, class_names, name=name, **kwargs)
        if void is not None and 0 <= void < self.num_classes:
            raise ValueError(
                f"`void` must not be one of the classes 0 to {self.num_classes - 1}. Received: "
                f"void={void}. Pixels of the void class are left out of loss and metrics."
            )
        self.size = None if size is None else check_size(size)
        self.void = None if void is None else int(void)
        self.projection = keras.layers.Conv2D(
            self.num_classes, 1, dtype=self.dtype_policy, data_format="channels_last", name="scores"
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        check_maps("Segmentation", features_shape)
        self.projection.build(features_shape)

    def call(self, features: Any) -> Any:
        """Returns the probabilities of the classes of every pixel."""
        return keras.ops.softmax(resize(self.projection(features), self.size), axis=-1)

    @property
    def default_metrics(self) -> list[Any]:
        """Mean over the classes of the intersection over union, and accuracy of the pixels."""
        return [
            keras.metrics.MeanIoU(self.num_classes, sparse_y_pred=False, name="mean_iou"),
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        ]

    @property
    def label_rule(self) -> LabelRule:
        """Class numbers or names."""
        return ClassLabels(self.num_classes, self._class_names, self.void)

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "segmentation"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "size": self.size, "void": self.void}
