"""A split of a HuggingFace data set as a `Table`: plain cells, lists, images and sounds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from ..epoch_order import EpochOrder
from ..splits import batches
from ..tables.columns import input_arrays
from ..tables.encoding import Encoding
from ..tables.frames import arrow_frame, content_of
from ..tables.table import FrameTable, Kind, Part, check_table
from ..tables.tensor_columns import EncodedColumn, Images, TensorColumn
from .encoded_cells import EncodedCells, Reading, decoded_later
from .list_cells import list_column, numbers_of_lists, texts_of_lists

_MEDIA = ("images", "sounds")


class HuggingFaceTable:
    """A `datasets.Dataset`, of which only the columns that are needed are read.

    Images and sounds stay encoded where the data set has them until a batch needs them.

    Args:
        dataset: The data set.
        source: Its name, for errors.
        numbers: Columns in which classes count as their numbers.
        tags: Columns of labels that are lists of tags.
        reading: How images, sounds and tokens are read.
    """

    def __init__(
        self,
        dataset: Any,
        source: str,
        numbers: Collection[str],
        tags: Collection[str],
        reading: Reading,
    ) -> None:
        self.source = source
        self.columns = list(dataset.features)
        self.rows = len(dataset)
        check_table(self)
        self._features = dataset.features
        self._types = {field.name: field.type for field in dataset.features.arrow_schema}
        self._dataset = dataset.with_format("arrow")
        self._numbers = numbers
        self._tags = tags
        self._reading = reading
        self._encoded: dict[str, EncodedCells] = {}
        self._places: dict[str, tuple[EncodedColumn, np.ndarray]] = {}
        self._decoded: dict[str, tuple[EncodedCells, EncodedColumn]] = {}

    def kinds(self, columns: Sequence[str], encoding: Encoding) -> dict[str, Any]:
        """Returns the kinds of input columns."""
        found: dict[str, Kind] = {}
        for column in columns:
            held = self._held(column)
            if held in _MEDIA:
                found[column] = self._look(column, held)[0]
            elif held == "lists":
                cells = self._cells(column)
                found[column] = list_column(cells, self._reading.tokens, self._called(column))
        alone = [column for column, kind in found.items() if kind != "text"]
        plain = [column for column in columns if column not in alone]
        words = [column for column in plain if column in found and column not in encoding.texts]
        encoding = replace(encoding, texts=(*encoding.texts, *words))
        found |= FrameTable(self._frame(plain), self.source).kinds(plain, encoding)
        return {column: found[column] for column in columns}

    def texts(self) -> list[str]:
        """Returns the columns that hold text."""
        plain = [column for column in self.columns if self._held(column) == "cells"]
        frame = self._frame(plain)
        return [column for column in plain if content_of(frame[column]) == "text"]

    def read(
        self, inputs: Mapping[str, str], kinds: Mapping[str, Any], others: Sequence[str]
    ) -> tuple[Mapping[str, np.ndarray], Any]:
        """Returns the inputs as arrays, places for images and sounds, and the other columns."""
        x: dict[str, np.ndarray] = {}
        plain = {name: column for name, column in inputs.items() if isinstance(kinds[column], str)}
        for name, column in inputs.items():
            kind, held = kinds[column], self._held(column)
            self._check_kind(column, kind, held)
            if isinstance(kind, EncodedColumn):
                x[name] = self._look(column, held, kind)[1]
                self._decoded[name] = (self._encoded[column], kind)
            elif isinstance(kind, TensorColumn):
                x[name] = numbers_of_lists(self._cells(column), kind, self._called(column))
        frame = self._frame(list(plain.values()))
        x |= input_arrays(frame, plain, kinds, self.source)
        return {name: x[name] for name in inputs}, self._labels(others)

    def batches(
        self, part: Part, rows: np.ndarray, batch_size: int, order: EpochOrder | None
    ) -> tf.data.Dataset:
        """Returns batches, in which images and sounds are decoded as they are asked for."""
        return decoded_later(batches(*part, batch_size, order), self._decoded)

    def _called(self, column: str) -> str:
        return f"Column {column!r} of {self.source}"

    def _held(self, column: str) -> str:
        """Returns "images", "sounds", "lists" or "cells"; refuses what else there is."""
        import datasets
        import pyarrow as pa

        feature, stored = self._features[column], self._types[column]
        if isinstance(feature, datasets.Image):
            return "images"
        if isinstance(feature, datasets.Audio):
            return "sounds"
        if isinstance(stored, pa.BaseExtensionType):
            stored = stored.storage_type
        if pa.types.is_nested(stored) and not pa.types.is_struct(stored):
            return "lists"
        if pa.types.is_struct(stored) or pa.types.is_binary(stored):
            name = "bytes" if pa.types.is_binary(stored) else type(feature).__name__
            raise ValueError(
                f"{self._called(column)} holds {name}. Where it is images or WAV files say so, "
                f"dataset.cast_column({column!r}, datasets.Image()) or datasets.Audio(); "
                "dataset.flatten() makes columns of the parts of dictionaries. Or leave it out "
                "with `ignore`."
            )
        return "cells"

    def _check_kind(self, column: str, kind: Kind, held: str) -> None:
        wanted = "cells"
        if isinstance(kind, EncodedColumn):
            wanted = "images" if isinstance(kind, Images) else "sounds"
        elif isinstance(kind, TensorColumn) or (kind == "text" and held == "lists"):
            wanted = "lists"
        if held != wanted:
            raise ValueError(
                f"{self._called(column)} holds {held}, where the training rows have {wanted}. "
                "Bring all splits to the same features with dataset.cast_column."
            )

    def _look(self, column: str, held: str, known: Any = None) -> tuple[EncodedColumn, np.ndarray]:
        """Returns what a column of images or sounds is, and the places of its cells."""
        if column not in self._places:
            cells = EncodedCells(self._dataset, column, self.source)
            look: Any = cells.images if held == "images" else cells.sounds
            self._encoded[column] = cells
            self._places[column] = look(self._reading, known)
        return self._places[column]

    def _cells(self, column: str) -> Any:
        """Returns a column of lists as a `pyarrow.Array`."""
        import pyarrow as pa

        cells = self._dataset.select_columns([column])[:][column].combine_chunks()
        return cells.storage if isinstance(cells, pa.ExtensionArray) else cells

    def _frame(self, columns: Sequence[str]) -> Any:
        """Returns input columns as a `pandas.DataFrame`, lists of words as texts."""
        import pandas as pd

        words = [column for column in columns if self._held(column) == "lists"]
        frame = self._named([column for column in columns if column not in words])
        texts = {
            column: texts_of_lists(self._cells(column), self._reading.tokens, self._called(column))
            for column in words
        }
        return frame.assign(**{c: pd.Series(texts[c], frame.index, object) for c in words})

    def _labels(self, columns: Sequence[str]) -> Any:
        """Returns columns of labels and groups as a `pandas.DataFrame`."""
        import pandas as pd

        for column in columns:
            if self._held(column) in _MEDIA:
                raise ValueError(
                    f"{self._called(column)} holds {self._held(column)}, which cannot be labels. "
                    "from_image_folder reads masks from files."
                )
        frame = self._named(columns)
        # What is no list is left to the labels, which say so.
        for column in {c for c in columns if c in self._tags and self._held(c) == "lists"}:
            cut = [None if cell is None else cell[: self._reading.tokens] for cell in frame[column]]
            frame[column] = pd.Series(cut, frame.index, object)
        return frame

    def _named(self, columns: Sequence[str]) -> Any:
        """Returns columns as a `pandas.DataFrame` with the names of classes."""
        import pandas as pd

        if not columns:
            return pd.DataFrame(index=pd.RangeIndex(self.rows))
        frame = arrow_frame(self._dataset.select_columns(list(columns))[:])
        for column in columns:
            names = getattr(self._features[column], "names", None)
            if not names:
                continue
            # A test split without labels has -1.
            codes = frame[column].fillna(-1).to_numpy(int)
            if column in self._numbers:
                frame[column] = np.where(codes < 0, np.nan, codes)
            elif frame[column].notna().any():
                frame[column] = np.array([*names, ""], object)[codes]
        return frame
