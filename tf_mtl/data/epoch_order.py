"""The order of the training rows: another one in every epoch, and told by seed and epoch alone."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


class EpochOrder:
    """Draws the order of an epoch from the seed and the number of the epoch.

    `Dataset.shuffle` with a seed draws from a state that moves on with every iterator. Keras makes
    one more of them than there are epochs, and under a `MirroredStrategy` another number, so that
    the n-th epoch of two runs would see different orders. Here the number of the epoch is a
    variable: it counts iterators by itself, and a run that must be exact sets it.

    Args:
        seed: The same seed gives the same order in the same epoch.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        with tf.device("CPU:0"):
            self.epoch = tf.Variable(0, trainable=False, dtype=tf.int64, name="epoch")

    def start_epoch(self, epoch: int) -> None:
        """Lets the next iterator see the order of this epoch, counted from 0."""
        self.epoch.assign(epoch)

    def rows(self, count: int) -> tf.data.Dataset:
        """Returns the row numbers 0 to `count - 1`, shuffled as a whole."""

        def numbers(seed: tf.Tensor) -> tf.data.Dataset:
            order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), seed)
            return tf.data.Dataset.from_tensor_slices(order)

        return self.in_order(numbers, count)

    def shuffled(self, rows: tf.data.Dataset, count: int, buffer: int) -> tf.data.Dataset:
        """Returns a stream of `count` rows, shuffled within a buffer of so many rows."""
        return self.in_order(lambda seed: shuffled(rows, buffer, seed), count)

    def in_order(self, make: Callable[[tf.Tensor], tf.data.Dataset], count: int) -> tf.data.Dataset:
        """Returns what `make` makes of seed and epoch, int64 `[2]`; `count` is its cardinality."""

        def epoch(seed: tf.Tensor) -> tf.data.Dataset:
            return make(tf.stack([seed, self.epoch.assign_add(1) - 1]))

        once = tf.data.Dataset.from_tensors(tf.constant(self.seed, tf.int64))
        # Keras must know the number of batches, which flat_map cannot tell.
        return once.flat_map(epoch).apply(tf.data.experimental.assert_cardinality(count))


def shuffled(rows: tf.data.Dataset, buffer: int, seed: tf.Tensor) -> tf.data.Dataset:
    """Returns rows shuffled within a buffer, in the same order for the same seed, int64 `[2]`."""
    # Dataset.shuffle takes a seed that is a number, but none that is a tensor.
    flat = tf.nest.flatten(rows.element_spec)
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(rows),
        buffer_size=tf.constant(buffer, tf.int64),
        seed=seed[0],
        seed2=seed[1] + 1,  # two zeros would mean a random seed
        reshuffle_each_iteration=False,
        output_types=[spec.dtype for spec in flat],
        output_shapes=[spec.shape for spec in flat],
    )
    return tf.data.experimental.from_variant(variant, rows.element_spec)
