"""Labels that are classes → int32, and their `Target`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...names import unknown_name
from ..targets import Target
from .labels import MISSING, Labels

# Whole numbers with more different values than this may be counts or prices as well as classes.
MANY_CLASSES = 100


def classes_of(
    labels: Labels, kind: str, target: Target | None, compact: bool
) -> tuple[np.ndarray, Target]:
    """Returns the numbers of classes as int32, missing ones as -1."""
    values = labels.values
    if values.ndim != 1:
        raise ValueError(
            f"Task {labels.task!r} is a {kind}, but {labels.source} has the shape {values.shape}. "
            "Expected one class a row, [rows]; for 0 and 1 in several columns use 'multilabel'."
        )
    if values.dtype.kind == "f":
        hint = (
            f"name them in their order, {{{labels.task!r}: {{'class_names': [0.5, 1, …]}}}}"
            if compact
            else "convert with astype('int32'), -1 for a missing label"
        )
        raise ValueError(
            f"Task {labels.task!r} is a {kind}, but {labels.source} holds {values.dtype} numbers. "
            f"Classes are whole numbers or text: {hint}, or choose 'regression'."
        )
    if values.dtype.kind == "O":
        return _named(labels, np.char.strip(values.astype(str)), kind, target)
    values = values.astype("int64")
    if compact and not (target and target.class_names is None):
        names = (target.class_names if target else None) or ()
        missing = (values == MISSING) & (str(MISSING) not in names)
        classes = np.unique(values[~missing])
        if names or not np.array_equal(classes, np.arange(len(classes))):
            texts = np.where(missing, "", values.astype(str))
            return _named(labels, texts, kind, target)
    return _numbered(labels, values, kind, target)


def _named(
    labels: Labels, texts: np.ndarray, kind: str, target: Target | None
) -> tuple[np.ndarray, Target]:
    found = [str(text) for text in np.unique(texts[texts != ""])]
    if target is None or target.class_names is None:
        if all(text.lstrip("-").isdecimal() for text in found):
            found.sort(key=int)
        _check_count(labels, kind, len(found), found)
        target = Target(kind, class_names=tuple(found))
    names = {name: number for number, name in enumerate(target.class_names or ())}
    unknown = (texts != "") & ~np.isin(texts, list(names))
    if unknown.any():
        text = str(texts[unknown][0])
        raise ValueError(
            f"{unknown_name(text, names, f'class of task {labels.task!r}')} It stands in "
            f"{labels.source}, {labels.row(unknown)}."
        )
    codes = np.full(len(texts), MISSING, "int32")
    for name, number in names.items():
        codes[texts == name] = number
    return codes, target


def _numbered(
    labels: Labels, values: np.ndarray, kind: str, target: Target | None
) -> tuple[np.ndarray, Target]:
    if (values < MISSING).any():
        raise ValueError(
            f"Labels of task {labels.task!r} ({labels.source}) hold a negative class in "
            f"{labels.row(values < MISSING)}. Classes start at 0; -1 is a missing label."
        )
    classes = np.unique(values[values != MISSING])
    hint = ""
    if target is None or target.num_classes is None:
        hint = " Number the classes from 0, or give them as text."
        _check_count(labels, kind, len(classes), classes.tolist())
        count = 2 if kind == "binary" else int(classes.max()) + 1
        if count > 10 * len(classes) + MANY_CLASSES:
            raise ValueError(
                f"Task {labels.task!r} ({labels.source}) has {len(classes)} classes with numbers "
                f"up to {classes.max()}. Number them from 0, or give them as text."
            )
        target = Target(kind, num_classes=count)
    wrong = values >= (target.num_classes or 0)
    if wrong.any():
        raise ValueError(
            f"Labels of task {labels.task!r} ({labels.source}) must be classes from 0 to "
            f"{(target.num_classes or 0) - 1}, or -1 where missing. Found {labels.row(wrong)}."
            f"{hint}"
        )
    return values.astype("int32"), target


def _check_count(labels: Labels, kind: str, count: int, found: list[Any]) -> None:
    if count < 2:
        raise ValueError(
            f"Task {labels.task!r} ({labels.source}) has {count} class{'es' * (count != 1)} "
            f"{found}: nothing to learn. Leave the task out, or check the column and what counts "
            "as missing (-1 and empty text do)."
        )
    if kind == "binary" and count > 2:
        shown = ", ".join(repr(name) for name in found[:8]) + (", …" if count > 8 else "")
        raise ValueError(
            f"Task {labels.task!r} ({labels.source}) is binary but has {count} classes: {shown}. "
            "Use 'classification', or say which are positive."
        )
