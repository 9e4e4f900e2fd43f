"""FairGrad: α-fair progress of the tasks."""

from __future__ import annotations

from typing import Any

import keras

from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.newton import solve_power
from tf_mtl.method_arguments import check_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class FairGrad(GramianAggregator):
    """The step that is fairest to the tasks' rates of progress: g = Σ w_t g_t with G w = w^(-1/α).

    It maximises Σ (g_t · g)^(1-α) / (1-α) over a ball. α → 0 is the sum of the rates, 1 the Nash
    bargain, 2 the least potential delay, ∞ the slowest task's rate.

    Reference: Ban and Ji, "Fair Resource Allocation in Multi-Task Learning", ICML 2024, equation
    3. Solved by Newton's method to machine precision, not by least squares. The length of the
    answer grows like the gradients' to the power (1-α)/(1+α): it is not homogeneous, and a single
    task gets its gradient's direction only. α = 0 gives the mean of the gradients. Where a positive
    combination of the rows is zero there is no solution and the answer is zero.

    Args:
        alpha: α, 0 or more.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = FairGrad(alpha=2.0)(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.0313, 0.7908, 0.7908], dtype=float32)
    """

    def __init__(self, alpha: float = 2.0, **options: Any) -> None:
        super().__init__(**options)
        check_number("alpha", alpha)
        self.alpha = alpha

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "alpha": self.alpha}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        if self.alpha == 0:
            return rows.present / rows.count
        return solve_power(rows, 1.0 / self.alpha)
