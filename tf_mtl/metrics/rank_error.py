"""Mean absolute error of ranks."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class RankError(keras.metrics.MeanMetricWrapper):
    """Mean distance, in ranks, between the most likely class and the true one.

    Of ordered classes a near miss is better than a far one, which accuracy does not tell.

    Args:
        name: Name of the metric.
        dtype: Data type of the result.

    Call arguments:
        y_true: Class numbers `[B]` or `[B, 1]`.
        y_pred: Probabilities of the classes `[B, K]`.

    >>> metric = RankError()
    >>> float(metric([0, 2], [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]))  # one is a rank off
    0.5
    """

    def __init__(self, name: str = "rank_error", dtype: Any = None) -> None:
        super().__init__(_rank_error, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "dtype": self.dtype}


def _rank_error(y_true: Any, y_pred: Any) -> Any:
    predicted = keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), "float32")
    return keras.ops.abs(keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "float32") - predicted)
