"""The labels of one task, as people have them, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tables.frames import row_name

MISSING = -1


@dataclass(frozen=True)
class Labels:
    """The labels of one task and where they come from.

    Args:
        task: Name of the task.
        values: `[rows]` or `[rows, units]`: numbers, bools or text. None, NaN, "" are missing.
        source: Where they come from, for errors: "y['digit']" or "column 'digit' of 'a.csv'".
        first_row: Number that the source gives to its first row.
        index: Index of a table, which knows file and row where it was joined from several files.
    """

    task: str
    values: np.ndarray
    source: str
    first_row: int = 0
    index: Any = None

    def row(self, wrong: np.ndarray) -> str:
        """Returns "row 3 (value)" of the first wrong label."""
        place = np.argwhere(wrong)[0]
        value = self.values[tuple(place)]
        shown = repr(str(value)) if isinstance(value, str) else str(value)
        return f"{self.row_at(int(place[0]))} ({shown})"

    def row_at(self, place: int) -> str:
        """Returns what people call the row at a place."""
        return row_name(self.index, place, self.first_row)


def known_labels(values: np.ndarray) -> np.ndarray:
    """Returns where encoded labels are not missing."""
    return ~np.isnan(values) if values.dtype.kind == "f" else values != MISSING
