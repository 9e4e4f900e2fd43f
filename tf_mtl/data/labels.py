"""Labels as people have them → int32 classes or float32 numbers, and their `Target`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from ..names import unknown_name
from .frames import repeated_rows, row_name
from .image_labels import encode_boxes, encode_masks
from .targets import KINDS, Target
from .token_labels import padded, tags_by_row

MISSING = -1
# Whole numbers with more different values than this may be counts or prices as well as classes.
_MANY = 100


@dataclass(frozen=True)
class Labels:
    """The labels of one task and where they come from.

    Args:
        task: Name of the task.
        values: `[rows]` or `[rows, units]`: numbers, bools or text. None, NaN, "" are missing.
        source: Where they come from, for errors: "y['digit']" or "column 'digit' of 'a.csv'".
        first_row: Number that the source gives to its first row.
        index: Index of a table, which knows file and row where it was joined from several files.
    """

    task: str
    values: np.ndarray
    source: str
    first_row: int = 0
    index: Any = None

    def row(self, wrong: np.ndarray) -> str:
        """Returns "row 3 (value)" of the first wrong label."""
        place = np.argwhere(wrong)[0]
        value = self.values[tuple(place)]
        shown = repr(str(value)) if isinstance(value, str) else str(value)
        return f"{self.row_at(int(place[0]))} ({shown})"

    def row_at(self, place: int) -> str:
        """Returns what people call the row at a place."""
        return row_name(self.index, place, self.first_row)


def known_labels(values: np.ndarray) -> np.ndarray:
    """Returns where encoded labels are not missing."""
    return ~np.isnan(values) if values.dtype.kind == "f" else values != MISSING


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
    name = kind.kind if isinstance(kind, Target) else kind
    if name in ("box", "segmentation"):
        return _of_images(labels, name, target)
    if name == "tagging":
        return _tags(labels, target)
    labels = _plain(labels, np.nan if name == "regression" else MISSING)
    if name == "auto":
        name = _infer(labels)
    if name not in KINDS:
        raise ValueError(unknown_name(name, (*KINDS, "auto"), f"kind of task {labels.task!r}"))
    if name == "regression":
        return _numbers(labels, target)
    if name == "multilabel":
        return _flags(labels, target)
    return _classes(labels, name, target, compact)


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
    codes, found = _classes(_plain(flat, MISSING), "tagging", target, compact=False)
    return padded(codes, lengths), found


def _plain(labels: Labels, missing: float) -> Labels:
    """Makes numbers or text of objects, and [rows] of [rows, 1]; refuses what is neither.

    Whole numbers among objects with missing ones have `missing` in their place.
    """
    values = labels.values
    if values.dtype.kind == "O":
        values = _numbers_of_objects(values, missing)
    if values.dtype.kind in "OUS":
        texts = np.empty(values.shape, object)
        for place, value in np.ndenumerate(values):
            if isinstance(value, bytes):
                texts[place] = value.decode()
            elif isinstance(value, str):
                texts[place] = value
            elif _is_missing(value):
                texts[place] = ""
            else:
                raise ValueError(
                    f"Labels of task {labels.task!r} ({labels.source}) are objects, and row "
                    f"{place[0] + labels.first_row} holds {type(value).__name__} {value!r}. "
                    "Give text, whole numbers, bools or floats."
                )
        values = texts
    elif values.dtype.kind not in "biuf":
        raise ValueError(
            f"Labels of task {labels.task!r} ({labels.source}) have dtype {values.dtype}. "
            "Give text, whole numbers, bools or floats."
        )
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise ValueError(
            f"Labels of task {labels.task!r} ({labels.source}) have the shape {values.shape}. "
            "Expected [rows] or [rows, units]."
        )
    return replace(labels, values=values)


def _numbers_of_objects(values: np.ndarray, missing: float) -> np.ndarray:
    """Returns bools and numbers, such as pandas' with missing ones, in an array of their own."""
    absent = np.vectorize(_is_missing, otypes=[bool])(values)
    present = values[~absent]
    if not len(present) or not all(isinstance(value, (Real, np.bool_)) for value in present):
        return values
    numbers = np.array(present.tolist())
    if numbers.dtype.kind not in "bif":  # larger than any of them
        return values
    fill = np.nan if numbers.dtype.kind == "f" else missing
    found = np.empty(values.shape, np.result_type(numbers, fill) if absent.any() else numbers.dtype)
    found[~absent], found[absent] = numbers, fill
    return found


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return (
        value is None
        or value is pd.NA
        or (isinstance(value, (float, np.floating)) and np.isnan(value))
    )


