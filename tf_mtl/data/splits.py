"""Training, validation and test data of all tasks, and what a model needs to know of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..whole_numbers import check_whole
from .epoch_order import EpochOrder
from .labels.labels import known_labels
from .targets import Target

Arrays = np.ndarray | Mapping[str, np.ndarray]
Rows = Mapping[str, np.ndarray]
Batched = Callable[[str, EpochOrder | None], tf.data.Dataset]


@dataclass(frozen=True)
class Splits:
    """Training, validation and test data of all tasks; unpacks as `train, valid, test`.

    Each data set yields `(x, {task: y})` in batches; the last one may be smaller. Training rows
    are shuffled anew in every epoch, reproducibly by seed; validation and test rows keep their
    order.

    Args:
        train: training data, a `tf.data.Dataset`.
        valid: validation data.
        test: test data.
        inputs: `keras.Input` of the raw inputs, or `{name: keras.Input}` where x is a dictionary.
        features: what the preprocessing layers make of `inputs`, the place to connect a trunk;
            the same as `inputs` where nothing is preprocessed. These layers have no variables,
            so that any number of models may share them.
        targets: `{task: Target}`.
        sizes: number of rows, `{"train": …, "valid": …, "test": …}`.
        fingerprint: SHA-256 of the data and of the rows in each split, as hexadecimal digits.
        columns: `{input name: column name}` for data that come from a table, otherwise empty.
        order: order of the training rows in each epoch.
        tokens: `{task: input name}`: whose tokens the labels of a tagging are for.
    """

    train: tf.data.Dataset
    valid: tf.data.Dataset
    test: tf.data.Dataset
    inputs: Any
    features: Any
    targets: dict[str, Target]
    sizes: dict[str, int]
    fingerprint: str
    columns: dict[str, str]
    order: EpochOrder
    tokens: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tf.data.Dataset]:
        return iter((self.train, self.valid, self.test))

    def start_epoch(self, epoch: int) -> None:
        """Lets the next iterator over the training rows see the order of this epoch.

        By itself every iterator sees the next order. A run that must be repeatable exactly, a
        resumed one for instance, says at the start of each epoch which one it is.

        Args:
            epoch: Number of the epoch, counted from 0.
        """
        self.order.start_epoch(epoch)


def build_splits(
    parts: Mapping[str, tuple[Arrays, Mapping[str, np.ndarray]]],
    targets: Mapping[str, Target],
    rows: Rows,
    *,
    batch_size: int,
    seed: int,
    network: tuple[Any, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    tokens: Mapping[str, str] | None = None,
    batched: Batched | None = None,
) -> Splits:
    """Makes `Splits` of arrays.

    Args:
        parts: `{"train" | "valid" | "test": (x, {task: y})}`.
        targets: `{task: Target}`; mean and deviation of regressions are filled in here.
        rows: row numbers of each part in the source, for the fingerprint.
        batch_size: rows in a batch.
        seed: order of the training rows.
        network: inputs and features; None makes plain inputs of the arrays' shapes.
        columns: `{input name: column name}`.
        tokens: `{task: input name}` of taggings.
        batched: makes the data set of a part where the arrays do not stay in memory; it is called
            with the name of the part and, for training rows, their order.
    """
    check_whole(batch_size, "batch_size")
    if network is None:
        inputs = plain_inputs(parts["train"][0])
        network = (inputs, inputs)
    order = EpochOrder(seed)
    if batched is None:
        batched = lambda part, order: batches(*parts[part], batch_size, order)  # noqa: E731
    return Splits(
        **{part: batched(part, order if part == "train" else None) for part in parts},
        inputs=network[0],
        features=network[1],
        targets=with_statistics(targets, parts["train"][1]),
        sizes={name: len(numbers) for name, numbers in rows.items()},
        fingerprint=fingerprint(parts, rows),
        columns=dict(columns or {}),
        order=order,
        tokens=dict(tokens or {}),
    )


def batches(
    x: Arrays, y: Mapping[str, np.ndarray], batch_size: int, order: EpochOrder | None
) -> tf.data.Dataset:
    """Returns batches of `(x, {task: y})`; shuffled anew in every epoch if there is an order."""
    structure = (x, dict(y))
    arrays = [np.asarray(values) for values in tf.nest.flatten(structure)]
    alike: dict[Any, list[int]] = {}
    for place, array in enumerate(arrays):
        alike.setdefault((array.dtype, array.shape[1:]), []).append(place)
    tables = [
        tf.convert_to_tensor(np.stack([arrays[i] for i in places], axis=1))
        if len(places) > 1
        else tf.convert_to_tensor(arrays[places[0]][:, None])
        for places in alike.values()
    ]
    count = len(next(iter(y.values())))
    # The whole data are in memory. Row numbers are shuffled and rows gathered a batch at a time:
    # many times faster than slicing, shuffling and batching rows with many columns one by one.
    # Columns that are alike are gathered as one table: five times faster where there are 2000.
    numbers = tf.data.Dataset.range(count) if order is None else order.rows(count)

    def gather(index: tf.Tensor) -> Any:
        found: dict[int, tf.Tensor] = {}
        for places, table in zip(alike.values(), tables, strict=True):
            columns = tf.unstack(tf.gather(table, index), num=len(places), axis=1)
            found.update(zip(places, columns, strict=True))
        return tf.nest.pack_sequence_as(structure, [found[i] for i in range(len(arrays))])

    return numbers.batch(batch_size).map(gather, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def plain_inputs(x: Arrays, name: str = "input") -> Any:
    """Returns a `keras.Input` for an array, or `{name: keras.Input}` for a dictionary."""
    if isinstance(x, Mapping):
        return {key: plain_inputs(value, key) for key, value in x.items()}
    dtype = "string" if x.dtype.kind in "OUS" else x.dtype.name
    return keras.Input(x.shape[1:], name=name, dtype=dtype)


def with_statistics(
    targets: Mapping[str, Target], y: Mapping[str, np.ndarray]
) -> dict[str, Target]:
    """Returns the targets with mean and deviation of regressions, from the training labels."""
    found = dict(targets)
    for task, target in targets.items():
        known = np.any(known_labels(y[task]), axis=0)
        if not (known.all() if target.kind == "regression" else known.any()):
            raise ValueError(
                f"Task {task!r} has no labelled row in the training split. "
                "Give it labels or leave the task out."
            )
        if target.kind == "regression" and target.mean is None:
            values = y[task].reshape(len(y[task]), -1).astype("float64")
            deviation = np.nanstd(values, axis=0)
            found[task] = replace(
                target,
                mean=tuple(float(number) for number in np.nanmean(values, axis=0)),
                # A constant is left in its own units: nothing is divided by 0.
                std=tuple(float(number) if number > 0 else 1.0 for number in deviation),
            )
    return found


def fingerprint(parts: Mapping[str, tuple[Arrays, Mapping[str, np.ndarray]]], rows: Rows) -> str:
    """Returns the SHA-256 of all arrays and of the row numbers of each part."""
    digest = hashlib.sha256()
    for part in sorted(parts):
        x, y = parts[part]
        # Of a table that is not in memory one column is read at a time.
        named = {"rows": partial(np.asarray, rows[part], "int64")}
        named |= {f"y/{key}": partial(y.__getitem__, key) for key in y}
        if isinstance(x, Mapping):
            named |= {f"x/{key}": partial(x.__getitem__, key) for key in x}
        else:
            named["x"] = partial(np.asarray, x)
        for name in sorted(named):
            array = named[name]()
            digest.update(f"{part}/{name}/{array.shape}/{array.dtype.kind}".encode())
            if array.dtype.kind in "OUS":
                for text in array.reshape(-1):
                    digest.update(f"{len(str(text))}:{text}".encode())
            else:
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
