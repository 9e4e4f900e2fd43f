"""Labels of files in a folder: from their names, from a function, or from a table."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...names import check_known
from ..checks import check_label_names
from ..tables.csv_file import read_csv
from ..tables.frames import row_name, with_rows_of
from ..tables.parquet_file import read_parquet
from ..tables.target_columns import TargetColumns, encode_columns, target_columns
from ..targets import Target

FileLabels = str | Path | Callable[[str], Mapping[str, Any]]
Encoded = dict[str, tuple[np.ndarray, Target]]
_TABLES: dict[str, Any] = {".csv": read_csv, ".parquet": read_parquet}


def is_table(labels: object) -> bool:
    """Whether labels are the path of a table."""
    return isinstance(labels, (str, Path)) and Path(labels).suffix.lower() in _TABLES


def labels_of_names(
    folder: Path, names: Sequence[str], labels: FileLabels
) -> dict[str, np.ndarray]:
    """Returns `{task: labels of the files}`, from a regular expression or a function.

    Raises:
        ValueError: If a file does not match, or has other tasks than the first.
    """
    if callable(labels):
        function = labels
    else:
        pattern = re.compile(str(labels))
        if not pattern.groupindex:
            raise ValueError(
                "The regular expression of the labels needs a named group for each task, such as "
                rf"(?P<digit>\d)_(?P<speaker>\w+)_. Received: {pattern.pattern!r}."
            )

        def function(name: str) -> Mapping[str, Any]:
            match = pattern.search(name)
            if not match:
                raise ValueError(
                    f"{folder / name} does not match the labels' {pattern.pattern!r}. Move it out "
                    "of the folder, or change the regular expression."
                )
            return {task: text or "" for task, text in match.groupdict().items()}

    rows = [function(name) for name in names]
    for name, row in zip(names, rows, strict=True):
        if not isinstance(row, Mapping):
            raise ValueError(
                f"The function of the labels returned {row!r} for {folder / name}. Return a "
                "dictionary {task: label}."
            )
        if set(row) != set(rows[0]):
            raise ValueError(
                f"{folder / name} has labels for {sorted(row)}, {names[0]} for {sorted(rows[0])}. "
                'Give every file every task; "", -1 or NaN where a label is missing.'
            )
    return check_label_names({task: [row[task] for row in rows] for task in rows[0]}, "labels")


def groups_of_names(folder: Path, names: Sequence[str], pattern: str) -> np.ndarray:
    """Returns what a regular expression matches in the paths of the files below the folder.

    Raises:
        ValueError: If it matches nothing in one of them.
    """
    found = [re.search(pattern, name) for name in names]
    for name, match in zip(names, found, strict=True):
        if not match:
            raise ValueError(
                f"{folder / name} does not match the groups' {pattern!r}. Correct one of them."
            )
    return np.array([match.group(0) for match in found if match])


def kept_apart(names: Sequence[str], test_files: str | None) -> np.ndarray:
    """Returns `[files]` flags of those that are kept apart for the test split.

    Raises:
        ValueError: If `test_files` matches none of the paths, or all.
    """
    apart = np.array([bool(test_files and re.search(test_files, name)) for name in names])
    if test_files and (not apart.any() or apart.all()):
        raise ValueError(
            f"`test_files` must match some of the files. {test_files!r} matches {apart.sum()} of "
            f"{len(names)}, the first of which is {names[0]!r}."
        )
    return apart


def read_file_table(path: str | Path) -> Any:
    """Returns a table with one row for each file, by the file's name in the column `file`.

    Raises:
        ValueError: If there is no such column, or a file in several rows.
    """
    path = Path(path)
    frame = with_rows_of(path, _TABLES[path.suffix.lower()](path))
    if "file" not in frame:
        raise ValueError(
            f"{path} needs a column `file` with the paths of the files below the folder. It has: "
            f"{list(frame)}."
        )
    repeated = frame["file"][frame["file"].duplicated()]
    if len(repeated):
        raise ValueError(f"{path} has the file {repeated.iloc[0]!r} in several rows.")
    return frame


def rows_of_files(frame: Any, names: Sequence[str], path: str | Path) -> Any:
    """Returns the rows of these files, in their order.

    Raises:
        ValueError: If a file has no row.

    Warns:
        UserWarning: If a row has no file.
    """
    known = set(names)
    places = {str(name): place for place, name in enumerate(frame["file"])}
    absent = [name for name in names if name not in places]
    if absent:
        raise ValueError(
            f"{path} has no row for {absent[0]!r} (and {len(absent) - 1} other files)."
        )
    lost = [name for name in places if name not in known]
    if lost:
        warnings.warn(
            f"{row_name(frame.index, places[lost[0]])} names {lost[0]!r}, which is not among the "
            f"{len(names)} files of the folder (and {len(lost) - 1} other rows): they are left "
            "out. Are all files there?",
            stacklevel=3,
        )
    return frame.iloc[[places[name] for name in names]]


def labels_of_table(
    frame: Any, targets: Mapping[str, Any] | None, path: str | Path, groups: str | None
) -> Encoded:
    """Returns `{task: (labels, Target)}`.

    Args:
        frame: The rows of the files.
        targets: As for `from_dataframe`; None takes every column but `file` and that of the groups.
        path: Of the table, for errors.
        groups: Column of the groups, or None.

    Raises:
        ValueError: For an unknown column or kind, and labels that do not fit, naming the row.
    """
    found = tasks_of_table(frame, targets, path, groups)
    return {task.task: encode_columns(task, frame, str(path)) for task in found}


def tasks_of_table(
    frame: Any, targets: Mapping[str, Any] | None, path: str | Path, groups: str | None
) -> list[TargetColumns]:
    """Returns what the columns of a table are, as `labels_of_table` takes them."""
    columns = [str(column) for column in frame if column != "file"]
    check_known([] if groups is None else [groups], columns, f"column of {path}")
    chosen = targets or {column: "auto" for column in columns if column != groups}
    return target_columns(chosen, columns)
