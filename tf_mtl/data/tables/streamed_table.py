"""Files of a table that are read in pieces, once to learn from them and then in every epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..epoch_order import EpochOrder
from .cells import Cells
from .column_store import ColumnStore
from .columns import input_arrays, input_kinds
from .encoding import Encoding
from .frames import Contents, check_columns, check_content, join_files, odd_cell, with_rows_of
from .row_buffer import shuffled_pieces
from .table import Part, check_table

# Some MB of numbers, or some tens of MB of text.
_CELLS_IN_A_PIECE = 2**20
_LEAST_ROWS = 256
_PIECES_IN_THE_BUFFER = 4
_OF_TEXT = ("category", "text")

# (file, rows of a piece, columns or None for all, {column: dtype}) → frames
ReadPieces = Callable[[Path, int, Sequence[str] | None, Mapping[str, Any]], Iterator[Any]]


@dataclass(frozen=True)
class Piece:
    """Some rows of a file.

    Args:
        frame: The rows; their index names file and row.
        first_row: Number of the first of them in the whole table.
    """

    frame: Any
    first_row: int


class StreamedTable:
    """A table that is larger than memory, in one or several files.

    Everything is learnt from all of the rows, as for a table in memory. They are read through when
    the table is made, to find the dtypes of the columns, and again by `read`. Labels and the split
    stay in memory. Inputs lie in a temporary file while their encoding is learnt, with the
    different texts of their columns in memory; then they are read anew in every epoch.

    Training rows are shuffled within a buffer of four pieces, a million cells each, and files come
    in another order in every epoch. Rows that the source has sorted should be shuffled once.

    Args:
        files: The files; all of them need the same columns.
        read_pieces: Called with a file, a number of rows, columns or None for all, and
            `{column: dtype}`; yields tables of so many rows.
        source: What to call the table in errors.

    Raises:
        ValueError: If a file cannot be read, differs from the others in its columns or what they
            hold, or all are empty.
    """

    def __init__(self, files: Sequence[Path], read_pieces: ReadPieces, source: str) -> None:
        self.source = source
        self.rows = 0
        self._files = {path: path.stat() for path in files}
        self._read_pieces = read_pieces
        self._starts: dict[Path, int] = {}
        self._dtypes: dict[str, Any] = {}
        self._inputs: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self.columns = self._first_columns()
        self._piece_rows = max(_CELLS_IN_A_PIECE // max(len(self.columns), 1), _LEAST_ROWS)
        self._cells = {column: Cells() for column in self.columns}
        self._look_at_cells()
        check_table(self)
        dtypes = {column: cells.dtype() for column, cells in self._cells.items()}
        self._dtypes = {column: dtype for column, dtype in dtypes.items() if dtype is not None}

    def kinds(self, columns: Sequence[str], encoding: Encoding) -> dict[str, str]:
        """Returns the kinds of input columns."""
        return input_kinds(columns, self._cells.__getitem__, encoding, self.source)

    def texts(self) -> list[str]:
        """Returns the columns that hold text."""
        return [column for column, cells in self._cells.items() if cells.content == "text"]

    def read(
        self, inputs: Mapping[str, str], kinds: Mapping[str, str], others: Sequence[str]
    ) -> tuple[Mapping[str, np.ndarray], Any]:
        """Returns the inputs, in a temporary file, and a frame of the other columns."""
        import pandas as pd

        self._inputs = dict(inputs)
        self._kinds = dict(kinds)
        texts = {name: kinds[column] in _OF_TEXT for name, column in inputs.items()}
        store = ColumnStore(texts, self.rows)
        kept: dict[str, Any] = {}
        columns = list(dict.fromkeys([*inputs.values(), *others]))
        for path in self._files:
            frames = []
            for piece in self._pieces([path], columns):
                store.append(input_arrays(piece.frame, inputs, kinds, self.source))
                # A copy, for a view would keep all columns of the piece.
                frames.append(piece.frame[list(others)].reset_index(drop=True).copy())
            if frames:
                kept[str(path)] = pd.concat(frames, ignore_index=True)
        return store, join_files(kept)

    def batches(
        self, part: Part, rows: np.ndarray, batch_size: int, order: EpochOrder | None
    ) -> tf.data.Dataset:
        """Returns batches that are read from the files: of these rows, in increasing order."""
        y = dict(part[1])
        signature = (
            {
                name: tf.TensorSpec(
                    (None, 1), tf.string if self._kinds[column] in _OF_TEXT else tf.float32
                )
                for name, column in self._inputs.items()
            },
            {task: tf.TensorSpec((None, *each.shape[1:]), each.dtype) for task, each in y.items()},
        )
        count = math.ceil(len(rows) / batch_size)

        def pieces(seeds: np.ndarray) -> Iterator[Any]:
            """Yields the rows as they are in the files, or shuffled if there are seeds."""
            if not len(seeds):
                return self._part(list(self._files), rows, y)
            random = np.random.default_rng(seeds)
            files = [list(self._files)[place] for place in random.permutation(len(self._files))]
            flat = map(tf.nest.flatten, self._part(files, rows, y))
            buffer = self._piece_rows * _PIECES_IN_THE_BUFFER
            shuffled = shuffled_pieces(flat, buffer, random)
            return (tf.nest.pack_sequence_as(signature, arrays) for arrays in shuffled)

        def epoch(seeds: tf.Tensor) -> tf.data.Dataset:
            read = tf.data.Dataset.from_generator(pieces, output_signature=signature, args=(seeds,))
            # The next piece is read while one is cut into batches.
            return read.prefetch(1).rebatch(batch_size)

        if order is None:
            in_files = epoch(tf.zeros((0,), tf.int64))
            found = in_files.apply(tf.data.experimental.assert_cardinality(count))
        else:
            found = order.in_order(epoch, count)
        return found.prefetch(tf.data.AUTOTUNE)

    def _first_columns(self) -> list[str]:
        for path in self._files:
            frame = next(self._read_pieces(path, 1, None, {}), None)
            if frame is not None:
                return [str(column) for column in frame.columns]
        return []

    def _look_at_cells(self) -> None:
        """Counts the rows, and looks at every cell for the kinds and dtypes of the columns."""
        seen: Contents = {}
        first = str(next(iter(self._files)))
        for path in self._files:
            self._starts[path] = self.rows
            contents: dict[str, set[str]] = {column: set() for column in self.columns}
            odd = dict.fromkeys(self.columns, "")
            for piece in self._pieces([path], None):
                check_columns(piece.frame.columns, self.columns, str(path), first)
                self.rows += len(piece.frame)
                for column, cells in self._cells.items():
                    content = cells.add(piece.frame[column])
                    contents[column] |= {content} - {""}
                    known = seen.get(column, (content, ""))[0]
                    if content and content != known and not odd[column]:
                        odd[column] = odd_cell(piece.frame[column], content)
            for column, found in contents.items():
                content = "text" if len(found) > 1 else "".join(found)
                check_content(column, content, str(path), partial(odd.__getitem__, column), seen)

    def _part(
        self, files: Sequence[Path], rows: np.ndarray, y: Mapping[str, np.ndarray]
    ) -> Iterator[Any]:
        """Yields `(x, {task: y})` of those rows that are in the files."""
        for piece in self._pieces(files, list(self._inputs.values())):
            ends = [piece.first_row, piece.first_row + len(piece.frame)]
            start, stop = np.searchsorted(rows, ends)
            if start < stop:
                frame = piece.frame.iloc[rows[start:stop] - piece.first_row]
                x = input_arrays(frame, self._inputs, self._kinds, self.source)
                yield x, {task: labels[start:stop] for task, labels in y.items()}

    def _pieces(self, files: Sequence[Path], columns: Sequence[str] | None) -> Iterator[Piece]:
        """Yields the rows of files in their order, with the dtypes of the whole columns."""
        for path in files:
            status = path.stat()
            known = self._files[path]
            if (status.st_size, status.st_mtime_ns) != (known.st_size, known.st_mtime_ns):
                raise ValueError(
                    f"{path} has changed since it was read first. Its rows are no longer those "
                    "that were split and learnt from: load the data again."
                )
            name = None if len(self._files) == 1 else path
            row = 0
            for frame in self._read_pieces(path, self._piece_rows, columns, self._dtypes):
                yield Piece(self._typed(with_rows_of(name, frame, row)), self._starts[path] + row)
                row += len(frame)

    def _typed(self, frame: Any) -> Any:
        wanted = {
            column: dtype
            for column, dtype in self._dtypes.items()
            if dtype is not str and column in frame and frame[column].dtype != dtype
        }
        return frame.astype(wanted) if wanted else frame
