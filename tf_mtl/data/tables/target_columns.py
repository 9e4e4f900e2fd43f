"""Which columns of a table are the labels of which task."""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from ...names import check_known, check_task_names, unknown_name
from ..labels.encode import encode_labels
from ..labels.labels import MISSING, Labels
from ..targets import KINDS, Target, kind_of
from .frames import content_of, row_name
from .identifiers import column_names, identifier

_KEYS = ("column", "columns", "kind", "positive", "class_names")
_QUOTES = (
    "A YAML file needs quotes around yes, no, on and off, which are true and false there without."
)
# How `as_text` writes what pandas reads as a number or a bool.
_PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?|True|False")


@dataclass(frozen=True)
class TargetColumns:
    """The labels of one task in a table.

    Args:
        task: Name of the task.
        columns: One column, or several for a task with several units.
        kind: A kind, "auto" or a `Target`.
        positive: Values that count as 1 while all others count as 0; empty if not given.
    """

    task: str
    columns: tuple[str, ...]
    kind: str | Target
    positive: tuple[str, ...] = ()


def target_columns(
    targets: Mapping[str, Any], columns: Sequence[str] | None
) -> list[TargetColumns]:
    """Reads the `targets` argument of `from_dataframe` and `from_csv`.

    Args:
        targets: The argument.
        columns: Those of the table; None if they are not known yet.

    Raises:
        ValueError: For an unknown column, kind or key, or two tasks of one name.

    >>> rule = {"column": "marital-status", "positive": "Never-married"}
    >>> target_columns({"never_married": rule}, ["marital-status"])[0].positive
    ('Never-married',)
    """
    if not isinstance(targets, Mapping) or not targets:
        raise ValueError(
            "`targets` must be a dictionary {column: kind} with one column at least, such as "
            f'{{"income": "binary"}}, not {targets!r}.'
        )
    found: dict[str, TargetColumns] = {}
    for key, value in targets.items():
        # Tables of other libraries have text as column names, and so have the tables here.
        name = str(key) if isinstance(key, Integral) else key
        target = _read(name, value, columns)
        if target.task in found:
            raise ValueError(
                f"Two targets would be called {target.task!r}. Name one of them yourself: "
                f'{{"my_name": {{"column": {target.columns[0]!r}, "kind": "auto"}}}}.'
            )
        found[target.task] = target
    return list(found.values())


def text_targets(targets: Mapping[str, Any], known: Mapping[str, Target]) -> list[str]:
    """Returns the columns that were text when the classes were learnt, as their names show.

    Of labels "01", "02" and "3a" another file may hold only "01" and "02", which pandas would take
    for numbers. Names that come from numbers or bools look as Python writes them.

    Args:
        targets: As for `from_dataframe`.
        known: `{task: Target}` that the training table gave.

    >>> known = {"size": Target("classification", class_names=("01", "02", "3a")),
    ...          "floor": Target("classification", class_names=("1", "2", "4"))}
    >>> text_targets({"size": "auto", "floor": "auto"}, known)
    ['size']
    """
    return [
        column
        for target in target_columns(targets, None)
        for column in target.columns
        if not all(map(_PLAIN.fullmatch, target.positive or known[target.task].class_names or ()))
    ]


