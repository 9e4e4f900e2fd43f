"""Checks of constructor arguments: what was passed, what was expected and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def check_whole(argument: str, value: int) -> None:
    """Raises `ValueError` unless the value is a whole number above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"`{argument}` must be a whole number, 1 or more. Received: {argument}={value!r}."
        )


def check_numbers(
    argument: str, values: Any, signed: bool = False
) -> list[float] | dict[str, float] | None:
    """Returns one number for each task as floats, in a list or by task, or None for None.

    >>> check_numbers("preference", (1, 2))
    [1.0, 2.0]
    >>> check_numbers("preference", {"digit": 1, "odd": 2})
    {'digit': 1.0, 'odd': 2.0}
    """
    if values is None:
        return None
    given = values.values() if isinstance(values, Mapping) else values
    try:
        numbers = [float(value) for value in given if not isinstance(value, str)]
        complete = len(numbers) == len(given) > 0
    except (TypeError, ValueError):
        numbers, complete = [], False
    if not complete or not _in_range(numbers, signed):
        range_ = "finite" if signed else "not negative, not all zero"
        raise ValueError(
            f"`{argument}` must be one number for each task, {range_}: {{task: number}}, or a list "
            f"in the order of the model's outputs. Received: {argument}={values!r}. Use None to "
            "treat the tasks alike."
        )
    return dict(zip(values, numbers, strict=True)) if isinstance(values, Mapping) else numbers


def _in_range(numbers: Sequence[float], signed: bool) -> bool:
    if not all(abs(number) < float("inf") for number in numbers):
        return False
    return signed or (min(numbers) >= 0.0 and max(numbers) > 0.0)


def per_task(values: Sequence[float] | None, default: Any) -> Any:
    """Returns numbers as a float32 tensor, or `default` where None is given."""
    return default if values is None else tf.constant(values, tf.float32)
