"""Labels of any objects → numbers or text."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from .labels import Labels


def plain(labels: Labels, missing: float) -> Labels:
    """Makes numbers or text of objects, and [rows] of [rows, 1]; refuses what is neither.

    Whole numbers among objects with missing ones have `missing` in their place.
    """
    values = labels.values
    if values.dtype.kind == "O":
        values = _numbers_of_objects(values, missing)
    if values.dtype.kind in "OUS":
        texts = np.empty(values.shape, object)
        for place, value in np.ndenumerate(values):
            if isinstance(value, bytes):
                texts[place] = value.decode()
            elif isinstance(value, str):
                texts[place] = value
            elif _is_missing(value):
                texts[place] = ""
            else:
                raise ValueError(
                    f"Labels of task {labels.task!r} ({labels.source}) are objects, and row "
                    f"{place[0] + labels.first_row} holds {type(value).__name__} {value!r}. "
                    "Give text, whole numbers, bools or floats."
                )
        values = texts
    elif values.dtype.kind not in "biuf":
        raise ValueError(
            f"Labels of task {labels.task!r} ({labels.source}) have dtype {values.dtype}. "
            "Give text, whole numbers, bools or floats."
        )
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise ValueError(
            f"Labels of task {labels.task!r} ({labels.source}) have the shape {values.shape}. "
            "Expected [rows] or [rows, units]. Labels of more axes, such as key points and depths, "
            "need no reader: fit takes them as arrays, or in a tf.data.Dataset of your own."
        )
    return replace(labels, values=values)


def _numbers_of_objects(values: np.ndarray, missing: float) -> np.ndarray:
    """Returns bools and numbers, such as pandas' with missing ones, in an array of their own."""
    absent = np.vectorize(_is_missing, otypes=[bool])(values)
    present = values[~absent]
    if not len(present) or not all(isinstance(value, (Real, np.bool_)) for value in present):
        return values
    numbers = np.array(present.tolist())
    if numbers.dtype.kind not in "bif":  # larger than any of them
        return values
    fill = np.nan if numbers.dtype.kind == "f" else missing
    found = np.empty(values.shape, np.result_type(numbers, fill) if absent.any() else numbers.dtype)
    found[~absent], found[absent] = numbers, fill
    return found


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return (
        value is None
        or value is pd.NA
        or (isinstance(value, (float, np.floating)) and np.isnan(value))
    )
