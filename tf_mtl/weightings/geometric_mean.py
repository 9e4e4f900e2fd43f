"""GeometricMean: the T-th root of the product of the losses."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class GeometricMean(LossWeighting):
    """(∏_t L_t)^(1/T): every task counts by its relative progress, whatever its scale.

    Scaling one loss scales the whole, and the balance between the tasks stays. The weighted losses
    are T equal shares of the mean.

    Reference: Chennupati et al., "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss
    Strategy for Multi-Task Learning", CVPR Workshops 2019, equation 2. A loss that is not positive
    has no logarithm and counts as absent in that step, where the formula would be 0 with an
    infinite derivative.

    Args:
        **options: `name`, as every `LossWeighting`.

    >>> keras.ops.sum(GeometricMean()(keras.ops.array([1.0, 16.0]))).numpy().round(4)
    np.float32(4.0)
    """

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        tasks = tasks.positive()
        mean = tf.exp(tasks.mean(tf.math.log(tasks.losses)))
        return tasks.shares(mean)
