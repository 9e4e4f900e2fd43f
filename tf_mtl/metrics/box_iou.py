"""Overlap of boxes."""

from __future__ import annotations

from typing import Any

import keras

from ..losses import box_overlap


@keras.saving.register_keras_serializable(package="tf_mtl")
class BoxIoU(keras.metrics.MeanMetricWrapper):
    """Mean intersection over union of one box per row with the box it should be.

    Keras' `MeanIoU` is that of segmentations: of the classes of pixels.

    Args:
        name: Name of the metric.
        dtype: Dtype of the metric.

    >>> metric = BoxIoU()
    >>> metric.update_state([[0.0, 0.0, 0.5, 1.0]], [[0.25, 0.0, 1.0, 1.0]])
    >>> float(metric.result())
    0.25
    """

    def __init__(self, name: str = "mean_iou", dtype: Any = None) -> None:
        super().__init__(_iou, name=name, dtype=dtype)
        self._direction = "up"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "dtype": self.dtype}


def _iou(y_true: Any, y_pred: Any) -> Any:
    y_pred = keras.ops.convert_to_tensor(y_pred)
    return box_overlap(keras.ops.cast(y_true, y_pred.dtype), y_pred)[0]
