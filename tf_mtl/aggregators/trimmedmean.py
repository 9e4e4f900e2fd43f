"""Trimmed mean: leave out the extremes of each coordinate."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.aggregator import Aggregator, Answer
from tf_mtl.aggregators.compiled import compiled
from tf_mtl.whole_numbers import check_whole


@keras.saving.register_keras_serializable(package="tf_mtl")
class TrimmedMean(Aggregator):
    """In each coordinate, the mean of the gradients without the k largest and the k smallest.

    Reference: Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical
    Rates", ICML 2018, definition 2. Of fewer than 2k + 1 present tasks, as many are left out as
    leave one or two.

    Args:
        trim_number: k, how many are left out on either side.
        **options: `groups` and `name`, as every `Aggregator`; `wrt` and `every` cannot be changed.

    >>> TrimmedMean()(keras.ops.array([[-4.0, 1.0], [6.0, 2.0], [1.0, 9.0]])).numpy()
    array([1., 2.], dtype=float32)
    """

    def __init__(self, trim_number: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.trim_number = check_whole(trim_number, "trim_number", 0)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "trim_number": self.trim_number}

    def _aggregate(self, blocks: list[Any], losses: Any, gramian: Any, state: Any) -> Answer:
        present = [tf.reduce_any(tf.not_equal(block, 0.0), axis=1) for block in blocks]
        here = tf.reduce_any(tf.stack(present), axis=0)
        trim = tf.constant(self.trim_number)
        return Answer([_trim(block, here, trim) for block in blocks])


@compiled
def _trim(block: Any, here: Any, trim: Any) -> Any:
    count = tf.reduce_sum(tf.cast(here, tf.int32))
    trim = tf.maximum(tf.minimum(trim, (count - 1) // 2), 0)
    infinity = tf.constant(float("inf"), block.dtype)
    rows = sort_rows(tf.unstack(tf.where(here[:, None], block, infinity)))
    total = tf.zeros_like(rows[0])
    for place, row in enumerate(rows):
        total += tf.where((place >= trim) & (place < count - trim), row, tf.zeros_like(row))
    return total / tf.cast(tf.maximum(count - 2 * trim, 1), block.dtype)


def sort_rows(rows: list[Any]) -> list[Any]:
    """Returns T tensors sorted element by element: Batcher's merge exchange.

    (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M.) Minima and maxima of whole rows
    are much faster than sorting n columns of T numbers.

    >>> [int(row) for row in sort_rows([tf.constant(k) for k in (3, 1, 2, 5, 4)])]
    [1, 2, 3, 4, 5]
    """
    rows = list(rows)
    top = 1 << max(len(rows) - 1, 0).bit_length() >> 1
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(len(rows) - d):
                if i & p == r:
                    low, high = tf.minimum(rows[i], rows[i + d]), tf.maximum(rows[i], rows[i + d])
                    rows[i], rows[i + d] = low, high
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return rows
