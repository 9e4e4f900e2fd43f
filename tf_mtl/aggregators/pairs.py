"""The order in which a method visits the other tasks of each task."""

from __future__ import annotations

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
    keys = tf.random.stateless_uniform([tasks, tasks], random_seed(seed, step), alg="philox")
    return tf.argsort(keys, axis=1)


def random_seed(seed: int, step: Any) -> Any:
    """Returns the seed of TensorFlow's stateless random ops for one step."""
    return tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
