"""Labels in lists, masked arrays, series and tables of pandas and polars, and Arrow, as arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_arrays(labels: Any) -> Any:
    """Returns `{task: array}` for a table of labels, or labels of which some are lists or series.

    What is missing in a list or series, or lies under a mask, becomes what labels of its kind have
    for it: NaN, or "" among texts.

    Args:
        labels: A data frame with a column for each task, `{task: labels}`, or anything else, which
            comes back as it is.

    >>> import pandas
    >>> found = as_arrays(pandas.DataFrame({"animal": ["cat", None], "legs": [4, 2]}))
    >>> found["animal"], found["legs"]
    (array(['cat', ''], dtype=object), array([4, 2]))
    """
    if hasattr(labels, "columns") and hasattr(labels, "to_numpy"):
        labels = {str(column): labels[column] for column in labels.columns}
    if isinstance(labels, Mapping):
        return {task: _as_array(_of_list(values)) for task, values in labels.items()}
    return _as_array(labels)


def _of_list(values: Any) -> Any:
    """Returns a list of numbers or texts, or of lists of them, as an array; all else as it is."""
    if not isinstance(values, list | tuple) or not all(map(_is_cell, values)):
        return values
    try:
        array = np.asarray(values)
    except ValueError:  # rows of several lengths
        return values
    # NumPy makes texts of all that stands among texts, "nan" for instance.
    return _filled(np.asarray(values, object)) if array.dtype.kind in "USO" else array


def _is_cell(value: Any) -> bool:
    return value is None or np.isscalar(value) or isinstance(value, list | tuple)


def _as_array(values: Any) -> Any:
    if isinstance(values, np.ma.MaskedArray):
        return _filled(_unmasked(values))
    return _filled(np.asarray(values)) if hasattr(values, "to_numpy") else values


def _filled(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "O":
        return array
    present = np.vectorize(_is_present, otypes=[bool])(array)
    texts = any(isinstance(value, str | bytes) for value in array[present])
    filled = np.where(present, array, "" if texts else np.nan)
    return filled if texts else filled.astype("float64")


def _unmasked(values: Any) -> np.ndarray:
    """Returns NaN among numbers, and None among texts, for what lies under the mask."""
    if not values.mask.any():
        return values.data
    nothing: Any = None if values.dtype.kind in "OSU" else np.nan
    return np.where(values.mask, nothing, values.data)


def _is_present(value: Any) -> bool:
    """None, NaN and the NA of pandas are missing."""
    missing = value is None or type(value).__name__ == "NAType"
    return not (missing or (isinstance(value, float) and math.isnan(value)))
