"""UPGrad: each gradient projected onto the cone where nobody is harmed."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.accelerated import project_rows
from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.nonnegative import solve_nonnegative
from tf_mtl.aggregators.preference import PreferenceAggregator

# Above, the exact solution would need T tables of T×T numbers.
MANY_TASKS = 128


@keras.saving.register_keras_serializable(package="tf_mtl")
class UPGrad(PreferenceAggregator):
    """Projects each gradient onto the dual cone of all of them, and averages the projections.

    The dual cone is {d : g_i · d ≥ 0 for all i}: no step along the answer harms a task, and each
    task's influence grows linearly with its gradient. The projection of g_i is Jᵀ(e_i + x), x ≥ 0
    minimising ‖Jᵀ(e_i + x)‖.

    Reference: Quinton and Rey, "Jacobian Descent for Multi-Objective Optimization", 2024
    (arXiv 2406.16232), section 3. Unlike their code, nothing is added to the Gramian and the
    programme is solved exactly, so that the answer never conflicts at any ratio of norms. Rows
    that oppose each other exactly give zero. Above 128 tasks the projections are approximate, and
    their sum is projected exactly, so that this holds for it as well.

    Args:
        preference: weights of the projections: `{task: number}` or a list (default: the mean over
            the present tasks).
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> UPGrad()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])).numpy().round(4)
    array([0.2924, 1.9006, 1.9006], dtype=float32)
    """

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        # Projecting the unit rows is projecting the rows: the cone knows no lengths.
        shares = self._preferred(rows, 1.0 / rows.count)
        if rows.tasks > MANY_TASKS:
            x = project_rows(rows.cosines)
            units = shares * rows.lengths
            units += tf.linalg.matvec(x, units, transpose_a=True)
            products = tf.linalg.matvec(rows.cosines, units)
            polish, _ = solve_nonnegative(rows.cosines, products[None], rows.precision)
            return (units + polish[0]) / rows.lengths
        x, _ = solve_nonnegative(rows.cosines, rows.cosines, rows.precision)
        return shares + tf.linalg.matvec(x, shares * rows.lengths, transpose_a=True) / rows.lengths
