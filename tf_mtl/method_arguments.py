"""Checks of what weightings and aggregators are told: what was passed, and what was expected."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from .whole_numbers import is_whole

LARGEST = sys.float_info.max
# Beyond, seeds leave the integers of 64 bits that draws are keyed by.
LARGEST_SEED = 2**62


def check_choice(argument: str, value: object, choices: Sequence[object]) -> None:
    """Raises `ValueError` unless the value of a constructor's argument is one of `choices`."""
    if value not in choices:
        expected = " or ".join(map(repr, choices))
        raise ValueError(f"`{argument}` must be {expected}. Received: {argument}={value!r}.")


def check_number(
    argument: str,
    value: Any,
    low: float = 0.0,
    high: float = LARGEST,
    exclude: Sequence[float] = (),
) -> None:
    """Raises `ValueError` unless the value of a constructor's argument is a number in a range.

    Args:
        argument: name of the argument, for the message.
        value: what was passed.
        low: smallest value that is allowed.
        high: largest one (default: any but infinity).
        exclude: ends of the range that are not allowed.

    >>> check_number("momentum", 1.0, 0.0, 1.0, exclude=[1.0])
    Traceback (most recent call last):
    ...
    ValueError: `momentum` must be a number in [0, 1). Received: momentum=1.0.
    """
    if (
        isinstance(value, Real)
        and not isinstance(value, bool)
        and low <= float(value) <= high
        and value not in exclude
    ):
        return
    if high < LARGEST:
        left, right = "[("[low in exclude], "])"[high in exclude]
        expected = f"a number in {left}{low:g}, {high:g}{right}"
    else:
        finite = "a finite number" if high == LARGEST else "a number"
        expected = f"{finite}, " + (f"above {low:g}" if low in exclude else f"{low:g} or more")
    raise ValueError(f"`{argument}` must be {expected}. Received: {argument}={value!r}.")


def check_seed(value: Any) -> None:
    """Raises `ValueError` unless the value is a whole number that draws can be keyed by."""
    if not is_whole(value) or abs(value) > LARGEST_SEED:
        raise ValueError(
            f"`seed` must be a whole number, at most 2**62 in size. Received: seed={value!r}."
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
