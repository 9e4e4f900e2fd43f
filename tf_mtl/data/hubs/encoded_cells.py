"""Cells of a HuggingFace data set that hold images or sounds: looked at once, decoded later."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from ...whole_numbers import check_size, check_whole
from ..media.image_files import decoded
from ..media.wav_file import samples_of, sound_place
from ..reading import read_each
from ..tables.tensor_columns import EncodedColumn, Images, Waveforms

_AT_ONCE = 256


@dataclass(frozen=True)
class Reading:
    """How the columns of images, sounds and tokens are read; see `from_huggingface`."""

    size: Sequence[int] | None = None
    channels: int | None = None
    seconds: float | None = None
    tokens: int | None = None
    check: bool = True

    def __post_init__(self) -> None:
        if self.size is not None:
            object.__setattr__(self, "size", check_size(self.size))
        if self.channels not in (None, 1, 3, 4):
            raise ValueError(f"`channels` must be 1, 3 or 4. Received: {self.channels}.")
        if self.tokens is not None:
            check_whole(self.tokens, "tokens")
        if not self.check and (self.size is None or self.channels is None):
            raise ValueError(
                "Without a look at the images (check=False) give their `size` and `channels`. "
                f"Received: size={self.size}, channels={self.channels}."
            )


class EncodedCells:
    """One column of encoded images or sounds, which stay where the data set has them.

    Args:
        dataset: A `datasets.Dataset`.
        column: Name of the column.
        source: Name of the data set, for errors.
    """

    def __init__(self, dataset: Any, column: str, source: str) -> None:
        self.what = f"column {column!r} of {source}"
        self._feature = dataset.features[column]
        self._cells = dataset.select_columns([column]).with_format("arrow")
        self._column = column

    def read(self, numbers: tf.Tensor) -> tf.Tensor:
        """Returns the bytes of the cells in these rows, in the graph: strings `[B]`."""

        def contents(rows: np.ndarray) -> np.ndarray:
            cells = self._cells[rows.tolist()][self._column].to_pylist()
            return np.array([_content(cell) for cell in cells], object)

        found = tf.numpy_function(contents, [numbers], tf.string, stateful=False)
        return tf.ensure_shape(found, numbers.shape)

    def images(self, reading: Reading, known: Images | None) -> tuple[Images, np.ndarray]:
        """Returns what the images are, and the place of each `[rows, 2]`.

        Args:
            reading: How to read them.
            known: What those of the training rows are.

        Raises:
            ValueError: If a cell is empty or cannot be decoded, or the images differ in size and
                none is given, naming the row.
        """
        places = np.array([place for place, _ in self._places()])
        if reading.check:
            shapes = self._shapes(reading.channels or 0)
            size = tuple(reading.size or self._one_size(shapes, known))
            channels = reading.channels or self._channels(shapes, known)
        else:
            size, channels = tuple(reading.size or ()), reading.channels or 3
        return known or Images((*size, channels)), places

    def sounds(self, reading: Reading, known: Waveforms | None) -> tuple[Waveforms, np.ndarray]:
        """Returns what the waveforms are, and the place of each `[rows, 7]`.

        Args:
            reading: How to read them.
            known: What those of the training rows are.

        Raises:
            ValueError: If a cell is empty or no WAV, or has another sampling rate than the others
                where the column has none, naming the row.
        """
        places, sounds = [], []
        of_column = getattr(self._feature, "sampling_rate", None)
        wanted = known.rate if known else of_column
        for place, cell in self._places():
            where = f"Row {place[0] + 1} of {self.what}"
            with _opened(cell) as file:
                sound = sound_place(file, where)
            wanted = wanted or sound.rate
            if sound.rate != wanted and of_column is None:
                raise ValueError(
                    f"{where} has {sound.rate} samples a second where {wanted} are expected. Say "
                    "what all shall have: dataset.cast_column(…, Audio(sampling_rate=…))."
                )
            sounds.append(sound)
            places.append((*place, *sound))
        if known is None:
            rate = of_column or sounds[0].rate
            known = Waveforms((samples_of(sounds, reading.seconds, rate),), rate)
        return known, np.array(places)

    def _places(self) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
        """Yields the row and a digest of what it holds, for the fingerprint, and the cell."""
        for start in range(0, len(self._cells), _AT_ONCE):
            cells = self._cells[start : start + _AT_ONCE][self._column].to_pylist()
            for row, cell in enumerate(cells, start):
                if cell is None or (cell["bytes"] is None and not cell["path"]):
                    raise ValueError(
                        f"Row {row + 1} of {self.what} is empty. Leave it out: dataset.filter(…)."
                    )
                if cell["bytes"] is None and not Path(cell["path"]).is_file():
                    raise ValueError(
                        f"Row {row + 1} of {self.what} names {cell['path']!r}, but there is no "
                        "such file on this machine."
                    )
                known = cell["path"].encode() if cell["bytes"] is None else cell["bytes"]
                digest = hashlib.blake2b(known, digest_size=8).digest()
                yield (row, int.from_bytes(digest, "little", signed=True)), cell

    def _shapes(self, channels: int) -> np.ndarray:
        """Decodes every image once and returns the shapes, `[rows, 3]`."""
        count = len(self._cells)
        contents = tf.data.Dataset.range(count).batch(_AT_ONCE).map(self.read).unbatch()
        known = contents.apply(tf.data.experimental.assert_cardinality(count))
        found, reason = read_each(known, lambda content: tf.shape(decoded(content, channels)))
        bad = [row for row in range(count) if row not in found]
        if bad:
            others = f" (and {len(bad) - 1} other rows)" if len(bad) > 1 else ""
            raise ValueError(
                f"Row {bad[0] + 1}{others} of {self.what} cannot be decoded as an image: {reason}. "
                "Remove or replace it."
            )
        return np.array([found[row] for row in range(count)])

    def _one_size(self, shapes: np.ndarray, known: Images | None) -> tuple[int, int]:
        size = known.shape[:2] if known else tuple(int(side) for side in shapes[0, :2])
        other = (shapes[:, :2] != size).any(axis=1)
        if other.any():
            row = int(other.argmax())
            height, width = shapes[row, :2]
            raise ValueError(
                f"The images of {self.what} differ in size: {height} x {width} in row {row + 1}, "
                f"where {size[0]} x {size[1]} are expected. Give the height and width to which all "
                "are resized, such as size=(128, 128)."
            )
        return size[0], size[1]

    def _channels(self, shapes: np.ndarray, known: Images | None) -> int:
        coloured = shapes[:, 2] > 2  # two are grey and transparency
        if known is not None and known.shape[2] == 1 and coloured.any():
            raise ValueError(
                f"Row {int(coloured.argmax()) + 1} of {self.what} has colours, where all training "
                "images are grey. Say what all of them are to be: channels=1 or 3."
            )
        return 3 if coloured.any() else 1


def decoded_later(
    batches: tf.data.Dataset, columns: dict[str, tuple[EncodedCells, EncodedColumn]]
) -> tf.data.Dataset:
    """Replaces the places of cells by what they hold, several batches at once.

    Args:
        batches: Batches of `(x, {task: y})`.
        columns: `{input: (where its cells are, what they are)}`.
    """

    def batch(x: dict[str, tf.Tensor], y: Any) -> Any:
        found = dict(x)
        for name, (cells, kind) in columns.items():
            signature = tf.TensorSpec(kind.shape, kind.dtype)
            found[name] = tf.map_fn(
                lambda one, kind=kind: kind.decode(*one),
                (cells.read(x[name][:, 0]), x[name]),
                fn_output_signature=signature,
            )
        return found, y

    if not columns:
        return batches
    return batches.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _opened(cell: dict[str, Any]) -> BinaryIO:
    # Where there are bytes, a path only tells where they are from.
    return Path(cell["path"]).open("rb") if cell["bytes"] is None else io.BytesIO(cell["bytes"])


def _content(cell: dict[str, Any]) -> bytes:
    with _opened(cell) as file:
        return file.read()