def named_classes(targets: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Returns `{column: texts}` that the targets name as classes or as positive.

    >>> named_classes({"intake": {"class_names": ["None", "Some"]}, "hours": "regression"})
    {'intake': ('None', 'Some')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for target in target_columns(targets, None):
        names = target.kind.class_names if isinstance(target.kind, Target) else None
        for column in target.columns if names or target.positive else ():
            found[column] = (*found.get(column, ()), *(names or ()), *target.positive)
    return found


def _read(key: str, value: Any, columns: Sequence[str] | None) -> TargetColumns:
    if value is None or isinstance(value, (str, Target)):
        _check_column(key, columns)
        task = identifier(key)
        check_task_names([task])
        return TargetColumns(task, (key,), _kind(key, value))
    if not isinstance(value, Mapping):
        raise ValueError(
            f"Target {key!r} is {value!r}. Give a kind ({', '.join(KINDS)} or auto), a Target, or "
            f"a dictionary with the keys {', '.join(_KEYS)}."
        )
    check_known(value, _KEYS, f"key of target {key!r}")
    check_task_names([key])
    if "column" in value and "columns" in value:
        raise ValueError(f"Target {key!r} has `column` and `columns`. Give one of them.")
    names = value.get("columns", [value.get("column", key)])
    names = column_names(names)
    for name in names:
        _check_column(name, columns)
    positive = value.get("positive", ())
    positive = (positive,) if np.isscalar(positive) else tuple(positive)
    kind = _kind(key, value.get("kind", "binary" if positive else "auto"))
    if value.get("class_names") is not None:
        kind = _with_classes(key, kind, value["class_names"], positive)
    if positive and (len(names) > 1 or kind not in ("binary", "auto")):
        raise ValueError(
            f"Target {key!r} has `positive` values, which makes a binary task of one column, "
            f"but kind {kind!r} and columns {list(names)}."
        )
    return TargetColumns(key, names, kind, tuple(_as_texts(positive)))


def _kind(key: str, kind: Any) -> str | Target:
    if isinstance(kind, Target):
        return kind
    kind = "auto" if kind is None else kind
    if kind not in (*KINDS, "auto"):
        raise ValueError(unknown_name(kind, (*KINDS, "auto"), f"kind of target {key!r}"))
    return str(kind)


def _with_classes(key: str, kind: str | Target, class_names: Any, positive: Any) -> Target:
    """Returns the `Target` of a rule that gives the classes in their order."""
    if isinstance(kind, Target) or positive:
        raise ValueError(
            f"Target {key!r} has `class_names` and {'`positive`' if positive else 'a Target'}, "
            "which also tell the classes. Give one of them."
        )
    plain = isinstance(class_names, Sequence) and not isinstance(class_names, str)
    if not plain or not all(
        isinstance(name, (str, Real)) and not isinstance(name, bool) for name in class_names
    ):
        raise ValueError(
            f"`class_names` of target {key!r} are {class_names!r}. Give a list of the classes in "
            f"their order, texts or numbers. {_QUOTES}"
        )
    names = tuple(_as_texts(class_names))
    kind = "classification" if kind == "auto" else kind
    if kind not in ("classification", "binary", "tagging"):
        raise ValueError(f"Target {key!r} has `class_names`, which a {kind!r} target has not.")
    if len(set(names)) < len(names):
        raise ValueError(f"`class_names` of target {key!r} has a name twice: {list(names)}.")
    return Target(kind, class_names=names)


def _check_column(name: str, columns: Sequence[str] | None) -> None:
    if columns is not None and name not in columns:
        message = unknown_name(name, columns, "target column")
        if len(columns) == 1:
            message += " There is only one column: is the separator right?"
        raise ValueError(message)


def encode_columns(
    target: TargetColumns, frame: Any, source: str, known: Target | None = None
) -> tuple[np.ndarray, Target]:
    """Returns the labels of one task in a table as int32 or float32, and their `Target`.

    Args:
        target: Which columns.
        frame: A `pandas.DataFrame`.
        source: Name of the table, for errors.
        known: The `Target` that the training file gave, for a test file.

    Warns:
        UserWarning: If -1, a missing label, stands among classes, or a test file has no `positive`.
    """
    import pandas as pd

    kind = target.kind if known is None else known
    plural = "s" * (len(target.columns) > 1)
    where = f"column{plural} {' and '.join(map(repr, target.columns))} of {source}"
    if target.positive:
        return _positive(target, frame[target.columns[0]], where, known)
    name = kind_of(kind)
    arrays = [as_labels(frame[column], name) for column in target.columns]
    if len(arrays) > 1 and any(array.dtype.kind == "O" for array in arrays):
        # Numbers beside text are text too, so that what is no number among them is named.
        arrays = [as_text(pd.Series(array)) for array in arrays]
    elif len(arrays) == 1:
        series = frame[target.columns[0]]
        kind = _with_order(kind, series)
        if arrays[0].dtype.kind == "f" and isinstance(kind, Target) and kind.class_names:
            arrays = [as_text(series)]  # fractions are names of classes, such as 0.5 stars
    values = arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=1)
    # People count rows of a table from 1; the header line is not counted.
    labels = Labels(target.task, values, where, first_row=1, index=frame.index)
    encoded, found = encode_labels(labels, kind, compact=True)
    if isinstance(kind, str) and found.kind == "multilabel" and len(target.columns) > 1:
        found = replace(found, class_names=target.columns)
    if isinstance(kind, str) and values.dtype.kind == "i" and found.has_classes:
        written = frame[target.columns[0]].notna().to_numpy() & (values == MISSING)
        _warn_of_minus_one(labels, found, int(written.sum()))
    return encoded, found


def _with_order(kind: str | Target, series: Any) -> str | Target:
    """Returns the classes of an ordered categorical, as `pandas.cut` makes it, in its order."""
    if kind not in ("auto", "classification", "binary") or not getattr(
        series.dtype, "ordered", False
    ):
        return kind
    if content_of(series) == "true and false":
        return kind  # 0 and 1, as in other columns
    names = _as_texts(series.cat.remove_unused_categories().cat.categories)
    if len({*names, ""}) <= max(len(names), 2):
        return kind  # too few of them, or names that would be missing or the same as text
    if kind == "auto":
        kind = "binary" if len(names) == 2 else "classification"
    if kind == "binary" and len(names) > 2:
        return kind
    return Target(str(kind), class_names=tuple(names))


def _warn_of_minus_one(labels: Labels, target: Target, rows: int) -> None:
    """Warns of -1 in cells of a table, which may be a class, such as a low mood."""
    if rows:
        names = [str(MISSING), *(target.class_names or map(str, range(target.num_classes or 0)))]
        warnings.warn(
            f"{labels.source} holds -1 in {rows} rows, which is a missing label of task "
            f"{labels.task!r}. If it is a class, say so in the rule of the target: 'class_names': "
            f"{names}; else leave these cells empty.",
            stacklevel=2,
        )


def as_text(series: Any) -> np.ndarray:
    """Returns a column as text: stripped, "" where missing, whole numbers without ".0"."""
    import pandas as pd

    if _holds_lists(series):
        raise ValueError(
            f"Column {series.name!r} holds lists, where text or numbers are expected. Choose the "
            "kind 'multilabel' or 'regression', or make a column of each of their places."
        )
    try:
        codes, values = pd.factorize(series)
    except TypeError:
        odd = next(value for value in series if not isinstance(value, Hashable))
        raise ValueError(
            f"Column {series.name!r} holds {type(odd).__name__} {odd!r}, where text or numbers are "
            "expected. Make columns of its parts, or leave it out."
        ) from None
    texts = _as_texts(values)
    # A missing cell has the code -1, which is the last place.
    return np.array([*texts, ""], dtype=object)[codes]


def _as_texts(values: Iterable[Any]) -> list[str]:
    # Zero bytes fill up texts of a fixed width; NumPy and Keras drop them later.
    return [
        str(int(value))
        if isinstance(value, (float, np.floating)) and float(value).is_integer()
        else (value.decode() if isinstance(value, bytes) else str(value)).rstrip("\0").strip()
        for value in values
    ]


def as_labels(series: Any, kind: str = "auto") -> np.ndarray:
    """Returns a column as whole numbers, floats or text, to suit a kind of target.

    pandas turns whole numbers into floats where cells are missing, and bools into objects; this is
    undone for classes, with -1 for the missing ones. Lists of numbers, all of one length, become
    `[rows, units]`; lists of tags stay lists.
    """
    import pandas as pd

    if kind == "tagging":
        return series.to_numpy(dtype=object)
    if _holds_lists(series) and kind in ("multilabel", "regression", "box", "auto"):
        return _stacked(series, np.nan if kind in ("regression", "box") else MISSING)
    content = content_of(series)
    if content == "true and false":
        series = series.astype(object).astype("boolean").astype("Int8")
    elif not content:  # pandas may not know what the cells would be
        series = pd.Series(np.nan, index=series.index)
    if content == "dates" and kind in ("auto", "regression"):
        raise ValueError(
            f"Column {series.name!r} holds times ({series.dtype}), which are no labels. Make "
            "numbers of them, such as days, or choose 'classification' if each of them is a class."
        )
    if series.dtype.kind not in "iuf":
        return as_text(series)
    if series.dtype.kind in "iu" and kind not in ("regression", "box"):
        # As floats large ones, such as identifiers, would become equal.
        beyond = series.dtype.kind == "u" and series.max() > np.iinfo("int64").max
        return as_text(series) if beyond else series.to_numpy("int64", na_value=MISSING)
    values = series.to_numpy(dtype="float64", na_value=np.nan)
    missing = np.isnan(values)
    whole = bool(((values == np.rint(values)) & (np.abs(values) < 2**63))[~missing].all())
    if kind in ("regression", "box") or not whole or (series.dtype.kind == "f" and kind == "auto"
                                             and not missing.any()):  # fmt: skip
        return values
    return np.where(missing, MISSING, values).astype("int64")


def _holds_lists(series: Any) -> bool:
    import pandas as pd

    if series.dtype.kind != "O" or isinstance(series.dtype, pd.StringDtype):
        return False
    return any(isinstance(value, (list, tuple, np.ndarray)) for value in series)


def _stacked(series: Any, missing: float) -> np.ndarray:
    """Returns lists of numbers as `[rows, units]`, `missing` where a row has none."""
    rows = [None if np.ndim(value) == 0 else np.asarray(value) for value in series]
    units = next(len(row) for row in rows if row is not None)
    for place, row in enumerate(rows):
        if row is not None and (row.shape != (units or 1,) or row.dtype.kind not in "biuf"):
            raise ValueError(
                f"Column {series.name!r} holds {row.tolist()!r} in {row_name(series.index, place)}."
                f" Labels that are lists hold numbers, as many in each row ({units} in the first). "
                "A class for each token is a 'tagging'; of the classes that a row has make flags "
                "for 'multilabel', [int(name in cell) for name in names]."
            )
    return np.stack([np.full(units, missing) if row is None else row for row in rows])


def _positive(
    target: TargetColumns, series: Any, where: str, known: Target | None
) -> tuple[np.ndarray, Target]:
    texts = as_text(series)
    labels = np.isin(texts.astype(str), target.positive).astype("int32")
    labels[texts == ""] = MISSING
    found = [str(text) for text in np.unique(texts[texts != ""].astype(str))]
    if known is not None:
        unseen = set(found) - {*target.positive, *(known.class_names or ())}
        if unseen and not (labels == 1).any():
            warnings.warn(
                f"No label of task {target.task!r} is positive: {where} holds "
                f"{', '.join(map(repr, found[:8]))}{', …' * (len(found) > 8)}, and none of "
                f"{list(target.positive)}. If it is written otherwise than in the training rows, "
                "name both in `positive`.",
                stacklevel=2,
            )
        return labels, known
    chosen = [choice for choice in target.positive if choice in found]
    if not chosen:
        what = f"positive value of task {target.task!r} in {where}"
        hint = f" {_QUOTES}" if {"True", "False"} & {*target.positive} else ""
        raise ValueError(unknown_name(target.positive[0], found[:20], what) + hint)
    others = [text for text in found if text not in target.positive]
    if not others:
        raise ValueError(
            f"Every label of task {target.task!r} ({where}) is positive: nothing to learn. "
            f"Found {found}."
        )
    names = (others[0] if len(others) == 1 else f"not {chosen[0]}", chosen[0])
    return labels, Target("binary", class_names=names)
