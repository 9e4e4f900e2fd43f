"""Dates as places on the daily, weekly and yearly round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

PERIODS = (1.0, 7.0, 365.2425)


@keras.saving.register_keras_serializable(package="tf_mtl")
class CalendarFeatures(keras.layers.Layer):
    """Encodes dates by sine and cosine of the time of day, of the week and of the year.

    31 December and 1 January, or 23:59 and 0:00, come out close to each other.

    Args:
        columns: Positions of the M columns that hold dates.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        numbers: Float `[B, C]`; the dates in days since 1970-01-01 0:00.

    Returns:
        Float `[B, 6 M]`.

    >>> noon = CalendarFeatures([0])(keras.ops.array([[0.5]]))[0, 3]  # cosine of the time of day
    >>> round(float(noon), 4)
    -1.0
    """

    def __init__(self, columns: Sequence[int], name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.columns = [int(position) for position in columns]

    def call(self, numbers: Any) -> Any:
        """Returns sines and cosines."""
        days = keras.ops.take(numbers, np.array(self.columns), axis=-1)
        # The remainder is taken first: it is exact, and the sine of a large float32 is not.
        angles = [(days % period) * (2 * math.pi / period) for period in PERIODS]
        waves = [keras.ops.sin(angle) for angle in angles]
        waves += [keras.ops.cos(angle) for angle in angles]
        return keras.ops.concatenate(waves, axis=-1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the features."""
        return (*input_shape[:-1], 2 * len(PERIODS) * len(self.columns))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {**super().get_config(), "columns": self.columns}
