"""Numbers for each pixel: depth, flow, surface normals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..losses import CosineDistance, Standardized, unit_vectors
from ..metrics import AngularError
from ..whole_numbers import check_size, check_whole
from .base import BaseHead
from .labels import FloatLabels, LabelRule
from .maps import check_maps, resize
from .regression import per_unit


class PixelLabels(LabelRule):
    """Numbers for each pixel, `[B, height, width, units]`: NaN is missing.

    The last axis may be left out where it is 1. It is put back, since Keras would take the last
    axis that it finds, the width, for the dimensions of one label.

    >>> PixelLabels().encode(tf.zeros((2, 4, 4)))[0].shape
    TensorShape([2, 4, 4, 1])
    """

    def __init__(self) -> None:
        self.numbers = FloatLabels()

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces NaN as for other numbers."""
        return self.numbers.encode(labels[..., None] if labels.shape.rank == 3 else labels)

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text and infinite values."""
        return self.numbers.problem(labels)

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape; a last axis of one may be left out."""
        return self.numbers.label_shapes(output_shape)


class UnitVectorLabels(LabelRule):
    """Vectors of length 1: a vector with NaN is missing.

    Lengths from 0.9 to 1.1 pass, since normals that were stored as images are rounded.

    >>> UnitVectorLabels().problem(np.array([[[[0.0, 0.0, 2.0]]]]))
    (0, 'the vector [0.0, 0.0, 2.0] has the length 2.0: expected 1, or NaN where missing')
    """

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces missing vectors by one along the last axis."""
        if not labels.dtype.is_floating:
            return labels, None
        known = tf.reduce_all(~tf.math.is_nan(labels), axis=-1, keepdims=True)
        along = tf.one_hot(labels.shape[-1] - 1, labels.shape[-1], dtype=labels.dtype)
        return tf.where(known, labels, along), tf.broadcast_to(known, tf.shape(labels))

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text and vectors of another length."""
        found = FloatLabels().problem(labels)
        if found:
            return found
        length = np.linalg.norm(labels.astype("float64"), axis=-1)
        wrong = np.argwhere(~np.isnan(length) & (np.abs(length - 1) > 0.1))
        if not len(wrong):
            return None
        place = tuple(wrong[0])
        vector = [round(float(value), 4) for value in labels[place]]
        return int(place[0]), (
            f"the vector {vector} has the length {round(float(length[place]), 4)}: expected 1, or "
            "NaN where missing"
        )

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape."""
        return [output_shape]


@keras.saving.register_keras_serializable(package="tf_mtl")
class DenseRegression(BaseHead):
    """Real numbers for every pixel, in the user's own units: depth, or surface normals.

    The values are told where the features are and interpolated to the size of the labels. `mean`
    and `std` work as in `Regression`: the loss is that of standardised values. With `unit_vectors`
    every output is a vector of length 1 and the loss is 1 - cos of the angle, as for surface
    normals (Eigen and Fergus, ICCV 2015).

    Labels are `[B, height, width, units]`, the last axis may be left out if `units` is 1.
    Missing: NaN, number by number; of unit vectors, vector by vector.

    Args:
        units: Numbers for each pixel.
        size: Height and width of the labels in pixels; None for those of the features.
        mean: Mean of the labels, one number or one for each unit, in the labels' units.
        std: Standard deviation likewise; greater than 0.
        loss: Keras loss of the standardised values; None for the mean squared error, or
            `tf_mtl.losses.CosineDistance()` of unit vectors.
        unit_vectors: Whether outputs and labels are vectors of length 1.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `units` is less than 1 (2 for unit vectors), `mean` or `std` do not fit it or
            are given for unit vectors, or features lack the axes of an image.

    Call arguments:
        features: `[B, height, width, d]`.

    Returns:
        Numbers in the labels' units, float32 `[B, *size, units]`.

    >>> head = DenseRegression(size=(8, 8), mean=2.5, std=1.0)  # a depth in metres
    >>> head(keras.ops.zeros((1, 4, 4, 16))).numpy().max().item()
    2.5
    """

    def __init__(
        self,
        units: int = 1,
        size: Sequence[int] | None = None,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        loss: Any = None,
        unit_vectors: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        hint = "Vectors of length 1 have more than one." if unit_vectors else ""
        self.units = units = check_whole(units, "units", 1 + unit_vectors, hint)
        self.size = None if size is None else check_size(size)
        self.mean = per_unit("mean", mean, units)
        self.std = per_unit("std", std, units)
        self.standardized = self.mean != [0.0] * units or self.std != [1.0] * units
        if self.standardized and unit_vectors:
            raise ValueError(
                "Vectors of length 1 have no units to standardise: leave out `mean` and `std`, or "
                f"`unit_vectors`. Received: mean={mean}, std={std}."
            )
        self.loss = loss
        self.unit_vectors = unit_vectors
        if self.standardized:
            Standardized("mse", self.mean, self.std)  # refuses a std that is not positive
        self.projection = keras.layers.Conv2D(
            units, 1, dtype=self.dtype_policy, data_format="channels_last", name="values"
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        check_maps("DenseRegression", features_shape)
        self.projection.build(features_shape)

    def call(self, features: Any) -> Any:
        """Returns the numbers of every pixel in the labels' units."""
        values = resize(self.projection(features), self.size)
        if self.unit_vectors:
            return unit_vectors(values)
        return values * self.std + self.mean if self.standardized else values

    @property
    def default_loss(self) -> Any:
        """The loss in standardised units, or of the angle."""
        usual = CosineDistance() if self.unit_vectors else "mean_squared_error"
        loss = usual if self.loss is None else self.loss
        return Standardized(loss, self.mean, self.std) if self.standardized else loss

    @property
    def default_metrics(self) -> list[Any]:
        """Mean absolute and root mean squared error in the labels' units, or the mean angle."""
        if self.unit_vectors:
            return [AngularError(name="angle")]
        return [
            keras.metrics.MeanAbsoluteError(name="mae"),
            keras.metrics.RootMeanSquaredError(name="rmse"),
        ]

    @property
    def label_rule(self) -> LabelRule:
        """Numbers or unit vectors, NaN where missing."""
        return UnitVectorLabels() if self.unit_vectors else PixelLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "dense_regression"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "size": self.size,
            "mean": self.mean,
            "std": self.std,
            "loss": keras.saving.serialize_keras_object(self.loss),
            "unit_vectors": self.unit_vectors,
        }
