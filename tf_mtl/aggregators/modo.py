"""MoDo: one projected step of MGDA's weights per training step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows, divide
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.sdmgrad import keep_absent
from tf_mtl.aggregators.simplex import project_simplex
from tf_mtl.method_arguments import check_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class MoDo(GramianAggregator):
    """g = Jᵀλ with λ ← Π(λ - γ (G + ρ I) λ), the projection onto the simplex, once a step.

    Following the weights slowly averages out the noise of the batches that MGDA, solved at each
    step, takes at face value.

    Reference: Chen et al., "Three-Way Trade-Off in Multi-Objective Learning: Optimization,
    Generalization and Conflict-Avoidance", NeurIPS 2023 and JMLR 2024, algorithm 2. The paper
    estimates G from two independent batches; here G is J Jᵀ of the step's own batch, divided by
    the mean squared norm of its rows so that γ and ρ have no unit.

    Args:
        gamma: γ, the rate of the weights.
        rho: ρ, the pull towards equal weights.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = MoDo(gamma=0.5)(keras.ops.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, gamma: float = 0.1, rho: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        check_number("gamma", gamma)
        check_number("rho", rho)
        self.gamma = gamma
        self.rho = rho

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "gamma": self.gamma, "rho": self.rho}

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        simplex = np.full(tasks, 1.0 / tasks, "float32")
        return {**super()._first_state(tasks, sizes), "simplex": simplex}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        gramian = divide(rows.gramian, rows.mean(rows.lengths**2))
        before = tf.cast(state["simplex"], tf.float64)
        simplex = divide(before * rows.present, tf.reduce_sum(before * rows.present))
        slope = tf.linalg.matvec(gramian, simplex) + self.rho * simplex
        simplex = project_simplex(simplex - self.gamma * slope, rows.present)
        state["simplex"] = keep_absent(simplex, before, rows.present)
        return simplex
