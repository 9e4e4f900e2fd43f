"""The rows of one data set of a mixture: pass after pass, from any position on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..epoch_order import EpochOrder, shuffled
from ..splits import Splits
from .structure import RowSpec, is_batched, row_spec

# So much is read at a time: few rows cost calls of functions, and many are held for nothing where
# a batch takes few of a data set.
_BYTES, _FEWEST, _MOST = 2**18, 8, 1024
_BYTES_OF_A_STRING = 1024  # a guess, as for all that is not known before it is read


@dataclass(frozen=True)
class Source:
    """An endless sequence of rows, each pass through the data in an order of its own.

    Which row stands at which position is told by the seed alone, so that an epoch that starts in
    the middle of a pass is as if the epochs before had been read.

    Args:
        rows: The data set, row by row if there is a buffer, otherwise in batches of `read` rows.
        read: Rows read at a time.
        size: Rows in one pass.
        spec: What a row has.
        buffer: Rows held for shuffling, 0 to leave them in order.
        order: Order of the training rows of a `Splits`.
    """

    rows: tf.data.Dataset
    read: int
    size: int
    spec: RowSpec
    buffer: int
    order: EpochOrder | None

    def plan(self, start: int, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns what `chunks` takes, for batches of these sizes from a position on.

        Args:
            start: Number of rows before.
            sizes: Rows of each batch, all positive.

        Returns:
            The first pass and the one after the last, batches to skip, chunks to pass over and
            chunks to take, `[5]`; and the sizes of all chunks.
        """
        stop = start + int(sizes.sum())
        batches, over = divmod(start % self.size, self.read)
        # Where the position lies within a batch, its first rows make a chunk that is passed over.
        before = [over] if over else []
        passes = (start // self.size, -(-stop // self.size))
        return (
            np.array([*passes, batches, len(before), len(sizes)], "int64"),
            np.array([*before, *sizes], "int64"),
        )

    def chunks(
        self, where: tf.Tensor, sizes: tf.Tensor, fill: Callable[..., Any], seed: int
    ) -> tf.data.Dataset:
        """Returns rows in batches of given sizes.

        Args:
            where: First result of `plan`.
            sizes: Second result of `plan`.
            fill: Gives a batch the structure of the mixture.
            seed: Tells the order of each pass.
        """

        def one_pass(number: tf.Tensor) -> tf.data.Dataset:
            if self.order is not None:
                self.order.epoch.assign(number)
            if not self.buffer:
                return self.rows
            return shuffled(self.rows, self.buffer, tf.stack([seed, number])).batch(self.read)

        # Not tf.unstack: on it TensorFlow 2.21 ends with a segmentation fault in make_iterator.
        first, last, batches, before, count = (where[number] for number in range(5))
        read = tf.data.Dataset.range(first, last).flat_map(one_pass).skip(batches)
        # Filled before it is cut: calling a function for every small chunk takes longer.
        filled = read.map(fill, tf.data.AUTOTUNE, deterministic=True)
        return filled.rebatch(sizes).skip(before).take(count)


def make_source(name: str, data: Any, shuffle: int) -> Source:
    """Returns a data set as a source of rows.

    Args:
        name: Name of the data set.
        data: A `tf.data.Dataset` of rows or of batches, or a `Splits`, of which the training rows
            are taken.
        shuffle: Rows held for shuffling. The training rows of a `Splits` are shuffled already.

    Raises:
        ValueError: For anything else, and for data that are empty or endless.
    """
    if isinstance(data, Splits):
        spec = row_spec(name, data.train.element_spec, batched=True)
        read = _rows_at_once(spec)
        return Source(data.train.rebatch(read), read, data.sizes["train"], spec, 0, data.order)
    if not isinstance(data, tf.data.Dataset):
        raise ValueError(
            f"The data set {name!r} is a {type(data).__name__}. Pass a `tf.data.Dataset` of "
            "(x, y), or `Splits` as the loaders of `tf_mtl.data` return them."
        )
    batched = is_batched(data.element_spec)
    spec = row_spec(name, data.element_spec, batched)
    read = _rows_at_once(spec)
    size = _size(name, data, batched)
    if shuffle:
        rows = data.unbatch() if batched else data
        return Source(rows, read, size, spec, min(shuffle, size), None)
    rows = data.rebatch(read) if batched else data.batch(read)
    return Source(rows, read, size, spec, 0, None)


def _rows_at_once(spec: RowSpec) -> int:
    """Returns how many rows are read at a time."""
    columns = [*spec.x.values(), *spec.y.values(), *(spec.weight or {}).values()]
    row = sum(
        math.prod(size or 1 for size in column.shape) * (column.dtype.size or _BYTES_OF_A_STRING)
        for column in columns
    )
    return min(max(_FEWEST, _BYTES // row), _MOST)


def _size(name: str, data: tf.data.Dataset, batched: bool) -> int:
    """Returns the number of rows, for which data of unknown length are read once."""
    known = int(data.cardinality())
    if known == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"The data set {name!r} is endless. Leave out its `.repeat()`: a mixture begins a data "
            "set again by itself."
        )
    if batched or known == tf.data.UNKNOWN_CARDINALITY:
        known = int(data.reduce(tf.constant(0, tf.int64), _counter(batched)))
    if known == 0:
        raise ValueError(f"The data set {name!r} is empty. Leave it out or give it rows.")
    return known


def _counter(batched: bool) -> Any:
    def add(count: tf.Tensor, *element: Any) -> tf.Tensor:
        rows = tf.shape(tf.nest.flatten(element)[0], tf.int64)[0] if batched else 1
        return count + rows

    return add
