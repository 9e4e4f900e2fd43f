"""Which entries of a loss count: labelled, not masked by a layer, of a weight other than zero."""

from __future__ import annotations

import tensorflow as tf


def fit_rank(mask: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Brings a boolean mask of the labels to the rank of `values`.

    Axes that the loss reduced are reduced here too: such an entry counts when every label in it
    is there. Missing axes are added at the end, so that a mask of rows covers their entries.

    >>> mask = tf.constant([[True, True], [True, False]])
    >>> fit_rank(mask, tf.zeros(2)).numpy().tolist()
    [True, False]
    """
    while mask.shape.rank > values.shape.rank:
        mask = tf.reduce_all(mask, axis=-1)
    while mask.shape.rank < values.shape.rank:
        mask = mask[..., None]
    return mask


def fit_weight_rank(weight: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Brings sample weights `[B]`, `[B, 1]` or `[B, ...]` to the rank of `values`."""
    while weight.shape.rank > values.shape.rank and weight.shape[-1] == 1:
        weight = tf.squeeze(weight, axis=-1)
    while weight.shape.rank < values.shape.rank:
        weight = weight[..., None]
    return weight


def has_elements(mask: tf.Tensor, values: tf.Tensor) -> bool:
    """Tells whether a mask or weights have a last axis of several that the loss reduced.

    >>> has_elements(tf.zeros([4, 3]), tf.zeros(4)), has_elements(tf.zeros([4, 1]), tf.zeros(4))
    (True, False)
    """
    return bool(mask.shape.rank == values.shape.rank + 1 and mask.shape[-1] != 1)


def both(first: tf.Tensor | None, second: tf.Tensor | None) -> tf.Tensor | None:
    """Returns the conjunction of two masks, either of which may be None (all True)."""
    if first is None or second is None:
        return first if second is None else second
    return first & second


def count(mask: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns how many entries of `values` a mask of the same rank lets through, in its dtype."""
    full = tf.broadcast_to(mask, tf.shape(values))
    return tf.cast(tf.math.count_nonzero(full, dtype=tf.int32), values.dtype)
