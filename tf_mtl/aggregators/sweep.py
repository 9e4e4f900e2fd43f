"""The sweep operator: one step of Gauss-Jordan elimination on a symmetric matrix."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def sweep(table: Any, index: Any, pivot: Any, sign: Any) -> Any:
    """Sweeps `[B, T, T]` tables on one index each, also given one-hot; sign -1 undoes a sweep.

    Swept on S, a table holds -G⁻¹ within S, G⁻¹ times G beside it and the Schur complement outside.
    """
    column = tf.gather(table, index, axis=1, batch_dims=1)
    corner = tf.reduce_sum(column * pivot, 1)[:, None]
    ratio = column / tf.where(corner == 0.0, tf.ones_like(corner), corner)
    keep = 1.0 - pivot
    edge = sign[:, None] * ratio * keep - 0.5 * tf.math.divide_no_nan(pivot, corner)
    outside = (table - column[:, :, None] * ratio[:, None, :]) * keep[:, :, None] * keep[:, None, :]
    return outside + edge[:, :, None] * pivot[:, None, :] + pivot[:, :, None] * edge[:, None, :]
