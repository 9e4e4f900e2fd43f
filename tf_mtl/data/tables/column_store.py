"""The input columns of a table in a temporary file, of which one at a time is in memory."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

_BYTES = 4  # of a float32, and of an int32 that stands for a text


class ColumnStore(Mapping[str, np.ndarray]):
    """`{input name: [rows, 1]}` as `input_arrays` makes it, for tables larger than memory.

    Edges of intervals need all numbers of a column, sorted, and a table has them row by row. The
    file lies where Python keeps temporary files (`TMPDIR`), takes 4 bytes a cell, and is gone when
    the store is. The different texts of each column stay in memory.

    Args:
        texts: `{input name: whether the column is text}`.
        count: Number of rows.

    >>> store = ColumnStore({"age": False, "job": True}, 2)
    >>> jobs = np.array([["baker"], ["smith"]], dtype=object)
    >>> store.append({"age": np.array([[20.0], [30.0]]), "job": jobs})
    >>> last = store.take(np.array([1]))
    >>> store["age"].tolist(), last["job"].tolist(), last.take(np.array([0]))["job"].tolist()
    ([[20.0], [30.0]], [['smith']], [['smith']])
    """

    def __init__(self, texts: Mapping[str, bool], count: int) -> None:
        self._codes: dict[str, dict[str, int]] = {name: {} for name, text in texts.items() if text}
        self._places = {name: place for place, name in enumerate(texts)}
        self._count = count
        self._filled = 0
        self._rows: np.ndarray | None = None
        self._file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the store
        weakref.finalize(self, self._file.close)

    def append(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Adds the next rows of all columns."""
        import pandas as pd

        for name, place in self._places.items():
            values = arrays[name].reshape(-1)
            if name in self._codes:
                codes = self._codes[name]
                found, texts = pd.factorize(values)
                numbers = [codes.setdefault(text, len(codes)) for text in texts]
                values = np.array(numbers, "int32")[found]
            self._file.seek((place * self._count + self._filled) * _BYTES)
            self._file.write(values.astype("int32" if name in self._codes else "float32").tobytes())
        self._filled += len(values)

    def take(self, rows: np.ndarray) -> ColumnStore:
        """Returns the same columns with these rows only; nothing is copied."""
        taken = object.__new__(ColumnStore)
        # The file is open as long as the store that opened it is there.
        rows = rows if self._rows is None else self._rows[rows]
        taken.__dict__.update(self.__dict__, _rows=rows, _whole=self)
        return taken

    def __getitem__(self, name: str) -> np.ndarray:
        """Reads a column."""
        self._file.seek(self._places[name] * self._count * _BYTES)
        raw = self._file.read(self._count * _BYTES)
        values = np.frombuffer(raw, "int32" if name in self._codes else "float32")
        if self._rows is not None:
            values = values[self._rows]
        if name in self._codes:
            values = np.array(list(self._codes[name]), dtype=object)[values]
        return values.reshape(-1, 1)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
