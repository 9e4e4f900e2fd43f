"""Batches on the way from the data to the step: a function of each, whatever yields them."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

Batch = tuple[Any, Any, Any]


def mapped(stream: Any, function: Callable[[Any, Any, Any], Batch]) -> Any:
    """Returns a stream of the same kind with a function applied to each batch.

    Args:
        stream: A `tf.data.Dataset`, `keras.utils.PyDataset` or generator.
        function: From inputs, labels and sample weights (None if there are none) to the same.

    Raises:
        ValueError: For a stream of another kind.

    >>> doubled = mapped(tf.data.Dataset.range(3), lambda x, y, weight: (2 * x, y, weight))
    >>> [int(x) for x, *_ in doubled]
    [0, 2, 4]
    """
    if isinstance(stream, tf.data.Dataset):

        @tf.autograph.experimental.do_not_convert
        def of_element(*element: Any) -> Batch:
            return function(*_unpack(element if len(element) > 1 else element[0]))

        return stream.map(of_element)
    if isinstance(stream, keras.utils.PyDataset):
        return _MappedDataset(stream, function)
    if isinstance(stream, types.GeneratorType):
        return (_packed(*function(*_unpack(batch))) for batch in stream)
    raise ValueError(
        "Expected arrays, a tf.data.Dataset, a keras.utils.PyDataset or a generator. Received: "
        f"{type(stream).__name__}."
    )


def batches(stream: Any) -> Iterator[Batch]:
    """Yields inputs, labels and sample weights of a finite stream from its beginning."""
    if isinstance(stream, keras.utils.PyDataset):
        return (_unpack(stream[i]) for i in range(stream.num_batches or 0))
    return (_unpack(batch) for batch in stream)


def is_endless(stream: Any, steps_per_epoch: int | None = None) -> bool:
    """Tells whether a stream cannot be read to its end and again from its beginning.

    Args:
        stream: As in `mapped`.
        steps_per_epoch: An epoch that is cut short means that a stream of unknown length may
            have no end.
    """
    if isinstance(stream, tf.data.Dataset):
        length = stream.cardinality().numpy()
        unknown = length == tf.data.UNKNOWN_CARDINALITY
        return bool(length == tf.data.INFINITE_CARDINALITY or (unknown and steps_per_epoch))
    if isinstance(stream, keras.utils.PyDataset):
        return stream.num_batches is None
    return True


def _unpack(element: Any) -> Batch:
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(element)
    return x, y, sample_weight


def _packed(x: Any, y: Any, sample_weight: Any) -> Any:
    """Returns a batch as users yield it: a None at its end is what Keras cannot put in a tensor."""
    return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)


class _MappedDataset(keras.utils.PyDataset):
    """A `keras.utils.PyDataset` with a function applied to each batch."""

    def __init__(self, inner: keras.utils.PyDataset, function: Callable[..., Batch]) -> None:
        super().__init__(inner.workers, inner.use_multiprocessing, inner.max_queue_size)
        self.inner = inner
        self.function = function

    @property
    def num_batches(self) -> int | None:
        """Number of batches of an epoch, or None."""
        return self.inner.num_batches

    def __getitem__(self, index: int) -> Any:
        return _packed(*self.function(*_unpack(self.inner[index])))

    def on_epoch_begin(self) -> None:
        """Passes on that an epoch begins."""
        self.inner.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Passes on that an epoch ends."""
        self.inner.on_epoch_end()
