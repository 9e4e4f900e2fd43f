"""Preference vectors: how much each task counts in what a method starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows


def check_preference(preference: Sequence[float] | None) -> list[float] | None:
    """Returns a preference vector as a list of floats.

    >>> check_preference((1, 2))
    [1.0, 2.0]
    """
    if preference is None:
        return None
    values = [float(value) for value in preference]
    if not values or min(values) < 0.0 or max(values) <= 0.0:
        raise ValueError(
            "`preference` must hold one number for each task, none negative and not all zero. "
            f"Received: preference={preference!r}. Use None to treat the tasks alike."
        )
    return values


def preferred(preference: Sequence[float] | None, rows: Rows, default: Any) -> Any:
    """Returns `[T]` the preference of the present tasks, or `default` where none is set."""
    if preference is None:
        return default * rows.present
    if len(preference) != rows.tasks:
        raise ValueError(
            f"`preference` has {len(preference)} numbers for {rows.tasks} tasks: give one for each "
            "task, in the order of the model's outputs."
        )
    return tf.constant(preference, tf.float64) * rows.present
