"""Tables of other libraries → `pandas.DataFrame`, and tables of several files → one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

_FILE_AND_ROW = ["file of the row", "row in the file"]
Contents = dict[str, tuple[str, str]]


def as_frame(table: Any, source: str = "the table") -> Any:
    """Returns a table as a `pandas.DataFrame`.

    Args:
        table: A `pandas.DataFrame`, in which decimals become floats and Python's dates times, as
            they do for all others; a `pyarrow.Table`, a `polars.DataFrame` or anything else that
            has the Arrow C stream interface; a `polars.LazyFrame`; a `datasets.Dataset`.
        source: Its name, for errors.

    Raises:
        ValueError: If it is no table, has names of columns in several levels, or a column that
            pandas cannot hold.

    >>> import pyarrow
    >>> as_frame(pyarrow.table({"age": [20, None]}))["age"].tolist()
    [20.0, nan]
    """
    import pandas as pd
    import pyarrow as pa

    if isinstance(table, pd.DataFrame):
        if table.columns.nlevels > 1:
            raise ValueError(
                f"The columns of {source} have names of {table.columns.nlevels} parts, such as "
                f"{next(iter(table.columns))!r}. Make one of them: "
                "frame.columns = ['_'.join(map(str, column)) for column in frame.columns]."
            )
        return _without_objects(table)
    is_column = type(table).__name__ == "Series"
    library = type(table).__module__.partition(".")[0]
    if library == "polars" and hasattr(table, "collect"):
        table = table.collect()
    if library == "polars" and not is_column:
        table = _of_64_bits(table, source)
    elif library == "datasets" and hasattr(table, "with_format"):
        table = table.with_format("arrow")[:]
    if not hasattr(table, "__arrow_c_stream__") or hasattr(table, "type") or is_column:
        raise ValueError(
            f"Expected a pandas.DataFrame, pyarrow.Table, polars.DataFrame or datasets.Dataset as "
            f"{source}, not {type(table).__name__}. Use from_numpy for arrays "
            "and from_csv or from_parquet for files."
        )
    return arrow_frame(pa.table(table), source)


def _of_64_bits(table: Any, source: str) -> Any:
    """Returns a `polars.DataFrame` whose whole numbers have 64 bits at most, as in Arrow."""
    import polars as pl

    wide = [name for name, dtype in table.schema.items() if str(dtype) in ("Int128", "UInt128")]
    for name in wide:
        try:
            table = table.cast({name: pl.Int64})
        except pl.exceptions.InvalidOperationError:
            raise ValueError(
                f"Column {name!r} of {source} has the type {table.schema[name]} and a number of "
                "more than 64 bits. Make floats or text of it: table.cast({"
                f"{name!r}: polars.Float64}})."
            ) from None
    return table


def _without_objects(frame: Any) -> Any:
    """Returns a table in which decimals are floats and Python's dates are times."""
    import pandas as pd

    found = frame
    for place, dtype in enumerate(frame.dtypes):
        column = frame.iloc[:, place]
        content = pd.api.types.infer_dtype(column, skipna=True) if dtype.kind == "O" else ""
        if dtype == "float16[pyarrow]":  # pandas itself cannot make all of it that is needed
            column = column.astype("float32[pyarrow]")
        elif content == "decimal":
            column = pd.to_numeric(column.astype(object))
        elif content in ("date", "datetime"):
            zones = column.map(lambda cell: getattr(cell, "tzinfo", None)).notna()
            column = pd.to_datetime(column, utc=bool(zones.any()))
        else:
            continue
        found = frame.copy(deep=False) if found is frame else found
        found.isetitem(place, column)
    return found


def arrow_frame(table: Any, source: str = "the table") -> Any:
    """Returns a `pyarrow.Table` as a `pandas.DataFrame`: decimals as floats, dates as times.

    What pandas wrote as a named index is a column, as it is for all other readers.

    Raises:
        ValueError: If a column holds what pandas cannot, such as times with nanoseconds.
    """
    import pyarrow as pa

    fields = [
        field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field
        for field in table.schema
    ]
    schema = pa.schema(fields, table.schema.metadata)
    try:
        frame = table.cast(schema).to_pandas(date_as_object=False)
    except (ValueError, NotImplementedError) as error:
        if table.num_columns > 1:
            for place in range(table.num_columns):  # one of them is the reason
                arrow_frame(table.select([place]).replace_schema_metadata(), source)
            raise
        raise ValueError(
            f"Column {table.column_names[0]!r} of {source} has the type {table.schema[0].type}, "
            f"and pandas cannot hold it: {error}. Convert the column."
        ) from None
    named = [name for name in frame.index.names if name in table.column_names]
    return frame.reset_index(named).reset_index(drop=True)


