"""Parquet files → `Splits`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..files import Files, existing_files, named
from ..splits import Splits
from .frames import arrow_frame, join_files
from .streamed_table import StreamedTable
from .table import FrameTable, Table, splits_from_tables

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # in the name of a folder
_Folders = Mapping[Path, Mapping[str, Any]]
_NO_FOLDERS: _Folders = {}


def from_parquet(
    path: Files,
    targets: Mapping[str, Any],
    *,
    test_path: Files | None = None,
    stream: bool = False,
    **options: Any,
) -> Splits:
    """Makes training, validation and test data of Parquet files, and the model's preprocessing.

    Args:
        path: The file; a pattern such as "parts/*.parquet", or a list of files: all of them need
            the same columns. Of a pattern or list, folders `name=value` are columns of the files
            in them ("sales/year=*/*.parquet"), unless the files have such a column.
        targets: Which columns are labels of what kind; see `from_dataframe`.
        test_path: File or files with the test rows in the same columns, if the source keeps them
            apart.
        stream: Whether to read the files in pieces, in every epoch again, for tables larger than
            memory; as for `from_csv`.
        **options: `batch_size`, `seed`, `fractions`, `stratify`, `groups`, `in_order`, `ignore` and
            `encoding` of `from_dataframe`.

    Raises:
        FileNotFoundError: If there is no such file, naming the nearest in the folder.
        ValueError: If a file is not Parquet or differs from the others in its columns, and for all
            that `from_dataframe` refuses.

    >>> import pandas, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame = pandas.DataFrame({"age": [20, 30] * 20, "income": ["low", "high"] * 20})
    ...     frame.to_parquet(f"{folder}/people.parquet")
    ...     from_parquet(f"{folder}/people.parquet", {"income": "binary"}).sizes
    {'train': 32, 'valid': 4, 'test': 4}
    """

    def table(files: Files) -> Table:
        if stream:
            paths = existing_files(files)
            pieces = partial(_pieces, folders=_folder_columns(files, paths))
            return StreamedTable(paths, pieces, named(files))
        return FrameTable(read_parquet(files), named(files))

    main = table(path)
    apart = {} if test_path is None else {"test": table(test_path)}
    return splits_from_tables(main, apart, targets, **options)


def read_parquet(path: Files, chunk_rows: int | None = None) -> Any:
    """Reads Parquet files as `from_parquet` does.

    Args:
        path: The file, a pattern or a list of files.
        chunk_rows: If given, yield tables of so many rows, for files larger than memory.

    Returns:
        A `pandas.DataFrame`, or an iterator of them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is not Parquet or differs from the others in its columns.
    """
    paths = existing_files(path)
    folders = _folder_columns(path, paths)
    if chunk_rows is not None:
        return (piece for one in paths for piece in _pieces(one, chunk_rows, folders=folders))
    return join_files({str(one): next(_pieces(one, None, folders=folders)) for one in paths})


def _folder_columns(files: Files, paths: Sequence[Path]) -> _Folders:
    """Returns `{file: {column: value}}` of folders `column=value`: numbers, where all are whole.

    A file that is named by itself has the columns that are in it, as in pandas.
    """
    import pyarrow as pa

    if list(map(str, paths)) == [str(files)]:
        return _NO_FOLDERS
    texts: dict[Path, dict[str, str]] = {path: {} for path in paths}
    for path, columns in texts.items():
        for folder in path.parent.parts:
            column, is_column, value = folder.partition("=")
            if column and is_column:
                columns[unquote(column)] = unquote(value)
    found: dict[Path, dict[str, Any]] = {path: {} for path in paths}
    for column in dict.fromkeys(name for columns in texts.values() for name in columns):
        values = {path: columns[column] for path, columns in texts.items() if column in columns}
        given = set(values.values()) - {_NO_VALUE}
        whole = all(re.fullmatch("-?[0-9]{1,18}", value) for value in given)
        for path, text in values.items():
            cell: Any = None if text == _NO_VALUE else int(text) if whole else text
            found[path][column] = pa.scalar(cell, pa.int64() if whole else pa.string())
    return found


def _pieces(
    path: Path,
    rows: int | None,
    columns: Sequence[str] | None = None,
    dtypes: Mapping[str, Any] | None = None,
    folders: _Folders = _NO_FOLDERS,
) -> Iterator[Any]:
    """Yields tables of so many rows, or the whole; see `StreamedTable`. The file has the dtypes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def frame(table: Any) -> Any:
        for column, value in folders.get(path, {}).items():
            if column not in table.column_names and (columns is None or column in columns):
                table = table.append_column(column, pa.repeat(value, table.num_rows))
        return arrow_frame(table, str(path))

    try:
        # By default pyarrow holds all of a file that is read piece by piece.
        with pq.ParquetFile(path, pre_buffer=rows is None) as file:
            if rows is None:
                yield frame(file.read())
                return
            for batch in file.iter_batches(rows, columns=columns):
                yield frame(pa.Table.from_batches([batch]))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(f"{path} cannot be read as Parquet: {reason}.") from None
