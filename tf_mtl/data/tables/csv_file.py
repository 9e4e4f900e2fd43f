"""CSV files → `Splits`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..files import Files, existing_files, named
from ..splits import Splits
from .csv_errors import readable
from .csv_rows import check_quotes, check_rows, has_line_breaks, may_be_short
from .encoding import as_encoding
from .frames import join_files
from .streamed_table import StreamedTable
from .table import FrameTable, Table, splits_from_tables
from .target_columns import named_classes

# Cells that pandas takes for missing by default.
_MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
# Columns padded to a common width end in spaces; pandas compares cells as wholes.
_MOST_SPACES = 32
_NO_CLASSES: Mapping[str, Sequence[str]] = {}


def from_csv(
    path: Files,
    targets: Mapping[str, Any],
    *,
    test_path: Files | None = None,
    separator: str = ",",
    decimal: str = ".",
    names: Sequence[str] | None = None,
    missing_values: Sequence[str | float] = (),
    stream: bool = False,
    **options: Any,
) -> Splits:
    r"""Makes training, validation and test data of CSV files, and the model's preprocessing.

    Spaces around cells are dropped. Empty cells, "NA", "NaN", "None", "null" and the like are
    missing, but for what `class_names` or `positive` of a target name.

    Args:
        path: Text file in UTF-8, possibly compressed (.gz, .bz2, .xz, .zip), with the column names
            in its first line; or a pattern such as "parts/*.csv.gz", or a list of files: all
            of them need the same columns.
        targets: Which columns are labels of what kind; see `from_dataframe`.
        test_path: File or files with the test rows in the same columns, if the source keeps them
            apart.
        separator: Between cells; a tab is "\t", also if it comes as a backslash and a t. Several
            signs, such as "::", are a regular expression.
        decimal: Between the whole and the rest of a number: "," where 1,5 is one and a half.
        names: Column names of files that have none in their first line. A first line that repeats
            the names is recognised and skipped.
        missing_values: Further cells that are missing, such as "?" or -999.
        stream: Whether to read the files in pieces, in every epoch again, for tables larger than
            memory. The splits are the same as without, and so is all that is learnt from them;
            training rows are shuffled within a buffer only. See `StreamedTable`.
        **options: `batch_size`, `seed`, `fractions`, `stratify`, `groups`, `in_order`, `ignore` and
            `encoding` of `from_dataframe`.

    Raises:
        FileNotFoundError: If there is no such file, naming the nearest in the folder.
        ValueError: If a file is empty, is not a table or differs from the others in its columns,
            and for all that `from_dataframe` refuses.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/people.csv"
    ...     lines = ["age,job,income"] + ["20,baker,low", "?,smith,high"] * 20
    ...     _ = Path(path).write_text("\n".join(lines))
    ...     splits = from_csv(path, {"income": "binary"}, missing_values=["?"])
    >>> splits.inputs["age"].dtype, splits.inputs["job"].dtype
    ('float32', 'string')
    """
    encoding = as_encoding(options.pop("encoding", None))
    separator = _unescaped(separator)
    _check_decimal(decimal, separator)
    reading: dict[str, Any] = {
        "separator": separator,
        "decimal": decimal,
        "names": names,
        "missing_values": missing_values,
        "classes": named_classes(targets),
    }

    def table(files: Files, texts: Sequence[str]) -> Table:
        if stream:
            pieces = partial(_pieces, **reading, text_columns=texts)
            return StreamedTable(existing_files(files), pieces, named(files))
        return FrameTable(read_csv(files, **reading, text_columns=texts), named(files))

    as_text = [*encoding.categorical, *encoding.texts]
    main = table(path, as_text)
    apart = {}
    if test_path is not None:
        # A column of codes is text in these rows too, even if they hold digits only.
        apart["test"] = table(test_path, [*as_text, *main.texts()])
    return splits_from_tables(main, apart, targets, encoding=encoding, **options)


def read_csv(
    path: Files,
    *,
    separator: str = ",",
    decimal: str = ".",
    names: Sequence[str] | None = None,
    missing_values: Sequence[str | float] = (),
    text_columns: Sequence[str] = (),
    classes: Mapping[str, Sequence[str]] = _NO_CLASSES,
    chunk_rows: int | None = None,
) -> Any:
    """Reads CSV files as `from_csv` does.

    Args:
        path: The file, a pattern or a list of files.
        separator: Between cells.
        decimal: Between the whole and the rest of a number.
        names: Column names of a file that has none.
        missing_values: Further cells that are missing.
        text_columns: Columns to keep as text even if they look like numbers, so that "007" is not
            7; names that the file lacks are passed over.
        classes: `{column: cells}` that are not missing, though they look like it, such as "None".
        chunk_rows: If given, yield tables of so many rows, for files larger than memory.

    Returns:
        A `pandas.DataFrame`, or an iterator of them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is empty, is not a table, has two columns of one name, or differs from
            the others in its columns.
    """
    paths = existing_files(path)
    separator = _unescaped(separator)
    _check_decimal(decimal, separator)
    reading = (separator, decimal, names, missing_values, text_columns, classes)
    if chunk_rows is not None:
        return (piece for one in paths for piece in _pieces(one, chunk_rows, None, {}, *reading))
    frames = {}
    for one in paths:
        with readable(one, separator):
            frames[str(one)] = _open(one, *reading)
        if may_be_short(frames[str(one)]):
            check_rows(one, separator, frames[str(one)].shape[1])
        if has_line_breaks(frames[str(one)]):
            check_quotes(one, separator)
    return join_files(frames)


def _pieces(
    path: Path,
    rows: int,
    columns: Sequence[str] | None,
    dtypes: Mapping[str, Any],
    separator: str,
    decimal: str,
    names: Sequence[str] | None,
    missing_values: Sequence[str | float],
    text_columns: Sequence[str],
    classes: Mapping[str, Sequence[str]],
) -> Iterator[Any]:
    """Yields tables of so many rows; see `StreamedTable`."""
    reading = (separator, decimal, names, missing_values, text_columns, classes)
    with readable(path, separator):
        pieces = _open(path, *reading, chunksize=rows, usecols=columns, dtypes=dtypes)
    # All columns are read when a file is read first.
    unchecked = unchecked_quotes = columns is None
    with pieces:
        while True:
            with readable(path, separator):
                piece = next(pieces, None)
            if piece is None:
                break
            if unchecked and may_be_short(piece):
                check_rows(path, separator, piece.shape[1])
                unchecked = False
            if unchecked_quotes and has_line_breaks(piece):
                check_quotes(path, separator)
                unchecked_quotes = False
            yield piece


def _open(
    path: Path,
    separator: str,
    decimal: str,
    names: Sequence[str] | None,
    missing_values: Sequence[str | float],
    text_columns: Sequence[str],
    classes: Mapping[str, Sequence[str]],
    dtypes: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Returns the table in a file, or pandas' iterator over its parts."""
    import pandas as pd

    # pandas' fast parser takes one sign, or blanks; by itself it would warn and take the other.
    plain = len(separator) == 1 or separator == r"\s+"
    engine: dict[str, Any] = {} if plain else {"engine": "python"}
    first = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str,
                        skipinitialspace=True, keep_default_na=False, **engine)  # fmt: skip
    header = [name.strip() or f"Unnamed: {place}" for place, name in enumerate(first.iloc[0])]
    named = names is None or header == list(names)
    if names is not None and len(header) != len(names):
        raise ValueError(
            f"{path} has {len(header)} columns, but `names` gives {len(names)}: {list(names)}."
        )
    columns = header if named else list(names or ())
    _check_header(columns, path)
    if plain:
        # Types that differ between parts of a big file are told from the whole column.
        engine["low_memory"] = False
    return pd.read_csv(
        path,
        sep=separator,
        decimal=decimal,
        names=columns,
        header=0 if named else None,
        dtype={
            # Bools with missing cells are objects, which would be read as text.
            **{name: dtype for name, dtype in (dtypes or {}).items() if dtype != "object"},
            **{column: str for column in text_columns if column in columns},
        },
        na_values=_missing_cells(columns, missing_values, classes),
        keep_default_na=False,
        skipinitialspace=True,
        index_col=False,
        **engine,
        **options,
    )


