"""Missing numbers: filled and marked inside the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="tf_mtl")
class FillMissing(keras.layers.Layer):
    """Replaces NaN by a fixed number for each column, and marks where it was.

    A network makes NaN of every output once a single input is NaN. The numbers are arguments, not
    variables, so that several models may share the layer.

    Args:
        values: What to put in place of NaN, one number for each of the C columns.
        indicators: Positions of the M columns that get a mark: 1 where NaN was, otherwise 0.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `values` is not finite or a position is not from 0 to C - 1.

    Call arguments:
        numbers: Float `[B, C]`.

    Returns:
        Float `[B, C + M]`: the filled columns, then the marks.

    >>> FillMissing([7.0, 9.0], indicators=[1])(np.array([[1.0, np.nan]])).numpy().tolist()
    [[1.0, 9.0, 1.0]]
    """

    def __init__(
        self,
        values: Sequence[float],
        indicators: Sequence[int] = (),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.values = [float(value) for value in values]
        self.indicators = [int(position) for position in indicators]
        if not np.isfinite(self.values).all():
            raise ValueError(f"FillMissing needs finite `values`. Received: values={self.values}.")
        if any(not 0 <= position < len(self.values) for position in self.indicators):
            raise ValueError(
                f"FillMissing needs `indicators` from 0 to {len(self.values) - 1}, the positions "
                f"of its columns. Received: indicators={self.indicators}."
            )

    def call(self, numbers: Any) -> Any:
        """Returns the filled columns and the marks."""
        missing = keras.ops.isnan(numbers)
        values = keras.ops.convert_to_tensor(self.values, dtype=numbers.dtype)
        filled = keras.ops.where(missing, values, numbers)
        if not self.indicators:
            return filled
        marks = keras.ops.take(missing, np.array(self.indicators), axis=-1)
        return keras.ops.concatenate([filled, keras.ops.cast(marks, filled.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the features."""
        return (*input_shape[:-1], len(self.values) + len(self.indicators))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {**super().get_config(), "values": self.values, "indicators": self.indicators}
