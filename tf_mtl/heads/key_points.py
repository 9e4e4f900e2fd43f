"""Points in an image: the joints of a person, the corners of a page."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ..losses import KeyPointLoss, points_with_visibility
from ..metrics import KeyPointDistance
from ..whole_numbers import check_whole
from .base import BaseHead, pool
from .labels import LabelRule


class KeyPointLabels(LabelRule):
    """Points x, y from 0 to 1, perhaps with a visibility of 0 or 1: a point with NaN is missing.

    A point that is labelled as invisible needs no position.

    >>> rule = KeyPointLabels()
    >>> points = tf.constant([[[0.2, 0.3, 1.0], [np.nan, np.nan, 0.0], [np.nan, 0.1, 1.0]]])
    >>> rule.encode(points)[1][0, :, 0].numpy().tolist()
    [True, True, False]
    """

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces NaN by 0.5, the middle of the image."""
        if not labels.dtype.is_floating:
            return labels, None
        gaps = tf.math.is_nan(labels)
        known = ~tf.reduce_any(gaps, axis=-1, keepdims=True)
        if labels.shape[-1] == 3:
            known |= labels[..., 2:] == 0
        middle = tf.constant(0.5, labels.dtype)
        return tf.where(gaps, middle, labels), tf.broadcast_to(known, tf.shape(labels))

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text, points outside the image and visibilities other than 0 and 1."""
        if labels.dtype.kind not in "fiu":
            return 0, f"{labels.reshape(-1)[0]!r} is not a number (dtype {labels.dtype})"
        position = np.where(np.isnan(labels[..., :2]), 0.5, labels[..., :2])
        visible = labels[..., 2] if labels.shape[-1] == 3 else np.ones(labels.shape[:-1])
        outside = ((position < 0) | (position > 1)).any(axis=-1) & (visible != 0)
        checks = (
            (
                ~np.isnan(visible) & ~np.isin(visible, [0, 1]),
                "has a visibility other than 0 (not visible) and 1 (visible)",
            ),
            (
                outside,
                "is not inside the image: expected [x, y] as shares of width and height, from 0 to "
                "1. Divide pixels by the size of the image; NaN is a missing point",
            ),
        )
        for wrong, text in checks:
            if wrong.any():
                row, point = (int(place) for place in np.argwhere(wrong)[0])
                numbers = [round(float(value), 4) for value in labels[row, point]]
                return row, f"point {point}, {numbers}, {text}"
        return None

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape."""
        return [output_shape]


@keras.saving.register_keras_serializable(package="tf_mtl")
class KeyPoints(BaseHead):
    """Positions of a fixed number of points, as shares of the width and height of the image.

    From feature maps every point gets a heatmap, and its position is the mean under the softmax of
    the heatmap: exact to less than a pixel, differentiable, and learnt from the coordinates alone
    (integral regression). The centres of the pixels of the maps carry the mean, so that a map of h
    rows reaches from 1/2h to 1 - 1/2h. From a vector the positions are a sigmoid of a dense layer.

    Labels are `[B, points, 2]`: x, y from 0 to 1, the y axis downwards; with `visibility`
    `[B, points, 3]`, the third number 1 for a visible point and 0 for another, whose position is
    not looked at. Missing: NaN, point by point.

    Args:
        num_points: Number of points.
        visibility: Whether it is predicted, too, which points can be seen.
        loss: Keras loss; None for `tf_mtl.losses.KeyPointLoss()`.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `num_points` is less than 1.

    Call arguments:
        features: `[B, height, width, d]` or `[B, d]`.

    Returns:
        x, y, and with `visibility` the probability that the point is visible, float32
        `[B, num_points, 2 or 3]`.

    Reference: X. Sun et al., Integral Human Pose Regression, ECCV 2018, equation 2. Of the
    visibility it has nothing; here it is told from the features averaged over the image.

    >>> KeyPoints(17)(ops.zeros((1, 8, 8, 4)))[0, 0].numpy().tolist()
    [0.5, 0.5]
    """

    def __init__(
        self,
        num_points: int,
        visibility: bool = False,
        loss: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.num_points = check_whole(num_points, "num_points")
        self.visibility = visibility
        self.loss = loss
        self.positions: Any = None
        self.seen = keras.layers.Dense(self.num_points, dtype=self.dtype_policy, name="visibility")

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projections."""
        if len(features_shape) not in (2, 4) or features_shape[-1] is None:
            raise ValueError(
                "KeyPoints needs features [B, height, width, d] or [B, d]. Received features of "
                f"shape {tuple(features_shape)}."
            )
        maps = len(features_shape) == 4
        self.positions = keras.layers.Dense(
            self.num_points * (1 if maps else 2),
            activation=None if maps else "sigmoid",
            dtype=self.dtype_policy,
            name="heatmaps" if maps else "positions",
        )
        self.positions.build(features_shape)
        if self.visibility:
            self.seen.build((features_shape[0], features_shape[-1]))

    def call(self, features: Any) -> Any:
        """Returns the points."""
        values = self.positions(features)
        points = (
            _expected_positions(values)
            if len(features.shape) == 4
            else ops.reshape(values, (-1, self.num_points, 2))
        )
        if not self.visibility:
            return points
        return points_with_visibility(points, self.seen(pool(features)))

    @property
    def default_loss(self) -> Any:
        """Huber loss of the visible points, cross-entropy of the visibility."""
        return KeyPointLoss() if self.loss is None else self.loss

    @property
    def default_metrics(self) -> list[Any]:
        """Mean distance of the visible points."""
        return [KeyPointDistance(name="distance")]

    @property
    def label_rule(self) -> LabelRule:
        """Points inside the image."""
        return KeyPointLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "key_points"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_points": self.num_points,
            "visibility": self.visibility,
            "loss": keras.saving.serialize_keras_object(self.loss),
        }


def _expected_positions(heatmaps: Any) -> Any:
    """Returns the mean x and y `[B, points, 2]` under the softmax of heatmaps `[B, h, w, points]`.

    >>> heatmaps = np.full((1, 2, 4, 1), -100.0, "float32")
    >>> heatmaps[0, 1, 0] = 100.0
    >>> _expected_positions(ops.convert_to_tensor(heatmaps)).numpy().tolist()
    [[[0.125, 0.75]]]
    """
    shares = ops.exp(heatmaps - ops.logsumexp(heatmaps, axis=(1, 2), keepdims=True))
    _, height, width, _ = ops.shape(heatmaps)
    x = (ops.arange(width, dtype=shares.dtype) + 0.5) / ops.cast(width, shares.dtype)
    y = (ops.arange(height, dtype=shares.dtype) + 0.5) / ops.cast(height, shares.dtype)
    return ops.stack(
        [
            ops.einsum("bhwk,w->bk", shares, x),
            ops.einsum("bhwk,h->bk", shares, y),
        ],
        axis=-1,
    )
