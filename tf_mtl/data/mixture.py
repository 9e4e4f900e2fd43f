"""The stream of a mixture: a `tf.data.Dataset` that knows its epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from .epoch_order import EpochOrder
from .mix_batches import Batches
from .mix_sources import Source
from .mix_strategies import Strategy
from .mix_structure import Structure


@dataclass(frozen=True)
class Recipe:
    """Tells the batches of every epoch from its number and the seed; keeps no state.

    Args:
        sources: The data sets.
        structure: The structure of the batches.
        batches: What a batch holds.
        strategy: How much each data set gives.
        steps: Batches in an epoch, or None for the length that the strategy tells.
        seed: Tells all that is drawn.
    """

    sources: list[Source]
    structure: Structure
    batches: Batches
    strategy: Strategy
    steps: int | None
    seed: int

    def rows(self, epoch: int) -> dict[str, int]:
        """Returns how many rows each data set gives to an epoch."""
        sizes = {source.spec.name: source.size for source in self.sources}
        return self.batches.rows(sizes, self.strategy, epoch, self.steps)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return self.batches.steps(self.rows(0))

    def stream(self, first: tf.Tensor, last: tf.Tensor) -> tf.data.Dataset:
        """Returns the batches of the epochs `first … last - 1`, end to end, int64 both."""
        settled = self.strategy.settled
        rows = np.array([[*self.rows(epoch).values()] for epoch in range(settled + 1)], "int64")
        before = np.cumsum(rows, axis=0) - rows
        start = tf.gather(before, tf.minimum(first, settled))
        start += tf.maximum(first - settled, 0) * rows[-1]
        key = tf.constant([self.seed, 0], tf.int64)
        seeds = [_fold(key, number) for number in range(len(self.sources) + 1)]
        steps = self.steps_per_epoch

        def counts_of(epoch: tf.Tensor) -> tf.Tensor:
            now = tf.gather(rows, tf.minimum(epoch, settled))
            seed = _fold(seeds[0], epoch)
            return self.batches.counts(now, steps, self.strategy.in_turn, seed)

        spec = tf.TensorSpec([steps, len(self.sources)], tf.int64)
        counts = tf.map_fn(counts_of, tf.range(first, last), fn_output_signature=spec)
        counts = tf.reshape(counts, [-1, len(self.sources)])
        chunks = []
        for number, source in enumerate(self.sources):
            sizes = tf.boolean_mask(counts[:, number], counts[:, number] > 0)
            rows_of_one = source.chunks(start[number], sizes, seeds[1 + number])
            fill = self.structure.filler(source.spec.name)
            chunks.append(rows_of_one.map(fill, tf.data.AUTOTUNE, deterministic=True))
        # A choice for each chunk and not for each row: choosing rows one by one takes twenty
        # times as long as reading them.
        choices = tf.data.Dataset.from_tensor_slices(tf.where(counts > 0)[:, 1])
        chosen = tf.data.Dataset.choose_from_datasets(chunks, choices)
        return chosen.rebatch(tf.reduce_sum(counts, axis=1))


class Mixture(tf.data.Dataset):
    """One stream of several data sets, made by `tf_mtl.data.mix`.

    An epoch is told by its number and the seed: every iterator sees the next one, counted from 0,
    as with a shuffled `tf.data.Dataset`. Whoever must be exact, after a resumption for instance,
    names the epoch with `start_epoch`, by hand or by the callback `tf_mtl.data.StartEpoch`.

    Args:
        recipe: Tells the batches.
        epoch: Epoch of the first iterator.
        shard: Number of workers and position of this one.
    """

    def __init__(self, recipe: Recipe, epoch: int = 0, shard: tuple[int, int] = (1, 0)) -> None:
        self._recipe = recipe
        self._shard = shard
        self._order = EpochOrder(recipe.seed)
        self._order.start_epoch(epoch)
        batches = self._order.in_order(
            lambda seed: recipe.stream(seed[1], seed[1] + 1), recipe.steps_per_epoch
        )
        self._batches = _finished(batches.shard(*shard))
        super().__init__(tf.data.experimental.to_variant(self._batches))

    @property
    def element_spec(self) -> Any:
        """Type of a batch."""
        return self._batches.element_spec

    def _inputs(self) -> list[tf.data.Dataset]:
        return [self._batches]

    @property
    def sizes(self) -> dict[str, int]:
        """`{name: rows}` of the data sets."""
        return {source.spec.name: source.size for source in self._recipe.sources}

    @property
    def tasks(self) -> list[str]:
        """The tasks that have labels in any of the data sets."""
        return list(self._recipe.structure.y)

    def rows(self, epoch: int = 0) -> dict[str, int]:
        """Returns how many rows each data set gives to an epoch.

        Args:
            epoch: Number of the epoch, counted from 0.
        """
        return self._recipe.rows(epoch)

    def start_epoch(self, epoch: int) -> None:
        """Lets the next iterator see this epoch.

        Args:
            epoch: Number of the epoch, counted from 0.
        """
        self._order.start_epoch(epoch)

    def epochs(self, start: int, stop: int) -> tf.data.Dataset:
        """Returns the batches of the epochs `start … stop - 1` end to end, as a plain data set.

        It keeps no state: every iterator over it sees the same, and it can be given to the
        `tf.data` service. Each data set is read on from epoch to epoch, where an epoch of its
        own has to find its position first. With `fit` it goes with
        `steps_per_epoch=len(mixture)`; the middle of an epoch is `.skip(batches)`.

        Args:
            start: First epoch, counted from 0.
            stop: Epoch after the last.

        Raises:
            ValueError: If there is no epoch from `start` to `stop`.
        """
        if not 0 <= start < stop:
            raise ValueError(f"There are no epochs from {start} to before {stop}.")
        ends = tf.data.Dataset.from_tensors(tf.constant([start, stop], tf.int64))
        batches = ends.flat_map(lambda ends: self._recipe.stream(ends[0], ends[1]))
        length = (stop - start) * self._recipe.steps_per_epoch
        known = batches.apply(tf.data.experimental.assert_cardinality(length))
        return _finished(known.shard(*self._shard))

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Mixture:
        """Returns the mixture of one worker: every `num_shards`-th batch.

        It counts epochs by itself. `Dataset.shard` would let the iterators of several workers in
        one process see different epochs.

        Args:
            num_shards: Number of workers.
            index: Position of this one, from 0.
            name: Not used; an argument of `Dataset.shard`.
        """
        workers, position = self._shard
        shard = (workers * num_shards, workers * index + position)
        return Mixture(self._recipe, int(self._order.epoch.numpy()), shard)


def _fold(seed: tf.Tensor, number: Any) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64))


def _finished(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # Sharding by files would take whole data sets from a worker. By data every worker reads all
    # and keeps its share of the batches: none comes twice, none is lost.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
