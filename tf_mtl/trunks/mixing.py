"""What layers that mix the features of several tasks have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..whole_numbers import is_number

Shape = tuple[Any, ...]


def check_share(own: float) -> None:
    """Raises `ValueError` unless `own` is a share."""
    if not is_number(own) or not 0 <= own <= 1:
        raise ValueError(
            f"`own` must lie in [0, 1]. Received: own={own!r}. It is the share that a task takes "
            "of its own features at the start."
        )


def first_shares(number: int, index: int, own: float) -> np.ndarray:
    """Returns `[number]` shares that sum to 1: `own` at `index`, the rest divided equally.

    >>> first_shares(3, 1, 0.8)
    array([0.1, 0.8, 0.1])
    """
    if number == 1:
        return np.ones(1)
    shares = np.full(number, (1 - own) / (number - 1))
    shares[index] = own
    return shares


def check_equal_shapes(shapes: Sequence[Shape], layer: str) -> None:
    """Raises `ValueError` if tensors that a layer is to add differ in shape."""
    if len(set(map(tuple, shapes))) > 1:
        raise ValueError(
            f"{layer} adds features, which must have one shape. Received the shapes "
            f"{[tuple(shape) for shape in shapes]}."
        )


def weighted_sum(features: Sequence[Any], weights: Any) -> Any:
    """Returns Σ weights[s] · features[s].

    Args:
        features: Tensors `[B, ..., d]`.
        weights: One number, or one vector `[d]`, for each of them.
    """
    total = features[0] * weights[0]
    for s in range(1, len(features)):
        total = total + features[s] * weights[s]
    return total
