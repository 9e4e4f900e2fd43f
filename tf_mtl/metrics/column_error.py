"""Mean absolute error of one column of an output."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class ColumnMeanAbsoluteError(keras.metrics.MeanMetricWrapper):
    """Mean absolute error of one column, for outputs that hold more than a prediction.

    Args:
        column: Number of the column, counted from 0.
        name: Name of the metric.
        dtype: Data type of the result.

    Call arguments:
        y_true: Numbers, `[B]` or `[B, 1]`.
        y_pred: `[B, K]`.

    >>> float(ColumnMeanAbsoluteError(column=1)([2.0], [[0.0, 5.0, 9.0]]))
    3.0
    """

    def __init__(self, column: int, name: str = "mae", dtype: Any = None) -> None:
        super().__init__(_absolute_error, name=name, dtype=dtype, column=column)
        self.column = column

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"column": self.column, "name": self.name, "dtype": self.dtype}


def _absolute_error(y_true: Any, y_pred: Any, column: int) -> Any:
    predicted = keras.ops.convert_to_tensor(y_pred)[:, column]
    return keras.ops.abs(
        keras.ops.cast(keras.ops.reshape(y_true, (-1,)), predicted.dtype) - predicted
    )
