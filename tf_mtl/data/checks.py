"""Checks of arrays that a user passes, before anything is built from them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from .labels.labels import MISSING


def check_inputs(x: Any, where: str = "x") -> np.ndarray | dict[str, np.ndarray]:
    """Returns x as a tidy array or `{name: array}`.

    float64 becomes float32, bool and uint8 (images) become float32 without a change of scale, and
    text stays text; other whole numbers stay whole numbers.

    Raises:
        ValueError: For a list, an object that is not text, NaN or inf, or unequal numbers of rows.

    >>> check_inputs(np.zeros((2, 3))).dtype
    dtype('float32')
    """
    if isinstance(x, Mapping):
        if not x:
            raise ValueError(f"{where} is an empty dictionary. Give at least one {{name: array}}.")
        arrays = {str(name): _input(value, f"{where}[{name!r}]") for name, value in x.items()}
        check_rows({f"{where}[{name!r}]": array for name, array in arrays.items()})
        return arrays
    if isinstance(x, (list, tuple)):
        raise ValueError(
            f"{where} is a {type(x).__name__}. Pass one array, or a dictionary {{name: array}} if "
            "there are several inputs: the order of a list says nothing about names."
        )
    return _input(x, where)


def check_label_names(y: Any, where: str = "y") -> dict[str, np.ndarray]:
    """Returns `{task: array}`; raises `ValueError` unless y is a dictionary of arrays.

    A data frame of pandas or polars counts as a dictionary of its columns.
    """
    if hasattr(y, "columns") and hasattr(y, "to_numpy"):
        y = {str(name): y[name] for name in y.columns}
    if not isinstance(y, Mapping):
        raise ValueError(
            f"{where} is a {type(y).__name__}. Pass a dictionary {{task: array}}, such as "
            '{"digit": digits, "odd": odd}: labels are matched to heads by name.'
        )
    if not y:
        raise ValueError(f"{where} is an empty dictionary. Give at least one {{task: array}}.")
    arrays = {}
    for task, values in y.items():
        try:
            arrays[task] = _label_array(values)
        except ValueError:
            raise ValueError(
                f"{where}[{task!r}] is ragged: its rows differ in length. Pass an array of labels, "
                "[rows] or [rows, units]."
            ) from None
        if arrays[task].ndim == 0:
            raise ValueError(
                f"{where}[{task!r}] is a {type(values).__name__}. Pass an array of labels, "
                "[rows] or [rows, units]."
            )
    return arrays


def _label_array(values: Any) -> np.ndarray:
    own = not isinstance(getattr(values, "dtype", np.dtype("O")), np.dtype)
    if own and hasattr(values, "isna"):
        # NumPy would make floats of whole numbers where some are missing.
        return values.to_numpy(dtype=object)
    if own and hasattr(values, "null_count") and values.null_count():  # of polars
        return np.array(values.to_list(), dtype=object)
    if isinstance(values, np.ma.MaskedArray):
        # What lies under a mask is no label.
        nothing: Any = np.nan if values.dtype.kind == "f" else None
        return np.where(values.mask, nothing, values.data) if values.mask.any() else values.data
    array = np.asarray(values)
    if array.dtype.kind == "U" and isinstance(values, (list, tuple)):
        # NumPy makes texts of NaN and -1 too where there are others.
        numbers = [float(value) if isinstance(value, Real) else 0.0 for value in values]
        missing = np.isnan(numbers) | np.equal(numbers, MISSING)
        return np.where(missing, "", array) if missing.any() else array
    return array


def check_rows(arrays: Mapping[str, np.ndarray]) -> int:
    """Returns the number of rows; raises `ValueError` unless all arrays have the same."""
    (first, reference), *others = arrays.items()
    for name, array in others:
        if len(array) != len(reference):
            raise ValueError(
                f"{first} has {len(reference)} rows, but {name} has {len(array)}. "
                "Every row needs its inputs and its labels; mark missing labels with NaN or -1."
            )
    if len(reference) == 0:
        raise ValueError(f"{first} is empty: it has no rows.")
    return len(reference)


def _input(values: Any, where: str) -> np.ndarray:
    if np.ma.is_masked(values):
        row = np.argwhere(np.ma.getmaskarray(values))[0][0]
        raise ValueError(
            f"{where} is masked in row {row}. Fill it, with x.filled(...): inputs have no mask."
        )
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{where} is ragged: its rows differ in shape. Bring them to one shape, for example "
            "by padding."
        ) from None
    if array.ndim == 0:
        raise ValueError(f"{where} is a {type(values).__name__}. Pass an array [rows, ...].")
    if array.dtype.kind in "US" or _is_text(array):
        return array.astype(object)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{where} has dtype {array.dtype}. Pass numbers, bools or text; convert objects first, "
            "or use from_dataframe for a table with mixed columns."
        )
    if array.dtype.kind == "f":
        _check_finite(array, where)
        with np.errstate(over="ignore"):
            array = array.astype("float32")
        _check_finite(array, where)
    elif array.dtype in (bool, np.uint8):
        array = array.astype("float32")
    elif array.dtype != np.int32:
        if array.size and array.max() > np.iinfo("int64").max:
            raise ValueError(
                f"{where} holds {array.max()}, which is beyond int64. Divide such numbers, or "
                "number what they stand for from 0 (numpy.unique with return_inverse)."
            )
        bounds = np.iinfo("int32")
        if array.size and not (bounds.min <= array.min() and array.max() <= bounds.max):
            array = array.astype("int64")
        else:
            array = array.astype("int32")
    return array


def _is_text(array: np.ndarray) -> bool:
    if array.dtype.kind != "O":
        return False
    return all(isinstance(value, (str, bytes)) for value in array.reshape(-1))


def _check_finite(array: np.ndarray, where: str) -> None:
    for what, wrong in (("NaN", np.isnan(array)), ("an infinite number", np.isinf(array))):
        if wrong.any():
            rows = np.flatnonzero(wrong.reshape(len(array), -1).any(axis=1))
            raise ValueError(
                f"{where} holds {what} in row {rows[0]} (and {len(rows) - 1} other rows). Fill or "
                "drop it: one NaN input makes the whole network NaN. from_dataframe and from_csv "
                "fill missing cells inside the model."
            )
