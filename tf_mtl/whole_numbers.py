"""Numbers that are arguments: Python's, and NumPy's as `labels.max() + 1` gives them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


def is_whole(value: object) -> bool:
    """Tells whether a value is a whole number, Python's or NumPy's.

    >>> is_whole(3), is_whole(True), is_whole(3.0)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Tells whether a value is a finite number, Python's or NumPy's.

    >>> is_number(0.5), is_number("0.5"), is_number(None), is_number(float("nan"))
    (True, False, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def check_whole(value: Any, argument: str, least: int = 1, hint: str = "") -> int:
    """Returns a whole number as Python's own, which Keras and JSON ask for.

    Args:
        value: What was passed.
        argument: Name of the argument, for the message.
        least: Smallest number that is allowed.
        hint: A sentence for the end of the message.

    Raises:
        ValueError: For anything else.

    >>> check_whole(0, "units")
    Traceback (most recent call last):
    ...
    ValueError: `units` must be a whole number of at least 1. Received: units=0.
    """
    if not is_whole(value) or value < least:
        message = f"`{argument}` must be a whole number of at least {least}."
        raise ValueError(f"{message} Received: {argument}={value!r}. {hint}".rstrip())
    return int(value)


def check_size(value: Any) -> tuple[int, int]:
    """Returns a `size`, height and width, as Python's numbers.

    Raises:
        ValueError: For anything but two positive whole numbers.

    >>> check_size([8, 12])
    (8, 12)
    """
    sides = list(value) if isinstance(value, Iterable) else []
    if len(sides) != 2 or not all(is_whole(side) and side > 0 for side in sides):
        raise ValueError(
            f"`size` must be (height, width), two positive whole numbers. Received: size={value!r}."
        )
    return int(sides[0]), int(sides[1])
