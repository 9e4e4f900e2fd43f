"""CAGrad: near the mean gradient, the best for the worst-off task."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.critical_line import raise_the_worst
from tf_mtl.aggregators.gramian import Rows, quadratic
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.nonnegative import solve_nonnegative
from tf_mtl.method_arguments import check_choice, check_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class CAGrad(GramianAggregator):
    """g with the largest min_t g_t · g within c ‖g₀‖ of g₀, the mean of the gradients.

    c = 0 is the mean; from c = 1 on no task is harmed as long as some direction harms none.

    Reference: Liu et al., "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS
    2021, equation 2. Solved exactly on the primal side, where the paper's code minimises the dual
    F(w) = g_w · g₀ + c ‖g₀‖ ‖g_w‖ numerically; g = g₀ + c ‖g₀‖ g_w / ‖g_w‖. At a Pareto stationary
    point, where g_w is 0, it is the nearest point to g₀ with the best worst case. The mean is that
    of the present tasks; where it is zero, so is the answer. One task gets (1 + c) times its
    gradient unless rescaled.

    Args:
        c: radius of the search relative to ‖g₀‖.
        rescale: divide the answer by 1 (`0`), 1 + c² (`1`, the paper's code) or 1 + c (`2`).
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = CAGrad(c=0.4)(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.3468, 1.1633, 1.1633], dtype=float32)
    """

    def __init__(self, c: float = 0.5, rescale: int = 0, **options: Any) -> None:
        super().__init__(**options)
        check_number("c", c)
        check_choice("rescale", rescale, (0, 1, 2))
        self.c = c
        self.rescale = rescale

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "c": self.c, "rescale": self.rescale}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        mean = rows.present / rows.count
        terms = mean * rows.lengths
        squared = quadratic(rows.cosines, terms)
        lost = squared <= max(1e-14, rows.precision) * tf.reduce_sum(tf.square(terms))
        radius = self.c * tf.sqrt(tf.where(lost, tf.zeros_like(squared), squared))
        products = tf.linalg.matvec(rows.cosines, terms)
        rise = rows.present / rows.lengths
        rise = tf.math.divide_no_nan(rise, tf.reduce_max(rise))
        noise = tf.constant(rows.noise, tf.float64)
        infinity = tf.constant(float("inf"), tf.float64)
        top = tf.where(_is_stationary(rows), tf.zeros_like(infinity), infinity)
        x = raise_the_worst(rows.cosines, products, rise, radius, top, noise)
        weights = tf.where(lost, tf.zeros_like(mean), mean + x / rows.lengths)
        return weights / (1.0, 1.0 + self.c**2, 1.0 + self.c)[self.rescale]


def _is_stationary(rows: Rows) -> Any:
    """Returns whether 0 is in the hull of the unit rows, so that no step helps all the tasks."""
    present = rows.present[:, None] * rows.present[None, :]
    x, _ = solve_nonnegative(rows.cosines + present, -rows.present[None, :], rows.precision)
    shares = tf.math.divide_no_nan(x[0], tf.reduce_sum(x[0]))
    return quadratic(rows.cosines, shares) <= rows.noise
