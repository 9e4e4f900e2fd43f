"""GradVac: keep the cosines of the gradients at their usual values."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.compiled import compiled
from tf_mtl.aggregators.draws import ORDERS, visiting_order
from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.method_arguments import check_choice, check_number, check_seed


@keras.saving.register_keras_serializable(package="tf_mtl")
class GradVac(GramianAggregator):
    """Σ_i of the gradients, each pulled towards the others until their cosines are as usual.

    Where φ = cos(g_i, g_j) is below its moving average φ̂, g_j is added to g_i until it is φ̂;
    PCGrad is the case φ̂ = 0. Then φ̂ ← (1 - β) φ̂ + β φ for the pair.

    Reference: Wang et al., "Gradient Vaccine", ICLR 2021, equations 4 and 5. The paper tracks φ̂
    per layer: `groups="layer"`. φ̂ moves at every visit, as in the paper (LibMTL moves it after a
    correction only), is kept for each ordered pair, and counts as 1 - 1e-6 at most in the
    formula, which has no finite answer at 1. The answer depends on the order of the tasks.

    Args:
        beta: β, the rate of the moving average.
        order: visit the others in `"random"` order (new for each task and step), or `"fixed"`.
        seed: seed of the random orders.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = GradVac()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.5848, 3.8012, 3.8012], dtype=float32)
    """

    def __init__(
        self, beta: float = 0.5, order: str = "random", seed: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        check_number("beta", beta, 0.0, 1.0)
        check_choice("order", order, ORDERS)
        check_seed(seed)
        self.beta = beta
        self.order = order
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {"beta": self.beta, "order": self.order, "seed": self.seed}
        return {**super().get_config(), **config}

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        usual = np.zeros((tasks, tasks), "float32")
        return {**super()._first_state(tasks, sizes), "usual": usual}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        order = visiting_order(rows.tasks, self.order, self.seed, state["step"])
        beta = tf.constant(self.beta, tf.float64)
        usual = tf.cast(state["usual"], tf.float64)
        coefficients, state["usual"] = _vaccinate(rows.cosines, rows.present, order, usual, beta)
        lengths = rows.lengths
        return tf.linalg.matvec(coefficients, lengths * rows.present, transpose_a=True) / lengths


@compiled
def _vaccinate(cosines: Any, present: Any, order: Any, usual: Any, beta: Any) -> tuple[Any, Any]:
    """Returns `[T, T]` coefficients of the unit rows in each changed row, and the new averages."""
    tasks = order.shape[0]
    pairs = present[:, None] * present[None, :] * (1.0 - tf.eye(tasks, dtype=tf.float64))

    def visit(k: Any, coefficients: Any, products: Any, usual: Any) -> tuple[Any, Any, Any, Any]:
        visited = tf.gather(order, k, axis=1)
        at = tf.one_hot(visited, tasks, dtype=tf.float64) * pairs
        squared = tf.reduce_sum(coefficients * products, 1, keepdims=True)
        norm = tf.sqrt(tf.where(squared > 1e-14, squared, 0.0))  # 0 where projected away
        cosine = tf.math.divide_no_nan(tf.reduce_sum(at * products, 1, keepdims=True), norm)
        cosine = tf.clip_by_value(cosine, -1.0, 1.0)
        target = tf.minimum(tf.reduce_sum(at * usual, 1, keepdims=True), 1.0 - 1e-6)
        sine, target_sine = tf.sqrt(1.0 - cosine**2), tf.sqrt(1.0 - target**2)
        pull = norm * (target * sine - cosine * target_sine) / target_sine
        pull = tf.where(cosine < target, pull, tf.zeros_like(pull)) * at
        added = tf.reduce_sum(pull, 1, keepdims=True) * tf.gather(cosines, visited)
        moved = usual + beta * at * (cosine - usual)
        return k + 1, coefficients + pull, products + added, moved

    identity = tf.eye(tasks, dtype=tf.float64)
    state = tf.while_loop(lambda k, *_: k < tasks, visit, (0, identity, cosines, usual))
    return state[1], state[3]
