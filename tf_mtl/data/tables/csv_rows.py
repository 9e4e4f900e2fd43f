"""Rows of a CSV file that pandas would read otherwise than they are meant, without a word."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .csv_errors import readable


def may_be_short(frame: Any) -> bool:
    """Whether rows may have too few cells: pandas fills them up with missing ones."""
    return frame.shape[1] > 1 and bool(frame.iloc[:, -1].isna().any())


def check_rows(path: Path, separator: str, columns: int) -> None:
    """Raises `ValueError` for a row with fewer cells than there are columns."""
    from pandas.io.common import get_handle  # opens whatever pandas.read_csv does

    if len(separator) > 1:
        return  # a pattern, which Python's reader does not know
    with (
        readable(path, separator),
        contextlib.suppress(csv.Error),  # a cell that is too long for it
        get_handle(path, "r", encoding="utf-8", compression="infer") as opened,
    ):
        lines = csv.reader(opened.handle, delimiter=separator, skipinitialspace=True)
        for cells in lines:
            # pandas passes over blank lines.
            if len(cells) < columns and (len(cells) > 1 or "".join(cells).strip()):
                raise ValueError(
                    f"{path} has {columns} columns, but line {lines.line_num} has {len(cells)} "
                    f"of them: {separator.join(cells)[:60]!r}. Is the file cut off? Complete the "
                    f"line; an empty cell needs its {separator!r} too."
                )


def has_line_breaks(frame: Any) -> bool:
    """Whether a quoted cell goes on in another line."""
    texts = (frame[name] for name in frame.columns if frame[name].dtype.kind in "OU")
    return any(cells.astype("str").str.contains("\n", regex=False).any() for cells in texts)


def check_quotes(path: Path, separator: str) -> None:
    """Raises `ValueError` for a text that begins with a quote and swallows the lines below."""
    from pandas.io.common import get_handle

    if len(separator) > 1:
        return
    form: dict[str, Any] = {"delimiter": separator, "skipinitialspace": True}
    row: list[str] = []  # its lines

    def remembered(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            row.append(line)
            yield line

    with (
        readable(path, separator),
        contextlib.suppress(csv.Error),  # a cell that is too long for it
        get_handle(path, "r", encoding="utf-8", compression="infer") as opened,
    ):
        rows = csv.reader(remembered(opened.handle), **form)
        for _ in rows:
            if len(row) > 1 and not _is_well_quoted(row, form):
                raise ValueError(
                    f"{path} has a cell that begins with a quote in line "
                    f"{rows.line_num - len(row) + 1} and ends at a quote within line "
                    f"{rows.line_num}: rows would be lost in it. A quote within a quoted cell is "
                    'written twice, "". Where quotes are plain signs, read the file with '
                    "pandas.read_csv(…, quoting=3), and pass the frame to from_dataframe."
                )
            row.clear()


def _is_well_quoted(row: list[str], form: dict[str, Any]) -> bool:
    """Whether a separator or the end of the row follows each quote that ends a cell."""
    try:
        list(csv.reader(row, strict=True, **form))
    except csv.Error:
        return False
    return True
