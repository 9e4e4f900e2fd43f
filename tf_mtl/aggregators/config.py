"""ConFIG: the same angle with every gradient."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows, divide, quadratic
from tf_mtl.aggregators.preference import PreferenceAggregator
from tf_mtl.aggregators.spectrum import solve_least_squares


@keras.saving.register_keras_serializable(package="tf_mtl")
class ConFIG(PreferenceAggregator):
    """A direction at equal angles to all gradients, as long as their projections onto it in sum.

    With u the unit gradients: d = u⁺ 1, then g = (Σ_t g_t · d / ‖d‖) d / ‖d‖. As long as the
    gradients are independent it conflicts with none.

    Reference: Liu, Chu and Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed
    Neural Networks", ICLR 2025, equation 2. The pseudo-inverse is that of the T×T cosines, so
    that the Jacobian is never decomposed. Where the gradients have no common direction (opposite
    rows) the answer is zero.

    Args:
        preference: cosines of the answer with the gradients, up to a factor: `{task: number}`
            or a list (default: equal).
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = ConFIG()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.1588, 2.0706, 2.0706], dtype=float32)
    """

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        wanted = self._preferred(rows, 1.0)
        x = solve_least_squares(rows, wanted)
        squared = quadratic(rows.cosines, x)
        lost = squared <= rows.noise * tf.reduce_sum(tf.square(wanted))
        products = rows.lengths * tf.linalg.matvec(rows.cosines, x)
        weights = divide(tf.reduce_sum(products), squared) * x / rows.lengths
        return tf.where(lost, tf.zeros_like(weights), weights)
