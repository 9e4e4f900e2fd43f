"""Tables written a few rows at a time: CSV, JSON or Parquet."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
                file.write(start + json.dumps(dict(zip(columns, row, strict=True))))

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
            plain = {name: [_plain(v) for v in values] for name, values in columns.items()}
            table = pyarrow.table(plain) if writer is None else _like(plain, writer.schema)
            if writer is None:
                writer = stack.enter_context(pyarrow.parquet.ParquetWriter(path, table.schema))
            writer.write_table(table)

        yield write


def _like(columns: dict[str, Any], schema: Any) -> Any:
    """Returns a table with the types of the first rows."""
    import pyarrow

    try:
        return pyarrow.table(columns, schema=schema)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise InputError(f"A column changes its type along the file: {error}") from None


def _plain(value: Any) -> Any:
    """Returns a value as Python has it, None for NaN."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value
