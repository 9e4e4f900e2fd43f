"""One box around something in an image."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ..losses import BoundingBoxLoss
from ..metrics import BoxIoU
from .base import BaseHead
from .labels import LabelRule


class BoxLabels(LabelRule):
    """Boxes x1, y1, x2, y2 from 0 to 1: a box with NaN is missing.

    >>> BoxLabels().problem(np.array([[0.5, 0.1, 0.2, 0.4]]))
    (0, 'the box [0.5, 0.1, 0.2, 0.4] has x2 ≤ x1: expected [x1, y1, x2, y2] with x1 < x2, y1 < y2')
    """

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces missing boxes by that of the whole image."""
        if not labels.dtype.is_floating:
            return labels, None
        known = tf.reduce_all(~tf.math.is_nan(labels), axis=-1, keepdims=True)
        labelled = tf.broadcast_to(known, tf.shape(labels))
        return tf.where(known, labels, tf.constant([0, 0, 1, 1], labels.dtype)), labelled

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text, boxes with a gap, in pixels, outside the image, swapped or empty."""
        if labels.dtype.kind not in "fiu":
            return 0, f"{labels.reshape(-1)[0]!r} is not a number (dtype {labels.dtype})"
        gaps = np.isnan(labels)
        whole = np.where(gaps.any(axis=-1, keepdims=True), [0, 0, 1, 1], labels)
        form = "expected [x1, y1, x2, y2] with x1 < x2, y1 < y2"
        checks = (
            (gaps.any(axis=-1) & ~gaps.all(axis=-1), "has a gap: a missing box is NaN throughout"),
            (
                ~((whole >= 0) & (whole <= 1)).all(axis=-1),
                "is not inside the image: expected [x1, y1, x2, y2] as shares of width and height, "
                "from 0 to 1. Divide pixels by the size of the image",
            ),
            (whole[..., 2] <= whole[..., 0], f"has x2 ≤ x1: {form}"),
            (whole[..., 3] <= whole[..., 1], f"has y2 ≤ y1: {form}"),
        )
        found = [(int(np.argmax(wrong)), text) for wrong, text in checks if wrong.any()]
        if not found:
            return None
        row, text = min(found, key=lambda pair: pair[0])
        return row, f"the box {[round(float(side), 4) for side in labels[row]]} {text}"

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape."""
        return [output_shape]


@keras.saving.register_keras_serializable(package="tf_mtl")
class BoundingBox(BaseHead):
    """The corners of one box, as shares of the width and height of the image.

    Every prediction is a box inside the image: the head tells two places along each axis by a
    sigmoid, and the smaller one is x1 or y1, so that 0 ≤ x1 ≤ x2 ≤ 1. (Offsets that are clipped
    have no gradient at the clip; corners that are not sorted may swap.) An untrained head tells a
    box in the middle of the image.

    Labels are `[B, 4]`: x1, y1, x2, y2 from 0 to 1, the y axis downwards. Missing: NaN throughout.
    Boxes without an area, swapped corners and boxes in pixels are refused.

    Args:
        loss: Keras loss of the corners; None for `tf_mtl.losses.BoundingBoxLoss()`, Huber + GIoU.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: `[B, d]`; or maps `[B, height, width, d]` of known size. Where something lies is
            the question, so that maps are not averaged: the head reads their profiles, the
            maximum of each column and of each row.

    Returns:
        Boxes x1, y1, x2, y2, float32 `[B, 4]`.

    >>> BoundingBox()(keras.ops.zeros((1, 8))).numpy().astype("float64").round(2).tolist()
    [[0.27, 0.27, 0.73, 0.73]]
    """

    def __init__(self, loss: Any = None, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.loss = loss
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        self.projection = keras.layers.Dense(
            4,
            activation="sigmoid",
            bias_initializer=_middle,
            dtype=self.dtype_policy,
            name="places",
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        if len(features_shape) not in (2, 4) or None in features_shape[1:]:
            raise ValueError(
                "BoundingBox needs features of a known size, [B, d] or [B, height, width, d]. "
                f"Received features of shape {tuple(features_shape)}. Give the input a fixed "
                "size, or let the trunk end in a vector."
            )
        if len(features_shape) == 4:
            batch, height, width, size = features_shape
            features_shape = (batch, (height + width) * size)  # type: ignore[operator]
        self.projection.build(features_shape)

    def call(self, features: Any) -> Any:
        """Returns the boxes."""
        if len(features.shape) == 4:
            columns, rows = ops.max(features, axis=1), ops.max(features, axis=2)
            features = self.flatten(ops.concatenate([columns, rows], axis=1))
        first, second = ops.split(self.projection(features), 2, axis=-1)
        return ops.concatenate([ops.minimum(first, second), ops.maximum(first, second)], axis=-1)

    @property
    def default_loss(self) -> Any:
        """Huber + GIoU, or the loss given."""
        return BoundingBoxLoss() if self.loss is None else self.loss

    @property
    def default_metrics(self) -> list[Any]:
        """Mean intersection over union, and mean absolute error of the coordinates."""
        return [BoxIoU(name="mean_iou"), keras.metrics.MeanAbsoluteError(name="mae")]

    @property
    def label_rule(self) -> LabelRule:
        """Boxes with an area, inside the image."""
        return BoxLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "box"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss)}


def _middle(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Returns the biases of a box whose sides are 0.27 from those of the image."""
    return ops.convert_to_tensor([-1, -1, 1, 1], dtype=dtype)
