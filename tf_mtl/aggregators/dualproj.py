"""DualProj: the mean gradient, projected onto the cone where nobody is harmed."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.nonnegative import solve_nonnegative
from tf_mtl.aggregators.preference import PreferenceAggregator


@keras.saving.register_keras_serializable(package="tf_mtl")
class DualProj(PreferenceAggregator):
    """The point of the dual cone {d : g_i · d ≥ 0 for all i} that is nearest to the mean gradient.

    One projection where `UPGrad` has T: cheaper, but a long gradient has all the say. It never
    conflicts with a task.

    Reference: Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS
    2017, equation 11, with the mean as the gradient to project. Nothing is added to the Gramian
    and the programme is solved exactly.

    Args:
        preference: weights of the gradients in the mean: `{task: number}` or a list (default:
            equal).
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = DualProj()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.5556, 1.1111, 1.1111], dtype=float32)
    """

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        shares = self._preferred(rows, 1.0 / rows.count)
        products = tf.linalg.matvec(rows.cosines, shares * rows.lengths)
        x, _ = solve_nonnegative(rows.cosines, products[None], rows.precision)
        return shares + x[0] / rows.lengths
