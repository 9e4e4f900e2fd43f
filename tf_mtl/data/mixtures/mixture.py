"""The stream of a mixture: a `tf.data.Dataset` that knows its epochs."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..epoch_order import EpochOrder
from .batches import Batches
from .sources import Source
from .strategies import Strategy
from .structure import Structure


class Recipe:
    """Tells the batches of every epoch from its number and the seed.

    Args:
        sources: The data sets.
        batches: What a batch holds.
        strategy: How much each data set gives.
        steps: Batches in an epoch, or None for the length that the strategy tells.
        seed: Tells all that is drawn.
    """

    def __init__(
        self,
        sources: list[Source],
        batches: Batches,
        strategy: Strategy,
        steps: int | None,
        seed: int,
    ) -> None:
        self.sources = sources
        self.structure = Structure([source.spec for source in sources])
        self.batches = batches
        self.strategy = strategy
        self.steps = steps
        self.seed = seed
        self.steps_per_epoch = batches.steps(self.rows(0))
        self._before = [np.zeros(len(sources), "int64")]

    def rows(self, epoch: int) -> dict[str, int]:
        """Returns how many rows each data set gives to an epoch."""
        sizes = {source.spec.name: source.size for source in self.sources}
        return self.batches.rows(sizes, self.strategy, epoch, self.steps)

    def plan(self, start: int, stop: int) -> list[np.ndarray]:
        """Returns what `stream` takes for the epochs `start … stop - 1`, end to end."""
        tables = []
        for epoch in range(start, stop):
            rows = np.array([*self.rows(epoch).values()])
            random = np.random.default_rng([self.seed, epoch])
            tables.append(self.batches.counts(rows, self.strategy.in_turn, random))
        counts = np.concatenate(tables)
        plan = [np.nonzero(counts)[1].astype("int64"), counts.sum(axis=1, dtype="int64")]
        for source, before, column in zip(
            self.sources, self._rows_before(start), counts.T, strict=True
        ):
            plan += source.plan(int(before), column[column > 0])
        return plan

    def stream(self, choices: Any, rows: Any, *plans: Any) -> tf.data.Dataset:
        """Returns batches.

        Args:
            choices: Number of the data set for each chunk of rows, `[chunks]`.
            rows: Rows in each batch, `[batches]`.
            *plans: What `Source.plan` returned, for one data set after the other.
        """
        chunks = []
        for number, source in enumerate(self.sources):
            fill = self.structure.filler(source.spec.name)
            where, sizes = plans[2 * number : 2 * number + 2]
            seed = np.random.SeedSequence([self.seed, *source.spec.name.encode()])
            key = int(seed.generate_state(1, "uint64")[0] >> np.uint64(1))
            chunks.append(source.chunks(where, sizes, fill, key))
        # A choice for each chunk and not for each row: choosing rows one by one takes twenty
        # times as long as reading them.
        chosen = tf.data.Dataset.choose_from_datasets(
            chunks, tf.data.Dataset.from_tensor_slices(choices)
        )
        return chosen.rebatch(rows)

    def _rows_before(self, epoch: int) -> np.ndarray:
        """Returns how many rows each data set has given before an epoch, `[D]`."""
        while len(self._before) <= epoch:
            rows = [*self.rows(len(self._before) - 1).values()]
            self._before.append(self._before[-1] + rows)
        return self._before[epoch]


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
        batches = self._order.in_order(self._epoch, recipe.steps_per_epoch)
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

        It keeps no state: every iterator over it sees the same, can be saved by
        `tf.train.Checkpoint`, and may run in the `tf.data` service. Each data set is read on from
        epoch to epoch, where an epoch of its own has to find its position first. With `fit` it
        goes with `steps_per_epoch=len(mixture)`; the middle of an epoch is `.skip(batches)`.

        Args:
            start: First epoch, counted from 0.
            stop: Epoch after the last.

        Raises:
            ValueError: If there is no epoch from `start` to `stop`.
        """
        if not 0 <= start < stop:
            raise ValueError(f"There are no epochs from {start} to before {stop}.")
        batches = self._recipe.stream(*map(tf.constant, self._recipe.plan(start, stop)))
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

    def _epoch(self, seed: tf.Tensor) -> tf.data.Dataset:
        """Returns the batches of one epoch, which the second number of the seed tells."""
        plan = tf.numpy_function(
            lambda epoch: self._recipe.plan(int(epoch), int(epoch) + 1),
            [seed[1]],
            [tf.int64] * (2 + 2 * len(self._recipe.sources)),
        )
        sizes = [tf.ensure_shape(each, [None]) for each in plan]
        return self._recipe.stream(*sizes)


def _finished(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # Sharding by files would take whole data sets from a worker. By data every worker reads all
    # and keeps its share of the batches: none comes twice, none is lost.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