def _unescaped(separator: str) -> str:
    r"""Returns a tab for the two signs that "\t" stays in a terminal or a YAML file."""
    if not separator:
        raise ValueError(
            "`separator` is empty, but should be what stands between the cells: ',', ';' or '\\t'."
        )
    return separator.replace("\\t", "\t")


def _check_decimal(decimal: str, separator: str) -> None:
    if decimal not in (".", ",") or decimal == separator:
        raise ValueError(
            f"`decimal` must be '.' or ',' and differ from the separator. Received: "
            f"decimal={decimal!r}, separator={separator!r}. Numbers such as 1,5 usually stand in "
            "files with ';' between cells."
        )


def _missing_cells(
    columns: Sequence[str],
    missing_values: Sequence[str | float],
    classes: Mapping[str, Sequence[str]],
) -> Any:
    """Returns the cells that are missing, by column where one of them is a class."""
    given = [missing_values] if isinstance(missing_values, (str, int, float)) else missing_values
    kept = {column: {*classes.get(column, ())} & {*_MISSING} - {""} for column in columns}

    def missing(column: str) -> list[str]:
        cells = [*(cell for cell in _MISSING if cell not in kept[column]), *given]
        # Also with spaces behind: pandas drops those in front only.
        return [f"{cell}{spaces * ' '}" for cell in cells for spaces in range(_MOST_SPACES)]

    # pandas makes a set for each column of what is told by column.
    by_column = any(kept.values())
    return {column: missing(column) for column in columns} if by_column else missing(columns[0])


def _check_header(names: list[str], path: Path) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(
            f"{path} has two columns called {sorted(twice)[0]!r}. Rename one of them; if the file "
            "has no line with column names, pass them as `names`."
        )
