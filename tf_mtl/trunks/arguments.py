"""Numbers that trunks take as arguments: widths of layers, dropout."""

from __future__ import annotations

from typing import Any

from ..whole_numbers import is_number, is_whole


def widths(value: Any, argument: str, least: int = 1) -> list[int]:
    """Returns the widths of layers as a list.

    Args:
        value: A number, or a list of them; NumPy's are taken too.
        argument: Name of the argument, for the message.
        least: Number of layers that there are at least.

    Raises:
        ValueError: For anything else, and for numbers less than 1.

    >>> widths(64, "units")
    [64]
    >>> widths([], "units")
    Traceback (most recent call last):
    ...
    ValueError: `units` must be a list of 1 or more whole numbers, each at least 1. Received: ...
    """
    given = [value] if is_whole(value) else value
    fits = (
        hasattr(given, "__iter__")
        and not isinstance(given, (str, dict))
        and all(is_whole(each) and each >= 1 for each in given)
    )
    if not fits or len(given) < least:
        expected = f"{least} or more whole numbers" if least else "whole numbers"
        raise ValueError(
            f"`{argument}` must be a list of {expected}, each at least 1. "
            f"Received: {argument}={value!r}."
        )
    return [int(each) for each in given]


def check_dropout(rate: float) -> float:
    """Returns a dropout rate.

    Raises:
        ValueError: Unless it lies in [0, 1).
    """
    if not is_number(rate) or not 0 <= rate < 1:
        raise ValueError(
            f"`dropout` must lie in [0, 1). Received: dropout={rate!r}. "
            "It is the share of units that is dropped."
        )
    return rate
