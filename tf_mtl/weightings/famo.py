"""FAMO: all losses fall at the same relative rate, without gradients of single tasks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.method_arguments import check_number
from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


@keras.saving.register_keras_serializable(package="tf_mtl")
class FAMO(LossWeighting):
    """c z_t log L_t with z = softmax(w) and c = 1 / Σ_t (z_t / L_t): the weights sum to 1.

    w follows by Adam the gradient of Σ_t z_t log(L_t before / L_t after): a task whose loss fell
    faster than the others' gets less. Only ratios of losses count.

    Reference: Liu et al., "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023, algorithm 1.
    Deviations: the paper evaluates the same batch again after the step; here "after" is the loss of
    the next batch with the task, which saves a forward pass and costs some noise. The losses carry
    no ε = 1e-8: a loss that is not positive counts as absent. Adam's own ε = 1e-8 stays, as its
    gradient has no scale. Bias correction counts each task's own steps.

    Args:
        gamma: weight decay of w.
        learning_rate: step size of w.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: if `gamma` is negative or `learning_rate` not above 0.

    >>> FAMO()(keras.ops.array([1.0, 2.0])).numpy().round(4)
    array([0.    , 0.4621], dtype=float32)
    """

    def __init__(self, gamma: float = 1e-3, learning_rate: float = 0.025, **options: Any) -> None:
        super().__init__(**options)
        check_number("gamma", gamma)
        check_number("learning_rate", learning_rate, exclude=[0.0])
        self.gamma = gamma
        self.learning_rate = learning_rate

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {"gamma": self.gamma, "learning_rate": self.learning_rate}
        return {**super().get_config(), **config}

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        keys = ("logits", "momentum", "velocity", "updates", "before")
        return {key: np.zeros(tasks, "float32") for key in keys}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        tasks = tasks.positive()
        detached = tasks.detached()
        z = tasks.softmax(self._remember(detached, state)["logits"])
        c = tf.math.divide_no_nan(1.0, tasks.sum(z / detached.losses))
        return c * z * tf.math.log(tasks.losses)

    def _remember(self, tasks: Tasks, state: dict[str, Any]) -> dict[str, Any]:
        tasks = tasks.positive()
        moving = tasks.among(state["before"] > 0.0)
        before = moving.keep(state["before"], 1.0)
        fall = moving.keep(tf.math.log(before) - tf.math.log(tasks.losses))
        return {
            **self._adam(moving, fall, state),
            "before": tasks.keep(tasks.losses, state["before"]),
        }

    def _adam(self, moving: Tasks, fall: Any, state: dict[str, Any]) -> dict[str, Any]:
        logits, z = state["logits"], moving.softmax(state["logits"])
        gradient = z * (fall - moving.sum(z * fall)) + self.gamma * logits
        updates = state["updates"] + 1.0
        momentum = BETA_1 * state["momentum"] + (1.0 - BETA_1) * gradient
        velocity = BETA_2 * state["velocity"] + (1.0 - BETA_2) * tf.square(gradient)
        mean = momentum / (1.0 - BETA_1**updates)
        spread = tf.sqrt(velocity / (1.0 - BETA_2**updates))
        after = {
            "logits": logits - self.learning_rate * mean / (spread + EPSILON),
            "momentum": momentum,
            "velocity": velocity,
            "updates": updates,
        }
        return {key: moving.keep(value, state[key]) for key, value in after.items()}
