"""The angle between vectors."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from ..losses import unit_vectors


@keras.saving.register_keras_serializable(package="tf_mtl")
class AngularError(keras.metrics.MeanMetricWrapper):
    """Mean angle in degrees between predicted and true vectors, from 0 to 180.

    It is what surface normals are judged by. The angle is that of the half-angle formula, since
    the arc cosine of float32 cannot tell angles below 0.03° apart.

    Args:
        name: Name of the metric.
        dtype: Dtype of the metric.

    >>> metric = AngularError()
    >>> metric.update_state([[0.0, 0.0, 1.0]], [[0.0, 1.0, 1.0]])
    >>> round(float(metric.result()), 3)
    45.0
    """

    def __init__(self, name: str = "angle", dtype: Any = None) -> None:
        super().__init__(_angle, name=name, dtype=dtype)
        self._direction = "down"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "dtype": self.dtype}


def _angle(y_true: Any, y_pred: Any) -> Any:
    """Returns 2 atan2(|a - b|, |a + b|) of the unit vectors, in degrees."""
    second = unit_vectors(ops.convert_to_tensor(y_pred))
    first = unit_vectors(ops.cast(y_true, second.dtype))
    half = ops.arctan2(ops.norm(first - second, axis=-1), ops.norm(first + second, axis=-1))
    return half * (360 / math.pi)
