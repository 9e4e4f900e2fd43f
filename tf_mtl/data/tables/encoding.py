"""Columns of a table → `keras.Input`s and the preprocessing that becomes part of the model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ...names import check_known
from ..missing import FillMissing
from .calendar import CalendarFeatures
from .identifiers import column_names, identifiers
from .intervals import Intervals
from .tensor_columns import TensorColumn

# An interval needs rows to learn from, and all columns share what one network can hold. Measured:
# Adult gains up to a hundred intervals in each of 5 columns, credit default loses beyond twenty in
# each of 23.
_ROWS_PER_INTERVAL = 50
_ALL_INTERVALS = 512
_AT_LEAST = 8
# Text of which more than this share is different is no category.
_MOSTLY_DIFFERENT = 0.9


@dataclass(frozen=True)
class Encoding:
    """How the columns of a table become features.

    Numbers are filled where missing, with a mark, and encoded by intervals; text and
    categories become one-hot, so that the trunk's first dense layer is their embedding; dates
    become numbers, and places on the daily, weekly and yearly round. Statistics and vocabulary
    come from the training split. No layer has variables.

    Texts are not encoded: `features` has them as they are, for a `TextEncoder`.

    Args:
        categorical: Columns of numbers that are names of categories, such as postal codes.
        dates: Columns of text that are dates, in ISO 8601 (2024-12-31 or 2024-12-31 23:59:00).
        texts: Columns of text in many words, such as reviews, which differs in every row.
        intervals: Intervals in which a column of numbers is divided at most, beside those that
            begin at a very frequent number; fewer where there are few rows or many columns.
        max_categories: Categories kept for a column, the most frequent ones; the others, and
            those that never occur in the training split, count as unknown.

    Raises:
        ValueError: For sizes below 1.

    >>> Encoding(categorical=["postal-code"]).max_categories
    1000
    """

    categorical: Sequence[str] = ()
    dates: Sequence[str] = ()
    texts: Sequence[str] = ()
    intervals: int = 128
    max_categories: int = 1000

    def __post_init__(self) -> None:
        for name in ("categorical", "dates", "texts"):
            object.__setattr__(self, name, column_names(getattr(self, name)))
        if self.intervals < 1 or self.max_categories < 1:
            raise ValueError(
                "`intervals` and `max_categories` must be at least 1, not "
                f"{self.intervals} and {self.max_categories}."
            )


def as_encoding(encoding: Encoding | Mapping[str, Any] | None) -> Encoding:
    """Returns an `Encoding` for None, a dictionary of its arguments, or itself."""
    if isinstance(encoding, Encoding):
        return encoding
    if not isinstance(encoding, Mapping | None):
        raise ValueError(
            "`encoding` says which columns are categories, dates or texts, as in {'categorical': "
            f"['zip']}}. Received: {encoding!r}. Files are read as UTF-8."
        )
    options = dict(encoding or {})
    check_known(options, Encoding.__dataclass_fields__, "argument of the encoding")
    return Encoding(**options)


def encode_inputs(
    x: Mapping[str, np.ndarray],
    kinds: Mapping[str, str | TensorColumn],
    columns: Mapping[str, str],
    encoding: Encoding,
) -> tuple[dict[str, Any], Any]:
    """Returns `{name: keras.Input}` and the features that the preprocessing makes of them.

    Numbers, categories and dates are joined to one tensor. Each text and each column of tensors
    stays by itself: where there is one, and something else, the features are `{name: tensor}`, with
    what is joined as "columns".

    Args:
        x: Training rows, `{name: [rows, 1]}`; each column is taken once and not kept.
        kinds: `{name: "number" | "category" | "date" | "text" | TensorColumn}`.
        columns: `{name: column}`, for messages.
        encoding: How.

    Raises:
        ValueError: If no column says anything, being constant or empty.
    """
    inputs = {name: _input(name, kind) for name, kind in kinds.items()}
    alone = {
        name: kind.features(inputs[name], name) if isinstance(kind, TensorColumn) else inputs[name]
        for name, kind in kinds.items()
        if isinstance(kind, TensorColumn) or kind == "text"
    }
    joined = _joined_features(
        inputs, x, {name: kinds[name] for name in kinds if name not in alone}, columns, encoding
    )
    if joined is not None:
        place = next(iter(identifiers(["columns"], taken=alone)))
        alone[place] = joined
    if not alone:
        raise ValueError(
            "No input column says anything: each is constant or empty in the training split. "
            f"Columns: {list(columns.values())}."
        )
    return inputs, alone if len(alone) > 1 else next(iter(alone.values()))


def _input(name: str, kind: str | TensorColumn) -> Any:
    if isinstance(kind, TensorColumn):
        return keras.Input(kind.shape, name=name, dtype=kind.dtype)
    dtype = "string" if kind in ("category", "text") else "float32"
    return keras.Input((1,), name=name, dtype=dtype)


def _joined_features(
    inputs: Mapping[str, Any],
    x: Mapping[str, np.ndarray],
    kinds: Mapping[str, Any],
    columns: Mapping[str, str],
    encoding: Encoding,
) -> Any:
    """Returns numbers, categories and dates as one tensor, or None if they say nothing."""
    features = _number_features(inputs, x, kinds, encoding.intervals)
    for name, kind in kinds.items():
        if kind == "category":
            vocabulary = learn_vocabulary(x[name], encoding.max_categories, columns[name])
            lookup = keras.layers.StringLookup(
                vocabulary=vocabulary, output_mode="one_hot", name=f"{name}__category"
            )
            features.append(lookup(inputs[name]))
    return _join(features, "columns__features") if features else None


def _number_features(
    inputs: Mapping[str, Any], x: Mapping[str, np.ndarray], kinds: Mapping[str, str], intervals: int
) -> list[Any]:
    names = [name for name, kind in kinds.items() if kind != "category"]
    if not names:
        return []
    means, edges, marked = [], [], []
    for place, name in enumerate(names):
        column = x[name]
        values = column[~np.isnan(column)]
        means.append(float(values.mean(dtype="float64")) if len(values) else 0.0)
        edges.append(learn_edges(values, interval_count(len(column), len(names), intervals)))
        # A mark that never changes in training would be random afterwards.
        if 0 < len(values) < len(column):
            marked.append(place)
    edges += [[0.0, 1.0]] * len(marked)
    if not any(len(column) > 1 for column in edges):
        return []
    # All numbers go through the layers as one tensor: a layer for each of hundreds of columns
    # would make slow models. float32 also under mixed precision: float16 ends at 65504.
    numbers = _join([inputs[name] for name in names], "columns__numbers")
    filled = FillMissing(means, marked, name="columns__filled", dtype="float32")(numbers)
    found = [Intervals(edges, name="columns__intervals", dtype="float32")(filled)]
    dates = [names.index(name) for name in names if kinds[name] == "date"]
    if dates:
        calendar = CalendarFeatures(dates, name="columns__calendar", dtype="float32")
        found.append(calendar(filled))
    return found


def _join(tensors: Sequence[Any], name: str) -> Any:
    if len(tensors) == 1:
        return tensors[0]
    return keras.layers.Concatenate(name=name, dtype="float32")(tensors)


def interval_count(rows: int, columns: int, most: int) -> int:
    """Returns in how many intervals to divide a column.

    >>> interval_count(30_000, 5, most=128), interval_count(600, 8, most=128)
    (102, 12)
    """
    count = max(min(rows // _ROWS_PER_INTERVAL, _ALL_INTERVALS // columns), _AT_LEAST)
    return min(count, most)


def learn_edges(values: np.ndarray, intervals: int) -> list[float]:
    """Returns the edges of intervals that hold about equally many of the values.

    A value that fills more than an interval by itself, such as the many zeros of a heavy-tailed
    column, becomes an edge beside those of the other values, which fill as many intervals.

    >>> learn_edges(np.array([0.0] * 90 + [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 2)
    [0.0, 1.0, 5.5, 10.0]
    """
    values = values.astype("float32")
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= intervals + 1:
        return [float(value) for value in distinct]
    frequent = distinct[counts > len(values) / intervals]
    rest = values[~np.isin(values, frequent)]
    places = np.quantile(rest, np.linspace(0, 1, intervals + 1)) if len(rest) else []
    return [float(edge) for edge in np.unique(np.append(frequent, places).astype("float32"))]


def learn_vocabulary(values: np.ndarray, size: int, column: str) -> list[str]:
    """Returns the categories of a column, the most frequent first; "" stands for missing."""
    import pandas as pd

    codes, found = pd.factorize(values.reshape(-1))
    order = np.argsort(found.astype(str), kind="stable")
    texts, counts = found[order], np.bincount(codes, minlength=len(found))[order]
    rare = len(texts) > size and len(texts) > _MOSTLY_DIFFERENT * len(values)
    if len(texts) > size:
        # Values seen once teach nothing, and as "unknown" they show what unknown ones are like.
        texts, counts = texts[counts > 1], counts[counts > 1]
    if rare or not len(texts):
        warnings.warn(
            f"Column {column!r} has another text in every row, or nearly so: as a category the "
            "model cannot learn from it. Name it in `texts` of the encoding if it is to be read "
            "word by word, or leave it out with `ignore`.",
            stacklevel=2,
        )
    order = np.argsort(-counts, kind="stable")[:size]
    return [str(text) for text in texts[order]] or [""]
