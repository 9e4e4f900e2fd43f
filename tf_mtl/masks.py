"""Steps that are padding do not count."""

from __future__ import annotations

from typing import Any

import keras


def mean_of_steps(steps: Any, mask: Any) -> Any:
    """Returns the mean `[B, d]` of the steps `[B, steps, d]` that are there; zeros where none is.

    >>> mask = keras.ops.array([[True, True, False], [False, False, False]])
    >>> mean_of_steps(keras.ops.ones((2, 3, 1)), mask).numpy().tolist()
    [[1.0], [0.0]]
    """
    there = keras.ops.cast(mask, steps.dtype)[..., None]
    return keras.ops.divide_no_nan(keras.ops.sum(steps * there, 1), keras.ops.sum(there, 1))
