"""Checks of constructor arguments: what was passed, what was expected and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def check_choice(argument: str, value: object, choices: Sequence[object]) -> None:
    """Raises `ValueError` unless the value of a constructor's argument is one of `choices`."""
    if value not in choices:
        expected = " or ".join(map(repr, choices))
        raise ValueError(f"`{argument}` must be {expected}. Received: {argument}={value!r}.")


def check_positive(argument: str, value: float, zero: bool = False) -> None:
    """Raises `ValueError` unless the value is a finite number above 0 (or 0 too)."""
    expected = "0 or more" if zero else "above 0"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (0.0 <= value < float("inf")) or (value == 0.0 and not zero):
        raise ValueError(
            f"`{argument}` must be a finite number, {expected}. Received: {argument}={value!r}."
        )


def check_numbers(
    argument: str, values: Any, signed: bool = False, zero: bool = True
) -> list[float] | None:
    """Returns one number for each task as a list of floats, or None where None is given.

    >>> check_numbers("preference", (1, 2))
    [1.0, 2.0]
    """
    if values is None:
        return None
    try:
        numbers = [float(value) for value in values if not isinstance(values, str | dict)]
    except (TypeError, ValueError):
        numbers = []
    finite = bool(numbers) and all(abs(value) < float("inf") for value in numbers)
    if not finite or (not signed and (min(numbers) < 0.0 or max(numbers) <= 0.0)):
        finite = False
    if not finite or (not zero and min(numbers) <= 0.0):
        range_ = "finite" if signed else "not negative, not all zero" if zero else "above 0"
        raise ValueError(
            f"`{argument}` must be a list of one number for each task, {range_}, in the order of "
            f"the model's outputs. Received: {argument}={values!r}. Use None to treat the tasks "
            "alike."
        )
    return numbers


def check_length(argument: str, values: Sequence[Any] | None, tasks: int) -> None:
    """Raises `ValueError` unless there is one value for each task."""
    if values is not None and len(values) != tasks:
        raise ValueError(
            f"`{argument}` has {len(values)} values for {tasks} tasks. Received: "
            f"{argument}={list(values)!r}. Give one for each task, in the order of the model's "
            "outputs."
        )


def per_task(values: Sequence[float] | None, default: Any) -> Any:
    """Returns numbers as a float32 tensor, or `default` where None is given."""
    return default if values is None else tf.constant(values, tf.float32)
