"""Share of labels between predicted bounds."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class Coverage(keras.metrics.MeanMetricWrapper):
    """Share of labels that lie between two columns of the output, bounds included.

    Of the interval from the 0.1 to the 0.9 quantile it should be 0.8: less means that the
    predictions are too sure of themselves, more that the intervals are wider than need be.

    Args:
        lower: Column of the lower bound, or None where there is none.
        upper: Column of the upper bound, or None.
        name: Name of the metric.
        dtype: Data type of the result.

    Raises:
        ValueError: If there is neither bound.

    Call arguments:
        y_true: Numbers, `[B]` or `[B, 1]`.
        y_pred: `[B, K]`.

    >>> float(Coverage()([5.0, 9.0], [[4.0, 5.0, 6.0], [4.0, 5.0, 6.0]]))
    0.5
    """

    def __init__(
        self,
        lower: int | None = 0,
        upper: int | None = -1,
        name: str = "coverage",
        dtype: Any = None,
    ) -> None:
        super().__init__(_inside, name=name, dtype=dtype, lower=lower, upper=upper)
        if lower is None and upper is None:
            raise ValueError(
                "Coverage needs the column of a `lower` bound, an `upper` one or both."
            )
        self.lower = lower
        self.upper = upper

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"lower": self.lower, "upper": self.upper, "name": self.name, "dtype": self.dtype}


def _inside(y_true: Any, y_pred: Any, lower: int | None, upper: int | None) -> Any:
    y_pred = keras.ops.convert_to_tensor(y_pred)
    label = keras.ops.cast(keras.ops.reshape(y_true, (-1,)), y_pred.dtype)
    inside = keras.ops.ones_like(label, dtype="bool")
    if lower is not None:
        inside = keras.ops.logical_and(inside, label >= y_pred[:, lower])
    if upper is not None:
        inside = keras.ops.logical_and(inside, label <= y_pred[:, upper])
    return keras.ops.cast(inside, y_pred.dtype)
