"""PCGrad: project each gradient off those it conflicts with."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.compiled import compiled
from tf_mtl.aggregators.draws import ORDERS, visiting_order
from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.method_arguments import check_choice, check_seed


@keras.saving.register_keras_serializable(package="tf_mtl")
class PCGrad(GramianAggregator):
    """Σ_i of the gradients, each freed of its components against the others, one after another.

    g_i ← g_i - (g_i·g_j / ‖g_j‖²) g_j wherever g_i·g_j < 0, visiting the j in turn. It undoes
    conflicts between pairs; the sum may still conflict with a task when T > 2.

    Reference: Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, algorithm 1.
    The answer is the sum of the projected gradients, as in the paper, not their mean. All T tasks
    are projected at once, on the coefficients of the gradients. An order belongs to the tasks'
    positions: neither order survives a permutation of the tasks, unless T is 2.

    Args:
        order: visit the others in `"random"` order (new for each task and step), or `"fixed"`.
        seed: seed of the random orders.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> PCGrad()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])).numpy().round(4)
    array([0.5848, 3.8012, 3.8012], dtype=float32)
    """

    def __init__(self, order: str = "random", seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        check_choice("order", order, ORDERS)
        check_seed(seed)
        self.order = order
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "order": self.order, "seed": self.seed}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        order = visiting_order(rows.tasks, self.order, self.seed, state["step"])
        coefficients = _project(rows.cosines, order)
        lengths = rows.lengths
        return tf.linalg.matvec(coefficients, lengths * rows.present, transpose_a=True) / lengths


@compiled
def _project(cosines: Any, order: Any) -> Any:
    """Returns `[T, T]`: row i holds the coefficients of the unit rows in the i-th, projected."""
    tasks = order.shape[0]
    others = 1.0 - tf.eye(tasks, dtype=tf.float64)

    def visit(k: Any, coefficients: Any, products: Any) -> tuple[Any, Any, Any]:
        visited = tf.gather(order, k, axis=1)
        at = tf.one_hot(visited, tasks, dtype=tf.float64) * others
        conflict = tf.maximum(-tf.reduce_sum(at * products, 1, keepdims=True), 0.0)
        return (
            k + 1,
            coefficients + conflict * at,
            products + conflict * tf.gather(cosines, visited),
        )

    identity = tf.eye(tasks, dtype=tf.float64)
    return tf.while_loop(lambda k, *_: k < tasks, visit, (0, identity, cosines))[1]