def join_files(frames: Mapping[str, Any]) -> Any:
    """Returns the tables of several files as one, whose index knows file and row.

    Args:
        frames: `{file: pandas.DataFrame}`.

    Raises:
        ValueError: If a file lacks a column of the first one or has another, or a column holds
            something else than in the files before, naming file, column and row.

    >>> import pandas
    >>> join_files({"a.csv": pandas.DataFrame({"age": [20]}),
    ...             "b.csv": pandas.DataFrame({"age": [30, "old"]})})
    Traceback (most recent call last):
    ...
    ValueError: Column 'age' holds text in b.csv ('old' in row 2), but numbers in a.csv. ...
    """
    import pandas as pd

    first, reference = next(iter(frames.items()))
    if len(frames) == 1:
        return reference
    seen: Contents = {}
    for file, frame in frames.items():
        check_columns(frame.columns, reference.columns, file, first)
        for column in frame.columns:
            content = content_of(frame[column])
            odd = partial(odd_cell, frame[column], content)
            check_content(column, content, file, odd, seen)
    ordered = {file: frame[list(reference.columns)] for file, frame in frames.items()}
    filled = {file: frame for file, frame in ordered.items() if len(frame)}
    return pd.concat(filled or ordered, names=_FILE_AND_ROW)


def with_rows_of(file: object, frame: Any, first_row: int = 0) -> Any:
    """Returns a table whose index knows its file and its rows, also when they are rearranged.

    Args:
        file: Name of the file; None for a table that names its only file itself.
        frame: The table, or a piece of it.
        first_row: Number of its first row in the file, counted from 0.
    """
    import pandas as pd

    if list(frame.index.names) == _FILE_AND_ROW:
        return frame
    rows = pd.RangeIndex(first_row, first_row + len(frame), name=_FILE_AND_ROW[1])
    if file is None:
        return frame.set_axis(rows)
    return frame.set_axis(pd.MultiIndex.from_product([[str(file)], rows], names=_FILE_AND_ROW))


def row_name(index: Any, place: int, first_row: int = 1) -> str:
    """Returns what people call a row: "row 3", or "row 3 of b.csv" in a table of several files."""
    if index is not None and list(index.names) == _FILE_AND_ROW:
        file, row = index[place]
        return f"row {row + 1} of {file}"
    if index is not None and index.name == _FILE_AND_ROW[1]:
        place = int(index[place])
    return f"row {place + first_row}"


def repeated_rows(index: Any, counts: Sequence[int]) -> Any:
    """Returns an index for `row_name` in which every row comes as often as `counts` says."""
    import pandas as pd

    if index is None or _FILE_AND_ROW[1] not in index.names:
        index = pd.RangeIndex(len(counts), name=_FILE_AND_ROW[1])
    return index.repeat(counts)


def check_columns(columns: Any, reference: Any, file: str, first: str) -> None:
    """Raises `ValueError` unless a file has the columns of the first one."""
    for have, want, message in (
        (columns, reference, "lacks the column {!r} of {}"),
        (reference, columns, "has a column {!r}, which {} lacks"),
    ):
        lacking = [column for column in want if column not in have]
        if lacking:
            raise ValueError(
                f"{file} {message.format(lacking[0], first)}: {file} has {list(columns)}, "
                f"{first} has {list(reference)}. All files need the same columns."
            )


def check_content(
    column: str, content: str, file: str, odd: Callable[[], str], seen: Contents
) -> None:
    """Raises `ValueError` unless a column holds in a file what it holds in those before.

    Args:
        column: Its name.
        content: What it holds, as `content_of` calls it.
        file: In which file.
        odd: Returns a cell that makes it that, and its row, for the error.
        seen: `{column: (content, file)}` of the files before; the first one is added.
    """
    known, where = seen.setdefault(column, (content, file)) if content else (content, "")
    if content != known:
        raise ValueError(
            f"Column {column!r} holds {content} in {file} ({odd()}), but {known} in {where}. "
            "Correct the file, or declare the cell a missing value; a column of codes is kept as "
            "text by `categorical` of the encoding."
        )


def content_of(series: Any) -> str:
    """Returns "numbers", "dates", "true and false" or "text"; "" where every cell is missing."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(series, skipna=True)
    if not series.notna().any():
        return ""
    if kind == "categorical":
        return content_of(series.cat.categories.to_series())
    if kind.startswith(("integer", "floating", "mixed-integer-float", "decimal")):
        return "numbers"
    if kind.startswith(("date", "timedelta")):
        return "dates"
    return "true and false" if kind == "boolean" else "text"


def odd_cell(series: Any, content: str) -> str:
    """Shows a cell that makes the column what it is, and its row in the file."""
    import pandas as pd

    present = series.notna().to_numpy()
    if content == "text":
        not_numbers = present & pd.to_numeric(series, errors="coerce").isna().to_numpy()
        present = not_numbers if not_numbers.any() else present
    place = int(present.argmax())
    return f"{series.iloc[place]!r} in {row_name(series.index, place).partition(' of ')[0]}"
