"""Logarithm: the sum of the logarithms of the losses."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class Logarithm(LossWeighting):
    """log L_t: each task is weighted by 1 / L_t, so the scale of a loss does not matter at all.

    Reference: Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022, section 5, as
    the baseline "scale-invariant" (SI). A loss that is not positive counts as absent in that step.

    Args:
        **options: `name`, as every `LossWeighting`.

    >>> Logarithm()(keras.ops.array([1.0, 2.0])).numpy().round(4)
    array([0.    , 0.6931], dtype=float32)
    """

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        tasks = tasks.positive()
        return tasks.keep(tf.math.log(tasks.losses))
