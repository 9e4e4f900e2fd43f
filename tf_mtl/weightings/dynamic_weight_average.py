"""DynamicWeightAverage: more weight for tasks whose loss fell less in the last epoch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.method_arguments import check_number
from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class DynamicWeightAverage(LossWeighting):
    """T softmax(r / temperature)_t L_t, with r_t the ratio of its mean losses in the last 2 epochs.

    The tasks that learn slowly get more. Only ratios count, so the scale of a loss does not matter.

    Reference: Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019,
    equation 7. T is the number of present tasks. As in the paper, r_t = 1 until a task has been
    seen in two epochs; an epoch in which a task never appears is not counted for it.

    Args:
        temperature: the higher, the more alike the weights.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: if `temperature` is not above 0.

    >>> weighting = DynamicWeightAverage()
    >>> for losses in ([1.0, 1.0], [0.5, 1.0]):
    ...     weighting.update(keras.ops.array(losses))
    ...     weighting.epoch_end()
    >>> weighting(keras.ops.array([1.0, 1.0])).numpy().round(3)
    array([0.876, 1.124], dtype=float32)
    """

    def __init__(self, temperature: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        check_number("temperature", temperature, exclude=[0.0])
        self.temperature = temperature

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "temperature": self.temperature}

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        keys = ("mean", "steps", "last", "before_last", "epochs")
        return {key: np.zeros(tasks, "float32") for key in keys}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        known = (state["epochs"] >= 2.0) & (state["before_last"] > 0.0)
        ratio = state["last"] / tf.where(known, state["before_last"], 1.0)
        logits = tf.where(known, ratio, 1.0) / self.temperature
        return tasks.count * tasks.softmax(logits) * tasks.losses

    def _remember(self, tasks: Tasks, state: dict[str, Any]) -> dict[str, Any]:
        steps = state["steps"] + 1.0
        mean = state["mean"] + (tasks.losses - state["mean"]) / steps
        return {"mean": mean, "steps": steps}

    def _close_epoch(self, state: dict[str, Any]) -> dict[str, Any]:
        seen = state["steps"] > 0.0
        nothing = tf.zeros_like(state["mean"])
        return {
            "last": tf.where(seen, state["mean"], state["last"]),
            "before_last": tf.where(seen, state["last"], state["before_last"]),
            "epochs": state["epochs"] + tf.cast(seen, tf.float32),
            "mean": nothing,
            "steps": nothing,
        }
