"""Directions."""

from __future__ import annotations

from typing import Any

from keras import ops


def unit_vectors(values: Any) -> Any:
    """Returns vectors `[..., d]` at length 1; zero stays zero, and can be left.

    `keras.ops.normalize` divides by an epsilon there: the gradient of a zero vector (features of a
    black image, before there is a bias) is then 1e6 times too large, or more. Here it is that
    of the vector itself.

    Args:
        values: `[..., d]`, floating point.

    >>> print(unit_vectors(ops.array([[3.0, 4.0], [3e-9, 4e-9], [0.0, 0.0]])).numpy())
    [[0.6 0.8]
     [0.6 0.8]
     [0.  0. ]]
    """
    largest = ops.max(ops.abs(values), axis=-1, keepdims=True)
    # The squares of float32 are 0 below 1e-23, and infinite above 1e19.
    scaled = values / ops.stop_gradient(ops.where(largest > 0, largest, 1.0))
    square = ops.sum(ops.square(scaled), axis=-1, keepdims=True)
    return scaled / ops.sqrt(ops.where(square > 0, square, 1.0))
