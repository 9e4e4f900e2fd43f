"""Deviance of counts."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class MeanPoissonDeviance(keras.metrics.MeanMetricWrapper):
    """Mean of 2 (y log(y/μ) − y + μ): 0 where every prediction is the count itself.

    The same as `sklearn.metrics.mean_poisson_deviance`. Unlike the Poisson loss it does not depend
    on the unit in which the data have noise: a good model of Poisson counts is near 1.

    Args:
        name: Name of the metric.
        dtype: Data type of the result.

    Call arguments:
        y_true: Counts, `[B]` or `[B, 1]`.
        y_pred: Means greater than 0 in the first column, `[B, ...]`; others are not looked at.

    >>> round(float(MeanPoissonDeviance()([2.0], [[1.0]])), 4)
    0.7726
    """

    def __init__(self, name: str = "deviance", dtype: Any = None) -> None:
        super().__init__(_deviance, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "dtype": self.dtype}


def _deviance(y_true: Any, y_pred: Any) -> Any:
    ops = keras.ops
    mean = ops.convert_to_tensor(y_pred)[:, 0]
    count = ops.cast(ops.reshape(y_true, (-1,)), mean.dtype)
    some = ops.where(count > 0, count, 1.0)
    # y log(y/μ) − y + μ is y (δ − log(1 + δ)) with μ = y (1 + δ). As a sum of three large terms
    # it would cancel where counts are large and predictions near them.
    excess = (mean - count) / some
    logarithm = ops.where(excess > -0.5, ops.log1p(excess), ops.log(mean) - ops.log(some))
    return 2.0 * ops.where(count > 0, count * (excess - logarithm), mean)
