"""STCH: a smooth maximum of the preferred losses."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_number, check_numbers
from tf_mtl.weightings.tasks import Tasks, per_task
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class STCH(LossWeighting):
    """μ log Σ_t exp(p_t (L_t - z_t) / μ): the smooth Tchebycheff scalarization.

    It follows the task that is worst off and, unlike weighted sums, reaches every Pareto optimal
    point by a choice of p. μ → 0 tends to the maximum, μ → ∞ to the weighted sum.

    With `warmup_steps` the losses need no common scale: for so many steps each task is weighted by
    1 / L_t while its mean loss n_t is measured, and then log(L_t / n_t) takes the place of L_t.

    Reference: Lin et al., "Smooth Tchebycheff Scalarization for Multi-Objective Optimization",
    ICML 2024, equation 5; the warm-up is that of the authors' code, which counts epochs, takes n_t
    from the last of them alone, has p_t = 1 and multiplies the result by T: with the default p,
    its μ is to be divided by T. A task's warm-up counts the steps in which it was present; with a
    warm-up, a loss that is not positive counts as absent. The weighted losses are equal shares of
    the value.

    Args:
        mu: μ, the smoothness.
        preference: p, `{task: number}` or a list (default: 1/T over the present tasks).
        reference: z, the ideal losses, or the ideal logarithms after a warm-up; given likewise
            (default: 0).
        warmup_steps: steps of warm-up; 0 takes the losses as they are.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: for arguments out of range, or not one number for each task.

    >>> keras.ops.sum(STCH(mu=0.1)(keras.ops.array([0.5, 2.0, 8.0]))).numpy().round(4)
    np.float32(2.6667)
    """

    def __init__(
        self,
        mu: float = 1.0,
        preference: PerTask | None = None,
        reference: PerTask | None = None,
        warmup_steps: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_number("mu", mu, exclude=[0.0])
        check_number("warmup_steps", warmup_steps)
        self.mu = mu
        self.preference = check_numbers("preference", preference)
        self.reference = check_numbers("reference", reference, signed=True)
        self.warmup_steps = warmup_steps

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {
            "mu": self.mu,
            "preference": self.preference,
            "reference": self.reference,
            "warmup_steps": self.warmup_steps,
        }
        return {**super().get_config(), **config}

    def _given(self) -> dict[str, Any]:
        return {
            "preference": self._in_order("preference", self.preference),
            "reference": self._in_order("reference", self.reference),
        }

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        if not self.warmup_steps:
            return {}
        return {"mean": np.zeros(tasks, "float32"), "steps": np.zeros(tasks, "float32")}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        if not self.warmup_steps:
            return self._smooth_maximum(tasks, tasks.losses)
        tasks = tasks.positive()
        logarithms = tf.math.log(tasks.losses)
        warm = tasks.among(state["steps"] >= self.warmup_steps)
        measured = tf.where(state["mean"] > 0.0, state["mean"], 1.0)
        scaled = self._smooth_maximum(warm, logarithms - tf.math.log(measured))
        return tasks.keep(tf.where(warm.present, scaled, logarithms))

    def _smooth_maximum(self, tasks: Tasks, losses: Any) -> Any:
        preference = per_task(self._given()["preference"], tasks.mask / tasks.count)
        reference = per_task(self._given()["reference"], tf.zeros_like(losses))
        exponents = preference * (losses - reference) / self.mu
        return tasks.shares(self.mu * tasks.log_sum_exp(exponents))

    def _remember(self, tasks: Tasks, state: dict[str, Any]) -> dict[str, Any]:
        if not self.warmup_steps:
            return state
        measuring = tasks.positive().among(state["steps"] < self.warmup_steps)
        steps = state["steps"] + measuring.mask
        mean = state["mean"] + (tasks.losses - state["mean"]) / tf.maximum(steps, 1.0)
        return {"steps": steps, "mean": measuring.keep(mean, state["mean"])}
