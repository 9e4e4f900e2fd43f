"""One or several numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..losses import Standardized
from ..metrics import StandardizedR2
from ..whole_numbers import check_whole
from .base import BaseHead, numbers, pool, pooled_shape
from .labels import FloatLabels, LabelRule


@keras.saving.register_keras_serializable(package="tf_mtl")
class Regression(BaseHead):
    """Real numbers, in the user's own units.

    With `mean` and `std` of the target the head computes standardised values and undoes this in
    the output; the default loss is computed in standardised units, so that a task in large units
    does not drown the others, while predictions and metrics stay in the user's units.

    Labels are numbers, `[B]` or `[B, units]`. Missing: NaN, dimension by dimension.

    Args:
        units: Number of dimensions of the target.
        mean: Mean of the target, one number or one for each dimension, in the target's units.
        std: Standard deviation of the target, likewise; greater than 0.
        loss: Keras loss of the standardised values.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `units` is less than 1, or `mean` or `std` do not fit it.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.

    Returns:
        Predictions in the target's units, float32 `[B, units]`.

    >>> head = Regression(mean=170.0, std=10.0)  # a person's height in centimetres
    >>> head(keras.ops.zeros((2, 8))).numpy().tolist()
    [[170.0], [170.0]]
    """

    def __init__(
        self,
        units: int = 1,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        loss: Any = "mean_squared_error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.units = units = check_whole(units, "units")
        self.mean = per_unit("mean", mean, units)
        self.std = per_unit("std", std, units)
        self.standardized = self.mean != [0.0] * units or self.std != [1.0] * units
        self.loss = loss
        if self.standardized:
            Standardized(self.loss, self.mean, self.std)  # refuses a std that is not positive
        self.projection = keras.layers.Dense(units, dtype=self.dtype_policy, name="value")

    @classmethod
    def for_labels(cls, labels: Any, **kwargs: Any) -> Regression:
        """Returns a head with the mean and the standard deviation of `labels`.

        Args:
            labels: Array of training labels, `[B]` or `[B, units]`; NaN entries are left out.
            **kwargs: Arguments of the constructor.

        >>> Regression.for_labels([1.0, 3.0, float("nan")]).mean
        [2.0]
        """
        values = np.asarray(labels, dtype="float64")
        values = values.reshape(len(values), -1)
        std = np.nanstd(values, axis=0)
        return cls(
            units=values.shape[1],
            mean=np.nanmean(values, axis=0).tolist(),
            std=np.where(std > 0, std, 1.0).tolist(),
            **kwargs,
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any) -> Any:
        """Returns the predictions in the target's units."""
        value = self.projection(pool(features))
        return value * self.std + self.mean if self.standardized else value

    @property
    def default_loss(self) -> Any:
        """The loss in standardised units."""
        return Standardized(self.loss, self.mean, self.std) if self.standardized else self.loss

    @property
    def default_metrics(self) -> list[Any]:
        """Mean absolute error in the target's units, and R²."""
        return [keras.metrics.MeanAbsoluteError(name="mae"), StandardizedR2(self.mean, self.std)]

    @property
    def label_rule(self) -> LabelRule:
        """Numbers, NaN where missing."""
        return FloatLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "regression"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "mean": self.mean,
            "std": self.std,
            "loss": keras.saving.serialize_keras_object(self.loss),
        }


def per_unit(argument: str, value: float | Sequence[float], units: int) -> list[float]:
    """Returns one number for each unit.

    Raises:
        ValueError: Unless `value` is one number or `units` numbers.

    >>> per_unit("mean", 2, 3)
    [2.0, 2.0, 2.0]
    """
    values = numbers(argument, value)
    if len(values) == 1:
        values = values * units
    if len(values) != units:
        raise ValueError(
            f"`{argument}` must be one number or {units} numbers, one for each of the "
            f"units={units}. Received {len(values)}: {value}."
        )
    return values
