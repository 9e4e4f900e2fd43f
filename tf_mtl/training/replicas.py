"""Sums over the replicas of a `tf.distribute` strategy: one global batch gives one answer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def num_replicas() -> int:
    """Returns the number of replicas that take a step together."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def check_strategy(strategy: tf.distribute.Strategy) -> None:
    """Raises `ValueError` for a strategy under which Keras trains no model at all.

    Keras 3.15 averages logs as if they were batches where there are several workers, and does not
    tell parameter servers of its data sets.
    """
    refused = None
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        refused = "ParameterServerStrategy"
    elif isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        jobs = strategy.cluster_resolver.cluster_spec().as_dict()
        if sum(len(jobs.get(job, ())) for job in ("chief", "worker")) > 1:
            refused = "MultiWorkerMirroredStrategy with several workers"
    if refused:
        raise ValueError(
            f"Keras 3 does not train under {refused}. Use tf.distribute.MirroredStrategy(), with "
            "the GPUs of one machine."
        )


def global_sum(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the sum of `tensor` over all replicas, the same on each of them.

    With one replica, and outside a replica (where Keras only infers shapes), this is `tensor`.

    >>> float(global_sum(tf.constant(3.0)))
    3.0
    """
    if num_replicas() == 1 or tf.distribute.in_cross_replica_context():
        return tensor
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensor)


class MeanOfShares(keras.metrics.Mean):
    """The mean over batches of what replicas hold shares of; a batch counts by its global size.

    By the rows of each replica, as in Keras, where each has a mean of its own rows, the shares of
    a last batch that does not divide evenly would add up to another value.
    """

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds a share, times the number of replicas, of a batch with so many rows on this one."""
        rows = global_sum(tf.cast(sample_weight, "float32"))
        super().update_state(values, sample_weight=rows / num_replicas())
