"""The Euclidean projection onto the simplex of the present tasks."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def project_simplex(values: Any, present: Any) -> Any:
    """Returns the point of {w ≥ 0, Σ w = 1, w = 0 where absent} nearest to `values`, `[T]`.

    >>> one = tf.ones(3, tf.float64)
    >>> project_simplex(tf.constant([0.5, 1.0, -2.0], tf.float64), one).numpy()
    array([0.25, 0.75, 0.  ])
    """
    # A value more than 1 below the largest is projected to 0: so are absent tasks, set 2 below.
    largest = tf.reduce_max(tf.where(present > 0, values, tf.reduce_min(values)))
    values = tf.where(present > 0, values, largest - 2.0)
    descending = tf.sort(values, direction="DESCENDING")
    counts = tf.range(1, values.shape[0] + 1, dtype=values.dtype)
    levels = (tf.cumsum(descending) - 1.0) / counts
    positive = tf.where(descending > levels, counts, tf.zeros_like(counts))
    support = tf.cast(tf.reduce_max(positive), tf.int32)
    return tf.maximum(values - tf.gather(levels, tf.maximum(support, 1) - 1), 0.0) * present
