"""MGDA: the shortest convex combination of the gradients."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.aggregator import needed
from tf_mtl.aggregators.gramian import Rows, divide
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.nonnegative import solve_nonnegative
from tf_mtl.method_arguments import check_choice

NORMALIZATIONS = ("none", "l2", "loss", "loss+")


@keras.saving.register_keras_serializable(package="tf_mtl")
class MGDA(GramianAggregator):
    """g = the point nearest to the origin in the convex hull of the gradients.

    It has the same product ‖g‖² with every gradient that it uses and a larger one with the others,
    so it never conflicts; it is zero exactly where the tasks are Pareto stationary.

    Reference: Désidéri, "Multiple-gradient descent algorithm", 2012; Sener and Koltun, "Multi-Task
    Learning as Multi-Objective Optimization", NeurIPS 2018, section 3.2. Solved exactly, not by
    Frank-Wolfe. With a normalisation, the hull is that of the normalised gradients and the answer
    is in it, as in LibMTL (Sener and Koltun's code goes back to the raw gradients with those
    weights, which can conflict); such answers do not grow with the gradients.

    Args:
        normalization: divide each gradient by nothing (`"none"`), its norm (`"l2"`), its task's
            loss (`"loss"`) or both (`"loss+"`); the last two need `losses`, and a task whose loss
            is not positive counts as absent.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> MGDA()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])).numpy().round(4) + 0.0
    array([0., 1., 1.], dtype=float32)
    """

    def __init__(self, normalization: str = "none", **options: Any) -> None:
        super().__init__(**options)
        check_choice("normalization", normalization, NORMALIZATIONS)
        self.normalization = normalization

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "normalization": self.normalization}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        divisors = self._divisors(rows, losses)
        inverse = divide(divisors, rows.norms)  # of the normalised rows' norms
        inverse = divide(inverse, tf.reduce_max(inverse))
        # Shortest point of the hull of a_i⁻¹ u_i: minimise ‖Σ x_i u_i‖² + (Σ a_i x_i - 1)² over
        # x ≥ 0, and scale to Σ a_i x_i = 1. The penalty changes the scale of x only.
        gramian = rows.cosines + inverse[:, None] * inverse[None, :]
        x, _ = solve_nonnegative(gramian, -inverse[None, :], rows.precision)
        shares = x[0] * inverse
        return divide(divide(shares, tf.reduce_sum(shares)), divisors)

    def _divisors(self, rows: Rows, losses: Any) -> Any:
        divisors = tf.ones_like(rows.norms)
        if self.normalization in ("l2", "loss+"):
            divisors *= rows.norms
        if self.normalization in ("loss", "loss+"):
            losses = tf.cast(needed(losses, self), tf.float64)
            divisors *= tf.where(losses <= 0.0, tf.zeros_like(losses), losses)  # NaN shows
        return divisors
