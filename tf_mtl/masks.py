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
    # Halves end at 65504 (float16), and their sums stop growing where a step is below rounding.
    exact = keras.ops.cast(steps, keras.backend.result_type(steps.dtype, "float32"))
    there = keras.ops.cast(mask, exact.dtype)[..., None]
    mean = keras.ops.divide_no_nan(keras.ops.sum(exact * there, 1), keras.ops.sum(there, 1))
    return keras.ops.cast(mean, steps.dtype)
