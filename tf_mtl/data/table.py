"""A table in memory → `Splits`, with preprocessing that becomes part of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..names import check_known, nearest
from .arrays import PARTS, split_rows, take
from .columns import input_arrays, input_kinds, input_names
from .encoding import Encoding, as_encoding, encode_inputs
from .frames import as_frame
from .splits import Splits, build_splits
from .target_columns import encode_columns, target_columns


@dataclass(frozen=True)
class Table:
    """A table, as `as_frame` takes it, and its name for errors."""

    frame: Any
    source: str


def from_dataframe(
    frame: Any,
    targets: Mapping[str, Any],
    *,
    batch_size: int = 64,
    seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    stratify: str | None = "auto",
    groups: str | None = None,
    ignore: Sequence[str] = (),
    test: Any = None,
    encoding: Encoding | Mapping[str, Any] | None = None,
) -> Splits:
    """Makes training, validation and test data of a table, and the model's preprocessing.

    Every column that is neither a target nor ignored becomes a `keras.Input` of shape `[B, 1]`,
    float32 or string, so that the exported model takes the raw columns. Its name is the column's,
    with every character but letters, digits and underscores replaced by an underscore; that of
    a date ends in `_days` and it takes days since 1970-01-01. Missing cells are allowed.

    Args:
        frame: A `pandas.DataFrame`, `polars.DataFrame`, `pyarrow.Table` or `datasets.Dataset`.
        targets: `{column: kind}`, or with a name and a rule of one's own `{task: rule}`. Kinds are
            "classification", "binary", "multilabel", "regression", "auto", or a `Target`; in the
            short form the task is named as an input would be. A rule is a dictionary with the keys
            `column` (or `columns` for a task with several units), `kind` and `positive`: the value
            or values that count as 1, all others as 0. The columns are removed from the inputs.
        batch_size: Rows in a batch.
        seed: Split, and order of the training rows.
        fractions: Share of training, validation and test rows. With `test` only the ratio of the
            first two counts.
        stratify: Task whose class shares are kept in every part; "auto" takes the first task
            with classes; None splits at random.
        groups: Column; rows that agree in it stay in one part. It is removed from the inputs.
        ignore: Columns to leave out.
        test: Table with the test rows, if the source keeps them apart.
        encoding: How columns become features: an `Encoding` or a dictionary of its arguments.

    Returns:
        `Splits`; unpacks as `train, valid, test`.

    Raises:
        ValueError: For unknown columns or kinds, two columns of one name, an empty table or part,
            and cells or labels that do not fit, naming column and row (the first row is row 1).

    >>> import pandas
    >>> frame = pandas.DataFrame({"age": [20, 30] * 20, "job": ["baker", "smith"] * 20,
    ...                           "hours": [40.0, 30.0] * 20, "status": ["single", "wed"] * 20})
    >>> splits = from_dataframe(frame, {
    ...     "hours": "regression", "single": {"column": "status", "positive": "single"}})
    >>> sorted(splits.inputs), splits.targets["single"].class_names
    (['age', 'job'], ('wed', 'single'))
    """
    return splits_from_tables(
        Table(frame, "the table"),
        {} if test is None else {"test": Table(test, "the test table")},
        targets,
        batch_size=batch_size,
        seed=seed,
        fractions=fractions,
        stratify=stratify,
        groups=groups,
        ignore=ignore,
        encoding=encoding,
    )


def splits_from_tables(
    table: Table,
    apart: Mapping[str, Table],
    targets: Mapping[str, Any],
    *,
    batch_size: int = 64,
    seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    stratify: str | None = "auto",
    groups: str | None = None,
    ignore: Sequence[str] = (),
    encoding: Encoding | Mapping[str, Any] | None = None,
) -> Splits:
    """Does the work of `from_dataframe` for tables that have names.

    Args:
        table: The table that is split.
        apart: `{"valid" | "test": Table}` of the parts that the source keeps apart.
        targets: As for `from_dataframe`, and so are the others.
        batch_size: Rows in a batch.
        seed: Split, and order of the training rows.
        fractions: Share of training, validation and test rows.
        stratify: Task whose class shares are kept.
        groups: Column; rows that agree in it stay in one part.
        ignore: Columns to leave out.
        encoding: How columns become features.
    """
    frame = _checked(table)
    encoding = as_encoding(encoding)
    tasks = target_columns(targets, list(frame.columns))
    ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    check_known(ignore, frame.columns, f"column to ignore in {table.source}")
    check_known([] if groups is None else [groups], frame.columns, f"column of {table.source}")
    removed = {*ignore, groups, *(column for task in tasks for column in task.columns)}
    kept = [column for column in frame.columns if column not in removed]
    if not kept:
        raise ValueError(f"{table.source} has no input column left beside targets and `ignore`.")

    encoded = {task.task: encode_columns(task, frame, table.source) for task in tasks}
    kinds = input_kinds(frame[kept], encoding, table.source)
    columns = input_names(kinds, list(encoded))
    found = {task: target for task, (_, target) in encoded.items()}
    labels = {task: values for task, (values, _) in encoded.items()}
    whole = (input_arrays(frame, columns, kinds, table.source), labels)
    rows = split_rows(
        labels,
        found,
        fractions=fractions,
        seed=seed,
        stratify=stratify,
        groups=None if groups is None else frame[groups].astype(str).to_numpy(),
        apart=apart,
    )
    sources = dict.fromkeys(PARTS, whole)
    for part, other in apart.items():
        one = _checked(other)
        _check_same_columns([*kept, *(c for task in tasks for c in task.columns)], one, other)
        labels = {
            task.task: encode_columns(task, one, other.source, found[task.task])[0]
            for task in tasks
        }
        sources[part] = (input_arrays(one, columns, kinds, other.source), labels)
        rows[part] = np.arange(len(one))
    parts = {part: (take(x, rows[part]), take(y, rows[part])) for part, (x, y) in sources.items()}
    network = encode_inputs(
        parts["train"][0], {n: kinds[column] for n, column in columns.items()}, columns, encoding
    )
    return build_splits(
        parts, found, rows, batch_size=batch_size, seed=seed, network=network, columns=columns
    )


def _checked(table: Table) -> Any:
    frame = as_frame(table.frame, table.source)
    frame = frame.rename(columns=str)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(
            f"{table.source} has two columns called {twice[0]!r}. Rename or drop one of them."
        )
    if not len(frame):
        raise ValueError(f"{table.source} is empty: it has columns but no rows.")
    return frame


def _check_same_columns(needed: Sequence[str], frame: Any, test: Table) -> None:
    lacking = [column for column in needed if column not in frame.columns]
    if lacking:
        guess = nearest(lacking[0], [str(c) for c in frame.columns if c not in needed])
        hint = f" Is {guess!r} the same column? Rename it." if guess else ""
        raise ValueError(
            f"{test.source} lacks the columns {lacking} of the training rows. It has "
            f"{list(frame.columns)}.{hint}"
        )
