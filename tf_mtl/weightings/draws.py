"""Random numbers that depend on a seed and the step alone: the same on every replica."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def uniforms(count: int, seed: int, step: Any) -> Any:
    """Returns float32 numbers strictly between 0 and 1, the same with and without XLA.

    The bits of Philox are the same everywhere, TensorFlow's own ways of making floats are not.
    """
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    bits = tf.random.stateless_uniform(
        [count], key, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    return (tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) + 0.5) * 2.0**-23
