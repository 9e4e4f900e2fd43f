"""MoCo: MGDA's weights on moving averages of the gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.aggregator import Aggregator, Answer, keep_unless
from tf_mtl.aggregators.gramian import combine, divide, from_blocks
from tf_mtl.aggregators.moving_rows import first_average, move_average
from tf_mtl.aggregators.sdmgrad import keep_absent
from tf_mtl.aggregators.simplex import project_simplex
from tf_mtl.method_arguments import check_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class MoCo(Aggregator):
    """g = Yᵀλ, Y a moving average of the Jacobian and λ ← Π(λ - γ_k (Y Yᵀ + ρ I) λ) once a step.

    Averaging the gradients themselves removes the bias that products of noisy gradients have.

    Reference: Fernando et al., "Mitigating Gradient Bias in Multi-objective Learning: A Provably
    Convergent Approach", ICLR 2023, algorithm 1, with β_k = β / k^s and γ_k = γ / k^t as in the
    authors' code, and as there the step takes the new Y and λ. Π is the projection onto the
    simplex, as in the paper (the code takes a softmax); Y Yᵀ is divided by its mean diagonal, so
    that γ and ρ have no unit, where the code scales each gradient to its loss; and Y starts from
    each task's first gradient, not from zero. It keeps T copies of the parameters.

    Args:
        beta: β, the rate of Y.
        beta_decay: s.
        gamma: γ, the rate of λ.
        gamma_decay: t.
        rho: ρ, the pull towards equal weights.
        **options: `groups` and `name`, as every `Aggregator`; `wrt` and `every` cannot be changed.

    >>> MoCo()(keras.ops.array([[1.0, 0.0], [0.0, 1.0]])).numpy()
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(
        self,
        beta: float = 0.5,
        beta_decay: float = 0.5,
        gamma: float = 0.1,
        gamma_decay: float = 0.5,
        rho: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_number("beta", beta, 0.0, 1.0)
        check_number("beta_decay", beta_decay)
        check_number("gamma", gamma)
        check_number("gamma_decay", gamma_decay)
        check_number("rho", rho)
        self.beta = beta
        self.beta_decay = beta_decay
        self.gamma = gamma
        self.gamma_decay = gamma_decay
        self.rho = rho

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("beta", "beta_decay", "gamma", "gamma_decay", "rho")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        first = {**super()._first_state(tasks, sizes), **first_average(tasks, sizes)}
        return {**first, "simplex": np.full(tasks, 1.0 / tasks, "float32")}

    def _aggregate(self, blocks: list[Any], losses: Any, gramian: Any, state: Any) -> Answer:
        remembered = dict(state)
        rate = self.beta / (state["updates"] + 1.0) ** self.beta_decay
        averages, _ = move_average(blocks, rate, state)
        rows = from_blocks(averages)
        gamma = self.gamma / tf.cast(state["step"] + 1, tf.float64) ** self.gamma_decay
        before = tf.cast(state["simplex"], tf.float64)
        simplex = divide(before * rows.present, tf.reduce_sum(before * rows.present))
        products = divide(rows.gramian, rows.mean(rows.lengths**2))
        slope = tf.linalg.matvec(products, simplex) + self.rho * simplex
        simplex = project_simplex(simplex - gamma * slope, rows.present)
        state["simplex"] = keep_absent(simplex, before, rows.present)
        keep_unless(tf.reduce_all(tf.math.is_finite(rows.norms)), state, remembered)
        gradient = combine(averages, simplex, rows)
        dtypes = [block.dtype for block in blocks]
        return Answer(
            [tf.cast(part, dtype) for part, dtype in zip(gradient, dtypes, strict=True)], simplex
        )
