"""Tables written a few rows at a time: CSV, JSON or Parquet."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..names import unknown_name
from .errors import InputError
from .folder import replacing

Write = Callable[[dict[str, Any]], None]


@contextlib.contextmanager
def table_writer(path: str | Path) -> Iterator[Write]:
    """Gives a function that appends `{column: values}` to a file.

    The file takes its place once it is complete; after an error there is none.

    Args:
        path: File that ends in .csv, .json (a list with an object for each row) or .parquet.

    Raises:
        InputError: For another ending, or a folder that is not there or cannot be written to.
    """
    path = Path(path)
    kinds = {".csv": _csv, ".json": _json, ".parquet": _parquet}
    if path.suffix.lower() not in kinds:
        raise InputError(unknown_name(path.suffix, kinds, f"ending of the output {str(path)!r}:"))
    if path.is_dir() or not path.absolute().parent.is_dir():
        what = (
            "is a folder" if path.is_dir() else f"lies in {str(path.parent)!r}, which is not there"
        )
        raise InputError(f"Cannot write the output: {str(path)!r} {what}.")
    try:
        with replacing(path) as unfinished, kinds[path.suffix.lower()](unfinished) as write:
            yield write
    except PermissionError as error:
        raise InputError(f"Cannot write the output {str(path)!r}: {error.strerror}.") from None


@contextlib.contextmanager
def _csv(path: Path) -> Iterator[Write]:
    import pandas as pd

    with path.open("w", newline="", encoding="utf-8") as file:

        def write(columns: dict[str, Any]) -> None:
            cells = {name: [_cell(value) for value in values] for name, values in columns.items()}
            pd.DataFrame(cells).to_csv(file, index=False, header=file.tell() == 0)

        yield write


@contextlib.contextmanager
def _json(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8") as file:
        file.write("[")

        def write(columns: dict[str, Any]) -> None:
            plain = [[_plain(value) for value in values] for values in columns.values()]
            for row in zip(*plain, strict=True):
                start = "\n" if file.tell() == 1 else ",\n"
                file.write(start + json.dumps(dict(zip(columns, row, strict=True)), default=_text))

        yield write
        file.write("\n]\n")


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    import pyarrow
    import pyarrow.parquet

    with contextlib.ExitStack() as stack:
        writer: Any = None

        def write(columns: dict[str, Any]) -> None:
            nonlocal writer
            table = _arrow(columns, None if writer is None else writer.schema)
            if writer is None:
                writer = stack.enter_context(pyarrow.parquet.ParquetWriter(path, table.schema))
            writer.write_table(table)

        yield write


def _arrow(columns: dict[str, Any], schema: Any) -> Any:
    """Returns a table with the types of the first rows, or with its own if there is no schema."""
    import pandas as pd
    import pyarrow

    # A column that is empty in some rows has its type nevertheless.
    given = {
        name: values if isinstance(values, pd.Series) else [_plain(value) for value in values]
        for name, values in columns.items()
    }
    try:
        return pyarrow.table({
            name: pyarrow.array(values, schema and schema.field(name).type, from_pandas=True)
            for name, values in given.items()
        })  # fmt: skip
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise InputError(f"A column changes its type along the file: {error}") from None


def _plain(value: Any) -> Any:
    """Returns a value as Python has it, None for NaN and other missing ones."""
    import pandas as pd

    value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    missing = not isinstance(value, (list, dict)) and pd.isna(value)
    return None if missing else value


def _text(value: Any) -> str:
    """Returns what JSON has no type for as text: times in ISO 8601, bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _cell(value: Any) -> Any:
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return json.dumps(value, default=_text) if isinstance(value, list) else value
