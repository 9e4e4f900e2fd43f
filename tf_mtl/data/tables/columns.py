"""Columns of a table → arrays that the model's inputs take."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...names import check_known, unknown_name
from .cells import Cells
from .encoding import Encoding
from .frames import as_frame, row_name
from .identifiers import identifiers, input_name
from .target_columns import as_text

DAYS = "_days"


def input_kinds(
    columns: Sequence[str], cells: Callable[[str], Cells], encoding: Encoding, source: str
) -> dict[str, str]:
    """Returns `{column: "number" | "category" | "date" | "text"}`.

    Args:
        columns: The input columns.
        cells: Returns what is in a column.
        encoding: Names columns of which the kind is given.
        source: Name of the table, for errors.

    Raises:
        ValueError: For a column whose type cannot be an input, or that is almost numeric.

    Warns:
        UserWarning: For a column without a name, as that of the row numbers which pandas writes.
    """
    for column in columns:
        if re.fullmatch(r"Unnamed: \d+", column):
            warnings.warn(
                f"{source} has a column without a name, {column!r}, which becomes an input. Row "
                f"numbers say nothing, or too much: leave them out with ignore=[{column!r}]. A "
                "column that is to be an input needs a name.",
                stacklevel=2,
            )
    check_known(encoding.categorical, columns, f"categorical column of {source}")
    check_known(encoding.dates, columns, f"date column of {source}")
    check_known(encoding.texts, columns, f"column of texts of {source}")
    return {
        column: (
            "category" if column in encoding.categorical
            else "date" if column in encoding.dates
            else "text" if column in encoding.texts
            else cells(column).kind(f"Column {column!r} of {source}")
        )
        for column in columns
    }  # fmt: skip


def input_names(kinds: Mapping[str, Any], taken: Sequence[str]) -> dict[str, str]:
    """Returns `{input name: column}`; the input of a date is called `…_days`.

    >>> input_names({"visit": "date", "visit_days": "number"}, [])
    {'visit_2_days': 'visit', 'visit_days': 'visit_days'}
    """
    # A column that has such a name itself keeps it.
    found = identifiers([column for column in kinds if kinds[column] != "date"], taken)
    dates = [column for column in kinds if kinds[column] == "date"]
    found |= identifiers(dates, [*taken, *found], DAYS)
    names = {column: name for name, column in found.items()}
    return {names[column]: column for column in kinds}


def input_arrays(
    frame: Any, columns: Mapping[str, str], kinds: Mapping[str, str], source: str
) -> dict[str, np.ndarray]:
    """Returns `{input name: [rows, 1]}`: float32 numbers and days, text as objects.

    Args:
        frame: A `pandas.DataFrame`.
        columns: `{input name: column}`.
        kinds: `{column: kind}`.
        source: Name of the table, for errors.

    Raises:
        ValueError: For a missing column, or a cell that does not suit its kind.
    """
    arrays = {}
    for name, column in columns.items():
        if column not in frame.columns:
            raise ValueError(unknown_name(column, frame.columns, f"input column of {source}"))
        series, what = frame[column], f"column {column!r} of {source}"
        if kinds[column] in ("category", "text"):
            values = as_text(series)
        elif kinds[column] == "date":
            values = _days(series, what)
        else:
            values = _numbers(series, what)
        arrays[name] = values.reshape(-1, 1)
    return arrays


def inputs_from_dataframe(
    frame: Any,
    inputs: Mapping[str, Any] | keras.KerasTensor,
    columns: Mapping[str, str] | None = None,
    source: str = "the table",
) -> dict[str, tf.Tensor]:
    """Turns a table of raw columns into the x of a model that was trained on such a table.

    Args:
        frame: A table with the input columns, as `from_dataframe` takes it; others are not used.
        inputs: The model's inputs, `{name: keras.Input}`: `splits.inputs` or `model.input`. That
            of a model with one input may be the `keras.Input` itself.
        columns: `{input name: column}` as in `splits.columns`; if None, columns are found by
            their names, which must tell them.
        source: Name of the table, for errors.

    Returns:
        `{input name: [rows, 1]}`, tensors for `model.predict`.

    Raises:
        ValueError: For a column that is not there, or a cell that is not a number or date where
            the model needs one; without `columns` also where several columns may be meant.

    >>> import keras, pandas
    >>> frame = pandas.DataFrame({"hours-per-week": [40, 38]})
    >>> inputs = {"hours_per_week": keras.Input((1,), name="hours_per_week")}
    >>> inputs_from_dataframe(frame, inputs)["hours_per_week"].numpy().tolist()
    [[40.0], [38.0]]
    """
    frame = as_frame(frame, source).rename(columns=str)
    if not isinstance(inputs, Mapping):
        inputs = {one.name: one for one in keras.tree.flatten(inputs)}
    if columns is None:
        columns = _columns_of(inputs, frame, source)
    check_known(inputs, columns, "input of the model")
    kinds = {
        columns[name]: "category" if tensor.dtype == "string" else "number"
        for name, tensor in inputs.items()
    }
    for name in inputs:
        if name.endswith(DAYS) and input_name(columns[name]) != name:
            kinds[columns[name]] = "date"
    arrays = input_arrays(frame, {name: columns[name] for name in inputs}, kinds, source)
    # Keras takes text as tensors only.
    return {name: tf.convert_to_tensor(array) for name, array in arrays.items()}


def _columns_of(inputs: Collection[str], frame: Any, source: str) -> dict[str, str]:
    """Returns `{input name: column}`, the only column that can have given an input its name."""
    alike: dict[str, list[str]] = {}
    in_any_case: dict[str, list[str]] = {}
    for column in frame.columns:
        alike.setdefault(input_name(column), []).append(column)
        in_any_case.setdefault(input_name(column).lower(), []).append(column)

    found = {}
    for name in inputs:
        bases = dict.fromkeys((name, name.removesuffix(DAYS)))
        columns = [column for base in bases for column in alike.get(base, ())]
        numbered = re.fullmatch(r"(.+)_\d+", name)
        if numbered and not columns:
            columns = in_any_case.get(numbered[1].lower(), [])
        columns = [column for column in columns if column == name or column not in inputs]
        if not columns:
            raise ValueError(
                unknown_name(name, frame.columns, f"input column of {source}")
                + " If the names of columns have changed, say which is which with `columns`."
            )
        if len(columns) > 1:
            raise ValueError(
                f"The input {name!r} may be any of the columns {columns} of {source}. Say which "
                "with `columns`: the splits that the model was trained on know it, splits.columns."
            )
        found[name] = columns[0]
    return found


def _numbers(series: Any, what: str) -> np.ndarray:
    import pandas as pd

    numbers = pd.to_numeric(series, errors="coerce").to_numpy("float64", na_value=np.nan)
    wrong = np.isnan(numbers) & series.notna().to_numpy()
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{series.iloc[place]!r} in {row_name(series.index, place)} of {what} is not a number. "
            "Correct the cell, or declare it a missing value."
        )
    with np.errstate(over="ignore"):
        values = numbers.astype("float32")
    if np.isinf(values).any():
        place = int(np.flatnonzero(np.isinf(values))[0])
        raise ValueError(
            f"{numbers[place]} in {row_name(series.index, place)} of {what} is infinite in "
            "float32. Leave the cell empty, or scale the column."
        )
    return values


def _days(series: Any, what: str) -> np.ndarray:
    import pandas as pd

    if series.dtype.kind in "iuf":  # 20241231
        series = pd.Series(as_text(series), series.index)
    elif series.dtype.kind == "O":
        series = series.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    try:
        dates = pd.to_datetime(series, format="ISO8601", utc=True)
    except (ValueError, TypeError):
        found = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce")
        place = int((found.isna().to_numpy() & (as_text(series) != "")).argmax())
        raise ValueError(
            f"{series.iloc[place]!r} in {row_name(series.index, place)} of {what} is not a date in "
            "ISO 8601, such as 2024-12-31 23:59:00. Correct the cell, convert the column with "
            "pandas.to_datetime, or leave it out with `ignore`."
        ) from None
    days = (dates - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(days=1)
    return days.to_numpy("float32", na_value=np.nan)
