"""A CSV file → `Splits`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .encoding import as_encoding
from .files import existing_file
from .splits import Splits
from .table import Table, splits_from_tables


def from_csv(
    path: str | Path,
    targets: Mapping[str, Any],
    *,
    test_path: str | Path | None = None,
    separator: str = ",",
    names: Sequence[str] | None = None,
    missing_values: Sequence[str] = (),
    **options: Any,
) -> Splits:
    r"""Makes training, validation and test data of a CSV file, and the model's preprocessing.

    Spaces around cells are dropped. Empty cells, "NA", "NaN", "null" and the like are missing.

    Args:
        path: Text file in UTF-8, possibly compressed (.gz, .zip, .xz), with the column names in
            its first line.
        targets: Which columns are labels of what kind; see `from_dataframe`.
        test_path: File with the test rows in the same columns, if the source keeps them apart.
        separator: Between cells; a tab is "\t".
        names: Column names of files that have none in their first line. A first line that repeats
            the names is recognised and skipped.
        missing_values: Further cells that are missing, such as "?".
        **options: `batch_size`, `seed`, `fractions`, `stratify`, `groups`, `ignore` and `encoding`
            of `from_dataframe`.

    Raises:
        FileNotFoundError: If there is no such file, naming the nearest in the folder.
        ValueError: If the file is empty or not a table, and for all that `from_dataframe` refuses.

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
    reading: dict[str, Any] = {
        "separator": separator,
        "names": names,
        "missing_values": missing_values,
        "text_columns": encoding.categorical,
    }
    table = Table(read_csv(path, **reading), str(path))
    test = None if test_path is None else Table(read_csv(test_path, **reading), str(test_path))
    return splits_from_tables(table, test, targets, encoding=encoding, **options)


def read_csv(
    path: str | Path,
    *,
    separator: str = ",",
    names: Sequence[str] | None = None,
    missing_values: Sequence[str] = (),
    text_columns: Sequence[str] = (),
    chunk_rows: int | None = None,
) -> Any:
    """Reads a CSV file as `from_csv` does.

    Args:
        path: The file.
        separator: Between cells.
        names: Column names of a file that has none.
        missing_values: Further cells that are missing.
        text_columns: Columns to keep as text even if they look like numbers, so that "007" is not
            7; names that the file lacks are passed over.
        chunk_rows: If given, yield tables of so many rows, for files larger than memory.

    Returns:
        A `pandas.DataFrame`, or an iterator of them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is empty, is not a table or has two columns of one name.
    """
    import pandas as pd

    path = existing_file(path)
    if isinstance(missing_values, str):
        missing_values = [missing_values]
    options: dict[str, Any] = {
        "sep": separator,
        "na_values": list(missing_values),
        "skipinitialspace": True,
        "index_col": False,
        "chunksize": chunk_rows,
    }
    try:
        first = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str,
                            skipinitialspace=True)  # fmt: skip
        header = [
            f"Unnamed: {place}" if name != name else str(name).strip()  # noqa: PLR0124 - NaN
            for place, name in enumerate(first.iloc[0])
        ]
        named = names is None or header == list(names)
        if names is not None and len(header) != len(names):
            raise ValueError(
                f"{path} has {len(header)} columns, but `names` gives {len(names)}: {list(names)}."
            )
        _check_header(header if named else list(names or ()), path)
        columns = header if named else list(names or ())
        options |= {"names": columns, "header": 0 if named else None}
        options["dtype"] = {column: str for column in text_columns if column in columns}
        with warnings.catch_warnings():
            # A row with too many cells would otherwise be cut with a mere warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # Types that differ between parts of a big file are told from the whole column.
            table = pd.read_csv(path, low_memory=False, **options)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty. It needs a line with column names, and rows.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8: {error}. Convert it to UTF-8.") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(
            f"{path} is not a table with {separator!r} between cells: {error}. Check the separator "
            "and quotes of that line."
        ) from None
    return table


def _check_header(names: list[str], path: Path) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(
            f"{path} has two columns called {sorted(twice)[0]!r}. Rename one of them; if the file "
            "has no line with column names, pass them as `names`."
        )
