"""R² of numbers that are far from 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class StandardizedR2(keras.metrics.R2Score):
    """Share of the variance that predictions explain, from sums of standardised values.

    R² is the same in all units, but float32 is not: Keras' `R2Score` takes the variance as the
    difference of two sums of squares, of which nothing is left where the mean of the labels is
    many times their standard deviation (a pressure in pascal, a year).

    Args:
        mean: About the mean of the labels, a float or one for each unit.
        std: About their standard deviation, likewise; greater than 0.
        name: Name of the metric.
        dtype: Data type of the sums.

    Call arguments:
        y_true: Numbers, `[B]` or `[B, units]`.
        y_pred: `[B, units]`.

    >>> metric = StandardizedR2(mean=1e6, std=1.0)
    >>> float(metric([[1e6 - 1], [1e6 + 1]], [[1e6], [1e6 + 1]]))
    0.5
    """

    def __init__(
        self,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        name: str = "r2",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.mean = mean
        self.std = std

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds the rows of a batch."""
        super().update_state(self._standardize(y_true), self._standardize(y_pred), sample_weight)

    def result(self) -> Any:
        """Returns the mean of R² over the units, 0 where there are no rows."""
        return keras.ops.where(keras.ops.any(self.count > 0), super().result(), 0.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"mean": self.mean, "std": self.std, "name": self.name, "dtype": self.dtype}

    def _standardize(self, values: Any) -> Any:
        values = keras.ops.convert_to_tensor(values, dtype=self.dtype)
        return (values - self.mean) / self.std
