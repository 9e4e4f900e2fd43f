"""IMTLL: a learned scale for each task, the loss half of IMTL."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class IMTLL(LossWeighting):
    """exp(s_t) L_t - s_t, where s_t is learned: every scaled loss tends to 1.

    Together with the aggregator `IMTLG` it is the paper's full method, IMTL.

    Reference: Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021, section 3.2
    (IMTL-L, with base e).

    Args:
        **options: `name`, as every `LossWeighting`.

    >>> IMTLL()(keras.ops.array([1.0, 4.0])).numpy()
    array([1., 4.], dtype=float32)
    """

    def _first_trained(self, tasks: int) -> dict[str, np.ndarray]:
        return {"log_scale": np.zeros(tasks, "float32")}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        s = tf.convert_to_tensor(self._trained["log_scale"])
        return tf.exp(s) * tasks.losses - s
