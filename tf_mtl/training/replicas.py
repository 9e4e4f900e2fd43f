"""Sums over the replicas of a `tf.distribute` strategy: one global batch gives one answer."""

from __future__ import annotations

import tensorflow as tf


def num_replicas() -> int:
    """Returns the number of replicas that take a step together."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def global_sum(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the sum of `tensor` over all replicas, the same on each of them.

    With one replica, and outside a replica (where Keras only infers shapes), this is `tensor`.

    >>> float(global_sum(tf.constant(3.0)))
    3.0
    """
    if num_replicas() == 1 or tf.distribute.in_cross_replica_context():
        return tensor
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensor)
