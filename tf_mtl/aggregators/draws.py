"""Draws that all replicas share, and the order in which a task visits the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

ORDERS = ("random", "fixed")


def visiting_order(tasks: int, order: str, seed: int, step: Any) -> Any:
    """Returns `[T, T]` int32: row i holds the tasks in the order in which task i visits them.

    Random orders depend on `seed` and `step` alone, so that all replicas draw the same.

    >>> visiting_order(2, "fixed", 0, 0).numpy()
    array([[0, 1],
           [0, 1]], dtype=int32)
    """
    if order == "fixed":
        return tf.tile(tf.range(tasks)[None], [tasks, 1])
    return tf.argsort(uniforms([tasks, tasks], seed, step), axis=1, stable=True)


def uniforms(shape: Sequence[int], seed: int, step: Any) -> Any:
    """Returns float32 numbers in [0, 1), the same with and without XLA.

    The bits of Philox are the same everywhere, TensorFlow's own ways of making floats are not.
    """
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    bits = tf.random.stateless_uniform(
        shape, key, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    return tf.cast(tf.bitwise.right_shift(bits, 8), tf.float32) * 2.0**-24
