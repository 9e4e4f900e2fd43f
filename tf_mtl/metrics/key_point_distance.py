"""Distance of points."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tf_mtl")
class KeyPointDistance(keras.metrics.Metric):
    """Mean distance of the visible points from where they should be, in units of the image.

    Where labels have a third number, only points with 1 there count.

    Args:
        name: Name of the metric.
        dtype: Dtype of the metric.

    >>> metric = KeyPointDistance()
    >>> metric.update_state([[[0.0, 0.0, 1.0], [0.5, 0.5, 0.0]]], [[[0.3, 0.4, 0.9], [1, 1, 0]]])
    >>> round(float(metric.result()), 6)
    0.5
    """

    def __init__(self, name: str = "distance", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._direction = "down"
        self.total = self.add_variable((), "zeros", self.dtype, name="total")
        self.count = self.add_variable((), "zeros", self.dtype, name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch.

        Args:
            y_true: `[B, points, 2]`, or `[B, points, 3]` with the visibility.
            y_pred: Points likewise.
            sample_weight: `[B]` or `[B, points]`, or None.
        """
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        distance = ops.norm(y_true[..., :2] - y_pred[..., :2], axis=-1)
        weight = y_true[..., 2] if y_true.shape[-1] == 3 else ops.ones_like(distance)
        if sample_weight is not None:
            given = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weight = weight * (given[:, None] if len(given.shape) == 1 else given)
        self.total.assign_add(ops.sum(weight * distance))
        self.count.assign_add(ops.sum(weight))

    def result(self) -> Any:
        """Returns the mean distance, 0 where no point was visible."""
        return ops.divide_no_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "dtype": self.dtype}
