"""Labels that are numbers, or one flag for each class → an array, and their `Target`."""

from __future__ import annotations

import warnings

import numpy as np

from ..tables.cells import coarse_step
from ..targets import Target
from .labels import MISSING, Labels, known_labels


def numbers_of(labels: Labels, target: Target | None) -> tuple[np.ndarray, Target]:
    """Returns numbers as float32, missing ones as NaN.

    Warns:
        UserWarning: If numbers become equal in float32.
    """
    values = labels.values
    if values.dtype.kind == "O":
        values = _parse(labels)
    with np.errstate(over="ignore"):
        numbers = values.astype("float32")
    if np.isinf(numbers).any():
        raise ValueError(
            f"Labels of task {labels.task!r} ({labels.source}) are infinite in "
            f"{labels.row(np.isinf(numbers))}. Use NaN for a missing label."
        )
    units = 1 if numbers.ndim == 1 else numbers.shape[1]
    found = target or Target("regression", units=units)
    _check_units(labels, found, units)
    _check_steps(labels, values)
    return numbers, found


def _check_steps(labels: Labels, values: np.ndarray) -> None:
    """Warns of numbers that lie too close to each other for float32, such as large ones."""
    for column in values.astype("float64").reshape(len(values), -1).T:
        known = column[~np.isnan(column)]
        if not (known.astype("float32") != known).any():
            continue
        least, greatest = float(known.min()), float(known.max())
        step = coarse_step(least, greatest)
        if step:
            warnings.warn(
                f"Labels of task {labels.task!r} ({labels.source}) are numbers from {least:.17g} "
                f"to {greatest:.17g}, which as float32 lie {step:.3g} apart and become equal. "
                "Subtract a number from them before, and add it to the predictions.",
                stacklevel=2,
            )


def _parse(labels: Labels) -> np.ndarray:
    """Returns the numbers in text."""
    import pandas as pd

    texts = np.char.strip(labels.values.astype(str))
    flat = pd.to_numeric(pd.Series(texts.reshape(-1)), errors="coerce")
    values = flat.to_numpy("float64").reshape(texts.shape)
    wrong = np.isnan(values) & (texts != "") & (np.char.lower(texts) != "nan")
    if wrong.any():
        raise ValueError(
            f"Labels of task {labels.task!r} must be numbers, but {labels.source} holds text in "
            f"{labels.row(wrong)}. Correct the cell, declare the text as a missing value, or "
            "choose another kind."
        )
    return values


def flags_of(labels: Labels, target: Target | None) -> tuple[np.ndarray, Target]:
    """Returns flags of 0 and 1 as int32, missing ones as -1."""
    values = labels.values
    if values.ndim != 2:
        raise ValueError(
            f"Task {labels.task!r} is multilabel, but {labels.source} has the shape "
            f"{values.shape}. Expected [rows, units] of 0 and 1. Make such columns of texts that "
            "list classes: frame['genres'].str.get_dummies('|')."
        )
    if values.dtype.kind == "O":
        values, _ = numbers_of(labels, None)
    missing = ~known_labels(values)
    missing |= values == MISSING
    wrong = ~missing & (values != 0) & (values != 1)
    if wrong.any():
        raise ValueError(
            f"Labels of the multilabel task {labels.task!r} ({labels.source}) must be 0 or 1, or "
            f"-1 where missing. Found {labels.row(wrong)}. For other numbers choose 'regression'."
        )
    found = target or Target("multilabel", units=values.shape[1])
    _check_units(labels, found, values.shape[1])
    return np.where(missing, MISSING, values).astype("int32"), found


def _check_units(labels: Labels, target: Target, units: int) -> None:
    if target.units != units:
        raise ValueError(
            f"Task {labels.task!r} has units={target.units}, but {labels.source} has {units} "
            "columns of labels. Correct one of them."
        )
