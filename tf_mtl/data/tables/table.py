"""A table → `Splits`, with preprocessing that becomes part of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from ...names import check_known, nearest
from ..arrays import PARTS, split_rows, take
from ..epoch_order import EpochOrder
from ..labels.tokens import tags_by_row
from ..partition import group_numbers
from ..splits import Splits, batches, build_splits
from ..targets import Target
from .cells import Cells
from .columns import input_arrays, input_kinds, input_names
from .encoding import Encoding, as_encoding, encode_inputs
from .frames import as_frame, content_of, row_name
from .identifiers import column_names
from .tagged_inputs import fitted_tags, input_of_tags
from .target_columns import TargetColumns, as_labels, encode_columns, target_columns
from .tensor_columns import TensorColumn

Kind = str | TensorColumn
# Inputs by name, and labels by task.
Part = tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]


class Table(Protocol):
    """A table that is split and encoded: one in memory, or files that are read in pieces."""

    source: str
    columns: list[str]
    rows: int

    def kinds(self, columns: Sequence[str], encoding: Encoding) -> dict[str, Any]:
        """Returns the kinds of input columns, as `input_kinds` does."""
        ...

    def texts(self) -> list[str]:
        """Returns the columns that hold text."""
        ...

    def read(
        self, inputs: Mapping[str, str], kinds: Mapping[str, Any], others: Sequence[str]
    ) -> tuple[Mapping[str, np.ndarray], Any]:
        """Returns the inputs, as `input_arrays` does, and a frame that has the other columns."""
        ...

    def batches(
        self, part: Part, rows: np.ndarray, batch_size: int, order: EpochOrder | None
    ) -> tf.data.Dataset:
        """Returns batches of a part `(x, {task: y})`, of which these are the rows."""
        ...


class FrameTable:
    """A table in memory, as `as_frame` takes it, and its name for errors."""

    def __init__(self, frame: Any, source: str) -> None:
        self.frame = as_frame(frame, source).rename(columns=str)
        self.source = source
        self.columns = list(self.frame.columns)
        self.rows = len(self.frame)
        check_table(self)

    def kinds(self, columns: Sequence[str], encoding: Encoding) -> dict[str, str]:
        """Returns the kinds of input columns."""

        def cells(column: str) -> Cells:
            found = Cells()
            found.add(self.frame[column])
            return found

        return input_kinds(columns, cells, encoding, self.source)

    def texts(self) -> list[str]:
        """Returns the columns that hold text."""
        return [column for column in self.columns if content_of(self.frame[column]) == "text"]

    def read(
        self, inputs: Mapping[str, str], kinds: Mapping[str, str], others: Sequence[str]
    ) -> tuple[Mapping[str, np.ndarray], Any]:
        """Returns the inputs as arrays, and the frame."""
        return input_arrays(self.frame, inputs, kinds, self.source), self.frame

    def batches(
        self, part: Part, rows: np.ndarray, batch_size: int, order: EpochOrder | None
    ) -> tf.data.Dataset:
        """Returns batches of arrays in memory."""
        return batches(*part, batch_size, order)


def check_table(table: Table) -> None:
    """Raises `ValueError` for two columns of one name, and without rows."""
    twice = [column for column in table.columns if table.columns.count(column) > 1]
    if twice:
        raise ValueError(
            f"{table.source} has two columns called {twice[0]!r}. Rename or drop one of them."
        )
    if not table.rows:
        raise ValueError(f"{table.source} is empty: it has columns but no rows.")


def from_dataframe(
    frame: Any,
    targets: Mapping[str, Any],
    *,
    batch_size: int = 64,
    seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    stratify: str | None = "auto",
    groups: str | None = None,
    in_order: bool = False,
    ignore: Sequence[str] = (),
    test: Any = None,
    encoding: Encoding | Mapping[str, Any] | None = None,
) -> Splits:
    """Makes training, validation and test data of a table, and the model's preprocessing.

    Every column that is neither a target nor ignored becomes a `keras.Input` of shape `[B, 1]`,
    float32 or string, so that the exported model takes the raw columns. Its name is the column's,
    with every character but letters, digits and underscores replaced by an underscore, and with
    `column_` before a word of Python; that of a date ends in `_days` and it takes days since
    1970-01-01, in float32 to a minute and a half. Missing cells are allowed. Columns that
    `encoding` names as texts stay texts in `features`.

    Args:
        frame: A `pandas.DataFrame`, `polars.DataFrame`, `pyarrow.Table` or `datasets.Dataset`.
        targets: `{column: kind}`, or with a name and a rule of one's own `{task: rule}`. Kinds are
            "classification", "binary", "multilabel", "regression", "box", "tagging" (lists of a
            class for each token), "auto", or a `Target`; in the short form the task is named as an
            input would be. A rule is a dictionary with the keys `column` (or `columns` for a task
            with several units), `kind`, and `class_names`: the classes in their order, or
            `positive`: the value or values that count as 1, all others as 0. The columns are
            removed from the inputs.
        batch_size: Rows in a batch.
        seed: Split, and order of the training rows.
        fractions: Share of training, validation and test rows. With `test` only the ratio of the
            first two counts.
        stratify: Task whose class shares are kept in every part; "auto" takes the first task
            with classes; None splits at random.
        groups: Column; rows that agree in it stay in one part. It is removed from the inputs.
        in_order: Whether rows are split in their order, the last ones for the test, as rows in time
            need it; not with `groups`.
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
        FrameTable(frame, "the table"),
        {} if test is None else {"test": FrameTable(test, "the test table")},
        targets,
        batch_size=batch_size,
        seed=seed,
        fractions=fractions,
        stratify=stratify,
        groups=groups,
        in_order=in_order,
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
    in_order: bool = False,
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
        in_order: Whether rows are split in their order.
        ignore: Columns to leave out.
        encoding: How columns become features.
    """
    encoding = as_encoding(encoding)
    tasks = target_columns(targets, table.columns)
    ignore = column_names(ignore)
    groups = None if groups is None else str(groups)
    check_known(ignore, table.columns, f"column to ignore in {table.source}")
    check_known([] if groups is None else [groups], table.columns, f"column of {table.source}")
    labelled = list(dict.fromkeys(column for task in tasks for column in task.columns))
    removed = {*ignore, groups, *labelled}
    kept = [column for column in table.columns if column not in removed]
    if not kept:
        raise ValueError(f"{table.source} has no input column left beside targets and `ignore`.")
    for other in apart.values():
        _check_same_columns([*kept, *labelled], other)

    kinds = table.kinds(kept, encoding)
    columns = input_names(kinds, [task.task for task in tasks])
    x, frame = table.read(columns, kinds, [*labelled, *([] if groups is None else [groups])])
    encoded = {task.task: encode_columns(task, frame, table.source) for task in tasks}
    found = {task: target for task, (_, target) in encoded.items()}
    labels = {task: values for task, (values, _) in encoded.items()}
    of_inputs = {name: kinds[column] for name, column in columns.items()}
    tagged = _inputs_of_tags(tasks, found, frame, x, of_inputs, table.source)
    grouping = None if groups is None else group_numbers(frame[groups])
    del frame, encoded  # to split takes the most memory of all, where inputs are not held
    rows = split_rows(
        labels,
        found,
        fractions=fractions,
        seed=seed,
        stratify=stratify,
        groups=grouping,
        in_order=in_order,
        apart=apart,
    )
    tables = dict.fromkeys(PARTS, table)
    whole = dict.fromkeys(PARTS, (x, labels))
    for part, other in apart.items():
        x, frame = other.read(columns, kinds, labelled)
        labels = {
            task.task: encode_columns(task, frame, other.source, found[task.task])[0]
            for task in tasks
        }
        seen = {name: of_inputs[name] for name in tagged.values()}
        _inputs_of_tags(tasks, found, frame, x, seen, other.source)
        tables[part], whole[part], rows[part] = other, (x, labels), np.arange(other.rows)
    parts = {part: (take(x, rows[part]), take(y, rows[part])) for part, (x, y) in whole.items()}
    network = encode_inputs(parts["train"][0], of_inputs, columns, encoding)
    return build_splits(
        parts,
        found,
        rows,
        batch_size=batch_size,
        seed=seed,
        network=network,
        columns=columns,
        tokens=tagged,
        batched=lambda part, order: fitted_tags(
            tables[part].batches(parts[part], rows[part], batch_size, order), tagged, of_inputs
        ),
    )


def _inputs_of_tags(
    tasks: Sequence[TargetColumns],
    targets: Mapping[str, Target],
    frame: Any,
    x: Mapping[str, np.ndarray],
    kinds: Mapping[str, Kind],
    source: str,
) -> dict[str, str]:
    """Returns `{task: input}`: of which input's tokens the labels of a task are the tags."""
    found = {}
    for task in tasks:
        if targets[task.task].kind == "tagging":
            series = frame[task.columns[0]]
            what = f"Column {task.columns[0]!r} of {source}"
            row = partial(row_name, series.index)
            tags = tags_by_row(as_labels(series, "tagging"), what, row)
            found[task.task] = input_of_tags(tags, x, kinds, what, row)
    return found


def _check_same_columns(needed: Sequence[str], table: Table) -> None:
    lacking = [column for column in needed if column not in table.columns]
    if lacking:
        guess = nearest(lacking[0], [column for column in table.columns if column not in needed])
        hint = f" Is {guess!r} the same column? Rename it." if guess else ""
        raise ValueError(
            f"{table.source} lacks the columns {lacking} of the training rows. It has "
            f"{table.columns}.{hint}"
        )
