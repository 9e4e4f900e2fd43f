"""Labels as people have them → int32 classes or float32 numbers, and their `Target`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...names import unknown_name
from ..tables.cells import MOSTLY, is_written
from ..tables.frames import repeated_rows
from ..targets import KINDS, Target, kind_of
from .classes import MANY_CLASSES, classes_of
from .images import encode_boxes, encode_masks
from .labels import MISSING, Labels
from .numbers import flags_of, numbers_of
from .plain import plain
from .tokens import padded, tags_by_row


def encode_labels(
    labels: Labels, kind: str | Target = "auto", compact: bool = False
) -> tuple[np.ndarray, Target]:
    """Returns labels as int32 or float32, missing ones as -1 or NaN, and their `Target`.

    Args:
        labels: The labels.
        kind: One of the kinds, "auto", or a `Target` that the labels must fit.
        compact: Renumber whole-number classes such as 3, 5, 8 as 0, 1, 2, with class names.

    Raises:
        ValueError: If the labels do not fit the kind, or it cannot be told from them.

    >>> y, target = encode_labels(Labels("pet", np.array(["dog", "cat", ""]), "y['pet']"))
    >>> y.tolist(), target.class_names
    ([1, 0, -1], ('cat', 'dog'))
    """
    target = kind if isinstance(kind, Target) else None
    name = kind_of(kind)
    if name in ("box", "segmentation"):
        return _of_images(labels, name, target)
    if name == "tagging":
        return _tags(labels, target)
    labels = plain(labels, np.nan if name == "regression" else MISSING)
    if name == "auto":
        name = _infer(labels)
    if name not in KINDS:
        raise ValueError(unknown_name(name, (*KINDS, "auto"), f"kind of task {labels.task!r}"))
    if name == "regression":
        return numbers_of(labels, target)
    if name == "multilabel":
        return flags_of(labels, target)
    return classes_of(labels, name, target, compact)


def _of_images(labels: Labels, kind: str, target: Target | None) -> tuple[np.ndarray, Target]:
    source = f"Labels of task {labels.task!r} ({labels.source})"
    if kind == "box":
        encoded, found = encode_boxes(labels.values, source, labels.first_row)
    else:
        count = target.num_classes if target else None
        encoded, found = encode_masks(labels.values, source, count, labels.first_row)
    return encoded, target or found


def _tags(labels: Labels, target: Target | None) -> tuple[np.ndarray, Target]:
    rows = tags_by_row(labels.values, labels.source, labels.row_at)
    lengths = [0 if row is None else len(row) for row in rows]
    present = [row for row in rows if row is not None and len(row)]
    flat = replace(
        labels,
        values=np.concatenate(present) if present else np.zeros(0, "int64"),
        index=repeated_rows(labels.index, lengths),
    )
    # Whole numbers are places in the list of names, also where a table's classes would not be.
    codes, found = classes_of(plain(flat, MISSING), "tagging", target, compact=False)
    return padded(codes, lengths), found


def _infer(labels: Labels) -> str:
    values = labels.values
    if values.dtype.kind == "f":
        return "regression"
    if values.ndim == 2:
        return "multilabel"
    if values.dtype.kind == "b":
        return "binary"
    missing = values == ("" if values.dtype.kind == "O" else MISSING)
    different = np.unique(values[~missing])
    count = len(different)
    if values.dtype.kind == "O":
        _check_texts(labels, different)
    if values.dtype.kind in "iu" and count > MANY_CLASSES:
        raise ValueError(
            f"Task {labels.task!r} ({labels.source}) has {count} different whole numbers: classes, "
            "or a number to predict? State its kind: 'classification' or 'regression'."
        )
    return "binary" if count == 2 else "classification"


def _check_texts(labels: Labels, different: np.ndarray) -> None:
    """Raises `ValueError` for text that looks like numbers: one stray cell makes text of all."""
    written = [text for text in different if is_written(text)]
    # Digits alone are often codes, of which there are few.
    odd = [text for text in written if not text.strip().isdigit()]
    if len(written) < MOSTLY * len(different) or not (odd or len(different) > MANY_CLASSES):
        return
    stray = np.isin(labels.values, list({*different} - {*written}))
    message = (
        f"Task {labels.task!r} ({labels.source}) has {len(written)} different texts that look "
        f"like numbers or dates, such as {(odd or written)[0]!r}"
        + (f", and others, the first in {labels.row(stray)}" if stray.any() else "")
    )
    raise ValueError(
        f"{message}: classes, or a number to predict? State its kind, 'classification' or "
        "'regression'. For a number declare other texts as missing values; 1,5 needs a decimal "
        "point (from_csv: decimal=',')."
    )
