"""Pairs of rows of one batch."""

from __future__ import annotations

from typing import Any

import keras


def pairs(groups: Any) -> tuple[Any, Any]:
    """Returns which pairs of different rows have the same group, and which have two groups.

    Args:
        groups: Numbers of groups, `[B]` or `[B, 1]`.

    Returns:
        Two boolean tensors `[B, B]`, both False on the diagonal.

    >>> [one.numpy().astype(int).tolist() for one in pairs(keras.ops.array([4, 4, 5]))]
    [[[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 1], [1, 1, 0]]]
    """
    groups = keras.ops.reshape(groups, (-1,))
    equal = groups[:, None] == groups[None, :]
    place = keras.ops.arange(keras.ops.shape(groups)[0])
    return (
        keras.ops.logical_and(equal, place[:, None] != place[None, :]),
        keras.ops.logical_not(equal),
    )


def mean_over(costs: Any, rows: Any) -> Any:
    """Returns the mean of `costs` `[B]` over the rows that count, 0 where none does."""
    counts = keras.ops.cast(rows, costs.dtype)
    return keras.ops.divide_no_nan(
        keras.ops.sum(keras.ops.where(rows, costs, 0.0)), keras.ops.sum(counts)
    )