def _infer(labels: Labels) -> str:
    values = labels.values
    if values.dtype.kind == "f":
        return "regression"
    if values.ndim == 2:
        return "multilabel"
    if values.dtype.kind == "b":
        return "binary"
    missing = values == ("" if values.dtype.kind == "O" else MISSING)
    count = len(np.unique(values[~missing]))
    if values.dtype.kind in "iu" and count > _MANY:
        raise ValueError(
            f"Task {labels.task!r} ({labels.source}) has {count} different whole numbers: classes, "
            "or a number to predict? State its kind: 'classification' or 'regression'."
        )
    return "binary" if count == 2 else "classification"


def _numbers(labels: Labels, target: Target | None) -> tuple[np.ndarray, Target]:
    values = labels.values
    if values.dtype.kind == "O":
        values = _parse(labels)
    with np.errstate(over="ignore"):
        numbers = values.astype("float32")
    if np.isinf(numbers).any():
        raise ValueError(
            f"Labels of task {labels.task!r} ({labels.source}) are infinite in "
            f"{labels.row(np.isinf(numbers))}. Use NaN for a missing label."
        )
    units = 1 if numbers.ndim == 1 else numbers.shape[1]
    found = target or Target("regression", units=units)
    _check_units(labels, found, units)
    return numbers, found


def _parse(labels: Labels) -> np.ndarray:
    """Returns the numbers in text."""
    import pandas as pd

    texts = np.char.strip(labels.values.astype(str))
    flat = pd.to_numeric(pd.Series(texts.reshape(-1)), errors="coerce")
    values = flat.to_numpy("float64").reshape(texts.shape)
    wrong = np.isnan(values) & (texts != "") & (np.char.lower(texts) != "nan")
    if wrong.any():
        raise ValueError(
            f"Labels of task {labels.task!r} must be numbers, but {labels.source} holds text in "
            f"{labels.row(wrong)}. Correct the cell, declare the text as a missing value, or "
            "choose another kind."
        )
    return values


def _flags(labels: Labels, target: Target | None) -> tuple[np.ndarray, Target]:
    values = labels.values
    if values.ndim != 2:
        raise ValueError(
            f"Task {labels.task!r} is multilabel, but {labels.source} has the shape "
            f"{values.shape}. Expected [rows, units] of 0 and 1."
        )
    if values.dtype.kind == "O":
        values, _ = _numbers(labels, None)
    missing = ~known_labels(values)
    missing |= values == MISSING
    wrong = ~missing & (values != 0) & (values != 1)
    if wrong.any():
        raise ValueError(
            f"Labels of the multilabel task {labels.task!r} ({labels.source}) must be 0 or 1, or "
            f"-1 where missing. Found {labels.row(wrong)}."
        )
    found = target or Target("multilabel", units=values.shape[1])
    _check_units(labels, found, values.shape[1])
    return np.where(missing, MISSING, values).astype("int32"), found


def _check_units(labels: Labels, target: Target, units: int) -> None:
    if target.units != units:
        raise ValueError(
            f"Task {labels.task!r} has units={target.units}, but {labels.source} has {units} "
            "columns of labels. Correct one of them."
        )


def _classes(
    labels: Labels, kind: str, target: Target | None, compact: bool
) -> tuple[np.ndarray, Target]:
    values = labels.values
    if values.ndim != 1:
        raise ValueError(
            f"Task {labels.task!r} is a {kind}, but {labels.source} has the shape {values.shape}. "
            "Expected one class a row, [rows]; for 0 and 1 in several columns use 'multilabel'."
        )
    if values.dtype.kind == "f":
        raise ValueError(
            f"Task {labels.task!r} is a {kind}, but {labels.source} holds {values.dtype} numbers. "
            "Classes are whole numbers or text: convert with astype('int32'), -1 for a missing "
            "label, or choose 'regression'."
        )
    if values.dtype.kind == "O":
        return _named(labels, np.char.strip(values.astype(str)), kind, target)
    values = values.astype("int64")
    if compact and not (target and target.class_names is None):
        classes = np.unique(values[values != MISSING])
        if (target and target.class_names) or not np.array_equal(classes, np.arange(len(classes))):
            texts = np.where(values == MISSING, "", values.astype(str))
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
    if target is None or target.num_classes is None:
        _check_count(labels, kind, len(classes), classes.tolist())
        count = 2 if kind == "binary" else int(classes.max()) + 1
        if count > 10 * len(classes) + _MANY:
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
