"""Files that TensorFlow reads while a model trains: each is read once before, to name a bad one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def read_each(
    paths: Sequence[str | Path], read: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[dict[int, Any], str]:
    """Reads files, several at once.

    Args:
        paths: The files.
        read: Returns something of a file that cannot be told without reading it; the same code
            runs in `tf.data`.

    Returns:
        `{place in paths: what was read}` of the files that could be read, and why the first of the
        others could not.

    >>> read_each(["/no/file"], tf.io.read_file)
    ({}, '/no/file; No such file or directory')
    """
    texts = [str(path) for path in paths]
    numbered = tf.data.Dataset.from_tensor_slices((np.arange(len(texts)), texts))
    results = numbered.map(lambda number, path: (number, read(path)), tf.data.AUTOTUNE)
    found = {int(number): value for number, value in results.ignore_errors().as_numpy_iterator()}
    first = next((place for place in range(len(texts)) if place not in found), None)
    if first is not None:
        try:
            read(tf.constant(texts[first]))
        except tf.errors.OpError as error:
            return found, reason_of(error)
    return found, ""


def reason_of(error: tf.errors.OpError) -> str:
    """Returns what TensorFlow says for people, in one line."""
    text = re.sub(r"\{\{.*?\}\}", "", str(error.message)).partition("[Op:")[0]
    return " ".join(text.split())
