"""Which input's tokens the tags of a task are for, and as many tags as the trunk sees tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..labels.labels import MISSING
from ..labels.tokens import Row
from .tensor_columns import TensorColumn, Tokens


def input_of_tags(
    tags: Sequence[np.ndarray | None],
    x: Mapping[str, np.ndarray],
    kinds: Mapping[str, str | TensorColumn],
    source: str,
    row: Row,
) -> str:
    """Returns the input whose tokens the tags are for: the first that has as many in every row.

    Tags behind the last token may be there if they are missing ones.

    Args:
        tags: Those of each row.
        x: The inputs.
        kinds: `{input: kind}`.
        source: Where the tags come from, for errors.
        row: Returns what people call the row at a place.

    Raises:
        ValueError: If there is no such input.
    """
    problem = (
        "there is no input of tokens. Tags need one: a column of lists of words, or a text that is "
        "named in `texts` of the encoding"
    )
    for name, kind in kinds.items():
        if kind != "text" and not isinstance(kind, TensorColumn):
            continue
        counts = _counts(x[name], kind)
        misfit = _first_misfit(tags, counts, _width(kind))
        if misfit is None:
            return name
        wrong, number = misfit
        problem = (
            f"{row(wrong)} has {number} of them, where the input {name!r} has "
            f'{counts[wrong]} tokens. Every token needs a tag, -1 or "" if it is missing'
        )
    raise ValueError(f"{source} holds tags of tokens, but {problem}.")


def fitted_tags(
    batches: tf.data.Dataset,
    inputs: Mapping[str, str],
    kinds: Mapping[str, str | TensorColumn],
) -> tf.data.Dataset:
    """Brings the tags to the number of steps that the trunk sees: `[B, words of the batch]`.

    Args:
        batches: Batches of `(x, {task: y})` in which tags are as long as the longest of all.
        inputs: `{task: input whose tokens the tags are for}`.
        kinds: `{input: kind}`.
    """

    def fit(x: Any, y: Mapping[str, tf.Tensor]) -> Any:
        found = dict(y)
        for task, name in inputs.items():
            width = _width(kinds[name])
            if width is None:
                words = tf.strings.split(tf.squeeze(x[name], 1)).row_lengths()
                width = tf.maximum(tf.reduce_max(words), 1)
            tags = y[task][:, :width]
            lacking = tf.maximum(width - tf.shape(tags, tf.int64)[1], 0)
            filled = tf.pad(tags, [[0, 0], [0, lacking]], constant_values=MISSING)
            found[task] = tf.ensure_shape(filled, (None, _width(kinds[name])))
        return x, found

    return batches.map(fit, tf.data.AUTOTUNE) if inputs else batches


def _width(kind: str | TensorColumn) -> int | None:
    """Returns the number of tokens if all rows have the same."""
    return kind.shape[0] if isinstance(kind, TensorColumn) else None


def _counts(values: np.ndarray, kind: str | TensorColumn) -> np.ndarray:
    """Returns how many tokens each row has."""
    if isinstance(kind, Tokens):
        there = values != 0
        return np.where(there.any(axis=1), values.shape[1] - there[:, ::-1].argmax(axis=1), 0)
    if isinstance(kind, TensorColumn):
        return np.full(len(values), kind.shape[0])
    # Words end at the white space of ASCII, as they do in TensorFlow.
    return np.array([len(text.encode().split()) for text in values.reshape(-1)])


def _first_misfit(
    tags: Sequence[np.ndarray | None], counts: np.ndarray, width: int | None
) -> tuple[int, int] | None:
    """Returns the first row with more or fewer tags than tokens, and how many it has."""
    for place, (row, count) in enumerate(zip(tags, counts, strict=True)):
        if row is None:
            continue
        there = np.array([tag not in (MISSING, "", None) for tag in row[:width].tolist()], bool)
        last = len(there) - int(there[::-1].argmax()) if there.any() else 0
        if not last <= count <= len(row):
            return place, len(row)
    return None
