"""Files that TensorFlow reads while a model trains: each is read once before, to name a bad one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf


def read_each(
    files: Sequence[str | Path] | tf.data.Dataset, read: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[dict[int, Any], str]:
    """Reads files, several at once.

    Args:
        files: Their paths, or a data set of what tells them from each other, of known length.
        read: Returns something of a file that cannot be told without reading it; the same code
            runs in `tf.data`.

    Returns:
        `{place in files: what was read}` of the files that could be read, and why the first of the
        others could not.

    >>> read_each(["/no/file"], tf.io.read_file)
    ({}, '/no/file; No such file or directory')
    """
    if not isinstance(files, tf.data.Dataset):
        files = tf.data.Dataset.from_tensor_slices([str(path) for path in files])
    results = files.enumerate().map(lambda number, one: (number, read(one)), tf.data.AUTOTUNE)
    found = {int(number): value for number, value in results.ignore_errors().as_numpy_iterator()}
    first = next((place for place in range(len(files)) if place not in found), None)
    if first is not None:
        try:
            read(next(iter(files.skip(first))))
        except tf.errors.OpError as error:
            return found, reason_of(error)
    return found, ""


def reason_of(error: tf.errors.OpError) -> str:
    """Returns what TensorFlow says for people, in one line."""
    text = re.sub(r"\{\{.*?\}\}", "", str(error.message)).partition("[Op:")[0]
    return " ".join(text.split())
