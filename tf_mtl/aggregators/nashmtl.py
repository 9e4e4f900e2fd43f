"""Nash-MTL: the bargaining solution."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows, divide
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.newton import solve_power
from tf_mtl.method_arguments import check_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class NashMTL(GramianAggregator):
    """The tasks bargain over the step: g = Σ w_t g_t with G w = 1 / w, w > 0.

    It maximises Σ log(g_t · g) over a ball, so no task loses and none is favoured for the scale of
    its loss. ‖g‖² is the number of present tasks, whatever the size of the gradients: the answer
    has no unit and does not shrink near a solution.

    Reference: Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022, claim 3.1 and
    algorithm 1. The equation is solved by Newton's method to machine precision, where the authors
    run a sequence of convex programmes from the previous weights; so nothing has to be remembered
    and `every` replaces `update_weights_every`. Where a positive combination of the rows is zero
    there is no solution and the answer is zero. With one task it is g / ‖g‖.

    Args:
        max_norm: shorten an answer longer than this; 0 leaves it alone.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = NashMTL(max_norm=0)(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.0766, 0.9985, 0.9985], dtype=float32)
    """

    def __init__(self, max_norm: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        check_number("max_norm", max_norm, high=float("inf"))
        self.max_norm = max_norm

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "max_norm": self.max_norm}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        return solve_power(rows, 1.0)

    def _shortening(self, norm: Any) -> Any:
        if self.max_norm == 0:
            return None
        return tf.where(norm > self.max_norm, divide(self.max_norm, norm), tf.ones_like(norm))
