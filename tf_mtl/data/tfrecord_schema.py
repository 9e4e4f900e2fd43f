"""The schema beside TFRecord files: what a record holds, and what a model needs to know of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .targets import Target

SCHEMA_FILE = "schema.json"
NETWORK_FILE = "preprocessing.keras"
_FORMAT = 1
_KEYS = ("compression", "features", "single_input", "targets", "parts", "fingerprint", "columns")


@dataclass(frozen=True)
class Feature:
    """One tensor of a row: an input ("x/age", "x") or the labels of a task ("y/digit").

    Numbers are lists of a `tf.train.Example` where it has a type for them, otherwise bytes.

    Args:
        dtype: Name of the dtype.
        shape: Shape in one row; (None,) for tags, of which every row has its own number.
    """

    dtype: str
    shape: tuple[int | None, ...]

    def encode(self, values: np.ndarray) -> tuple[str, list[list[Any]]]:
        """Returns the field of `tf.train.Feature` for a batch, and the list of each row in it."""
        if self.dtype in ("float32", "int32", "int64", "bool", "string"):
            field = {"float32": "float_list", "string": "bytes_list"}.get(self.dtype, "int64_list")
            return field, values.reshape(len(values), -1).tolist()
        return "bytes_list", [[row.tobytes()] for row in values]

    def parsing(self) -> tf.io.FixedLenFeature | tf.io.FixedLenSequenceFeature:
        """Returns what `tf.io.parse_example` must know."""
        if None in self.shape:
            return tf.io.FixedLenSequenceFeature((), tf.int64, allow_missing=True, default_value=-1)
        if self.dtype in ("float32", "string"):
            return tf.io.FixedLenFeature(self.shape, self.dtype)
        if self.dtype in ("int32", "int64", "bool"):
            return tf.io.FixedLenFeature(self.shape, tf.int64)
        return tf.io.FixedLenFeature((), tf.string)

    def decode(self, parsed: tf.Tensor) -> tf.Tensor:
        """Returns a batch of parsed features as the tensor that was written."""
        if parsed.dtype != tf.string or self.dtype == "string":
            return tf.cast(parsed, self.dtype) if parsed.dtype != self.dtype else parsed
        values = tf.io.decode_raw(parsed, self.dtype, fixed_length=self.bytes())
        return tf.reshape(values, (-1, *self.shape))

    def bytes(self) -> int:
        """Returns the number of bytes of a value that is kept as bytes."""
        return math.prod(side or 0 for side in self.shape) * tf.as_dtype(self.dtype).size


@dataclass(frozen=True)
class Shard:
    """One file.

    Args:
        file: Its name.
        rows: Number of its records.
        bytes: Its size.
    """

    file: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Schema:
    """What lies in a folder of TFRecord files.

    Args:
        compression: "GZIP" or "".
        features: `{"x", "x/NAME" or "y/TASK": Feature}`.
        single_input: Whether x is one tensor and no dictionary.
        targets: `{task: Target}`.
        parts: `{"train" | "valid" | "test": [Shard, …]}`.
        fingerprint: That of the splits.
        columns: Those of the splits.
        tokens: Likewise.
    """

    compression: str
    features: dict[str, Feature]
    single_input: bool
    targets: dict[str, Target]
    parts: dict[str, list[Shard]]
    fingerprint: str
    columns: dict[str, str]
    tokens: dict[str, str]

    def write(self, folder: Path) -> None:
        """Writes the schema as JSON."""
        text = json.dumps({"format": _FORMAT, **asdict(self)}, indent=2) + "\n"
        (folder / SCHEMA_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Schema:
        """Reads the schema of a folder and looks at its files.

        Raises:
            FileNotFoundError: If the folder, its schema or one of its files is not there.
            ValueError: If the schema cannot be read, or a file has another size than once written.
        """
        path = folder / SCHEMA_FILE
        if not folder.is_dir():
            raise FileNotFoundError(f"There is no folder {folder}.")
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} has no {SCHEMA_FILE}: it is no folder that write_tfrecord wrote, or the "
                "writing was interrupted."
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not JSON: {error}.") from None
        schema = cls._of(content, path)
        schema._check_files(folder)
        return schema

    @classmethod
    def _of(cls, content: Any, path: Path) -> Schema:
        if not isinstance(content, Mapping) or content.get("format") != _FORMAT:
            raise ValueError(
                f'{path} has no "format": {_FORMAT}. Write the records again with write_tfrecord.'
            )
        lacking = [key for key in _KEYS if key not in content]
        if lacking:
            raise ValueError(f"{path} lacks the key {lacking[0]!r}. Write the records again.")
        try:
            return cls(
                **{
                    **{key: content[key] for key in _KEYS},
                    "tokens": content.get("tokens", {}),  # the first folders had none
                    "features": {
                        name: Feature(tf.as_dtype(one["dtype"]).name, tuple(one["shape"]))
                        for name, one in content["features"].items()
                    },
                    "targets": {
                        task: Target(**fields) for task, fields in content["targets"].items()
                    },
                    "parts": {
                        part: [Shard(**shard) for shard in shards]
                        for part, shards in content["parts"].items()
                    },
                }
            )
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"{path} cannot be understood: {error}. Write it again.") from None

    def _check_files(self, folder: Path) -> None:
        if not (folder / NETWORK_FILE).is_file():
            raise FileNotFoundError(f"{folder} lacks {NETWORK_FILE}, the preprocessing.")
        for shard in (shard for shards in self.parts.values() for shard in shards):
            path = folder / shard.file
            if not path.is_file():
                raise FileNotFoundError(f"{folder / SCHEMA_FILE} names {path}, which is not there.")
            size = path.stat().st_size
            if size != shard.bytes:
                raise ValueError(
                    f"{path} has {size} bytes and had {shard.bytes} when it was written: it is cut "
                    "off or was replaced. Copy or write it again."
                )
