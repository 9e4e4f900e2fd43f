"""PCD: follow the first task, with some progress for all the others."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows, divide, quadratic
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.nonnegative import solve_nonnegative
from tf_mtl.method_arguments import check_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class PCD(GramianAggregator):
    """The direction nearest to the first task's gradient that gives each other task its share.

    With g̃_t = g_t / √v_t, v_t a moving average of ‖g_t‖²: the d nearest to g̃₁ with
    g̃_t · d ≥ τ ‖g̃_t‖² for all others t, scaled to the norm of g₁.

    Reference: "Not All Objectives Are Born Equal: Priority-Constrained Descent for Hierarchical
    Multi-Objective Optimization", TMLR 2026 (arXiv 2606.29521), equation 6. There is no ε under
    the root. As in the authors' code, the answer is g₁ where the inequalities contradict each
    other, and zero where d or g₁ is: without its first task a step does nothing. The order of the
    tasks matters: put the primary one first.

    Args:
        tau: τ, the share of each other task, in [0, 1].
        beta: decay of the moving average, in [0, 1).
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = PCD()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([-0.82  ,  2.9434,  2.9434], dtype=float32)
    """

    def __init__(self, tau: float = 0.02, beta: float = 0.999, **options: Any) -> None:
        super().__init__(**options)
        check_number("tau", tau, 0.0, 1.0)
        check_number("beta", beta, 0.0, 1.0, exclude=[1.0])
        self.tau = tau
        self.beta = beta

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "tau": self.tau, "beta": self.beta}

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        zeros = {"squares": np.zeros(tasks, "float64"), "updates": np.zeros(tasks, "float64")}
        return {**super()._first_state(tasks, sizes), **zeros}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        here = rows.present > 0
        moved = self.beta * state["squares"] + (1.0 - self.beta) * rows.norms**2
        state["squares"] = tf.where(here, moved, state["squares"])
        state["updates"] += rows.present
        average = divide(state["squares"], 1.0 - self.beta ** state["updates"])
        normalized = divide(rows.norms, tf.sqrt(average))  # the norms of the g̃

        first = tf.one_hot(0, rows.tasks, dtype=tf.float64)
        others = (1.0 - first) * rows.present
        primary = first * normalized
        missing = tf.linalg.matvec(rows.cosines, primary) - self.tau * normalized
        gramian = rows.cosines * others[:, None] * others[None, :]
        x, possible = solve_nonnegative(gramian, (missing * others)[None], rows.precision)
        units = primary + tf.where(possible[0], x[0], tf.zeros_like(x[0]))
        squared = quadratic(rows.cosines, units)
        lost = squared <= max(1e-14, rows.precision) * tf.reduce_sum(tf.square(units))
        weights = units / rows.lengths * divide(rows.lengths[0] * rows.present[0], tf.sqrt(squared))
        return tf.where(lost, tf.zeros_like(weights), weights)
