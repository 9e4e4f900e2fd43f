"""IMTL-G: the same progress along every unit gradient."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows, divide
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.spectrum import solve_least_squares


@keras.saving.register_keras_serializable(package="tf_mtl")
class IMTLG(GramianAggregator):
    """g = Σ w_t g_t with the same projection onto every unit gradient, and Σ w_t = 1.

    With u the unit gradients: w_t ∝ x_t / ‖g_t‖ where (u uᵀ) x = 1. Weights may be negative.

    Reference: Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021, section 3.1. The
    system is solved on unit rows and by least squares, where the paper inverts a (T-1)×(T-1)
    matrix that may be singular; where the weights sum to nothing (opposite rows) the answer is
    zero. Combine it with the weighting `IMTLL` for the paper's full method.

    Args:
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = IMTLG()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.0767, 1.    , 1.    ], dtype=float32)
    """

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        weights = solve_least_squares(rows, rows.present) / rows.lengths
        total = tf.reduce_sum(weights)
        lost = tf.abs(total) <= rows.noise * tf.reduce_sum(tf.abs(weights))
        return tf.where(lost, tf.zeros_like(weights), divide(weights, total))
