"""Class weights by task. They act as sample weights, as Keras' class weights of one output do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ..keras_internals import train_validation_split
from ..names import check_known, unknown_name
from .by_task import as_task_dictionary, weights_by_task
from .checks import complete_weights
from .labelled import both, fit_rank, fit_weight_rank
from .streams import batches, is_endless, mapped
from .task_classes import TaskClasses

if TYPE_CHECKING:
    from .model import MultiTaskModel

_CHUNK = 8192  # rows of an array that are one-hot at the same time


class ClassWeights:
    """The weights of the classes of some tasks, as a function of labels.

    Args:
        model: A compiled model.
        class_weight: `{task: {class: weight}}` for any of the tasks that have classes, or
            `{task: "balanced"}`.

            * A class is its number, or its name where the head has names. A class that is not
              given has weight 1.
            * Several labels a row: `{0: weight, 1: weight}` for all labels alike, or
              `{label: {0: weight, 1: weight}}`.
            * Labels that are shares have the mean of the weights: a binary label 0.3 has
              0.7 w₀ + 0.3 w₁.
            * "balanced" is n / (k · n_c): n labelled rows, n_c of them of class c, k classes that
              occur. These are the weights of scikit-learn.

    Raises:
        ValueError: For an unknown task or class, a task without classes, or a weight that is no
            number from 0 up.
    """

    def __init__(self, model: MultiTaskModel, class_weight: Any) -> None:
        given = _by_task(class_weight, model.tasks)
        self.tasks = list(model.tasks)
        self.classes = {task: TaskClasses.of(model, task) for task in given}
        self.balanced = [task for task, value in given.items() if _is_balanced(value)]
        self.tables = {
            task: _table(task, value, self.classes[task])
            for task, value in given.items()
            if task not in self.balanced
        }

    def balance(self, labels_and_weights: Iterator[tuple[Any, Any]]) -> None:
        """Counts the classes of the tasks that are to be balanced.

        Args:
            labels_and_weights: `({task: labels}, sample weights)` of each batch. An entry of
                weight 0 is missing.
        """
        counts = {task: np.zeros(self.classes[task].shape) for task in self.balanced}
        for y, sample_weight in labels_and_weights:
            labels = as_task_dictionary(y, self.tasks, "labels")
            weights = weights_by_task(sample_weight, self.tasks)
            for task in self.balanced:
                if labels.get(task) is not None:
                    counts[task] += self._counts(task, labels[task], weights.get(task))
        for task, count in counts.items():
            occurring = (count > 0).sum(axis=-1, keepdims=True)
            total = count.sum(axis=-1, keepdims=True)
            share = np.where(count > 0, occurring * count, 1)
            self.tables[task] = np.where(count > 0, total / share, 1).astype("float32")

    def _counts(self, task: str, labels: Any, sample_weight: Any) -> np.ndarray:
        """Returns how many labelled entries there are of each class."""
        found = np.zeros(self.classes[task].shape)
        for part, weight in _chunks(labels, sample_weight):
            shares, labelled = self.classes[task].shares(part)
            if weight is not None:
                rows = shares[..., 0]
                known = fit_weight_rank(tf.convert_to_tensor(weight), rows) != 0
                labelled = both(labelled, tf.broadcast_to(known, tf.shape(rows)))
            if labelled is not None:
                shares = shares * tf.cast(fit_rank(labelled, shares), shares.dtype)
            axes = list(range(len(shares.shape) - found.ndim))
            found += tf.reduce_sum(tf.cast(shares, tf.float64), axes).numpy()
        return found

    def __call__(self, y: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Returns the sample weights of a batch with the class weights in them.

        Args:
            y: `{task: labels}` for any of the tasks.
            sample_weight: None, weights for all tasks, or `{task: weights}` for any of them.

        Returns:
            `{task: weights}` of the tasks in `y` that have any: tensors, or arrays if the labels
            of the task are none.
        """
        labels = as_task_dictionary(y, self.tasks, "labels")
        weights = weights_by_task(sample_weight, self.tasks)
        found = {task: weights[task] for task in labels if weights.get(task) is not None}
        for task, table in self.tables.items():
            if labels.get(task) is None:
                continue
            if tf.is_tensor(labels[task]):
                found[task] = self._weigh(task, table, labels[task], found.get(task))
            else:
                parts = _chunks(labels[task], found.get(task))
                found[task] = np.concatenate(
                    [self._weigh(task, table, *part).numpy() for part in parts]
                )
        return found

    def _weigh(self, task: str, table: np.ndarray, labels: Any, sample_weight: Any) -> tf.Tensor:
        shares, labelled = self.classes[task].shares(labels)
        weights = tf.reduce_sum(shares * table, axis=-1)
        if labelled is not None:
            weights = tf.where(labelled, weights, tf.ones_like(weights))
        if sample_weight is not None:
            weights *= fit_weight_rank(tf.cast(sample_weight, weights.dtype), weights)
        return weights


def weighted_batch(model: MultiTaskModel, class_weight: Any, y: Any, sample_weight: Any) -> Any:
    """Returns the sample weights of one batch, times the weights of its classes.

    Args:
        model: A compiled model.
        class_weight: `{task: {class: weight}}`.
        y: `{task: labels}`.
        sample_weight: As in `fit`, or None.

    Raises:
        ValueError: As `ClassWeights`, and for "balanced".
    """
    weights = ClassWeights(model, class_weight)
    if weights.balanced:
        raise ValueError(
            f"Task {weights.balanced[0]!r}: class_weight='balanced' needs all labels, and "
            "train_on_batch has those of one batch. Pass {class: weight}, or use fit."
        )
    return weights(y, sample_weight)


def weighted_by_class(
    model: MultiTaskModel, class_weight: Any, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the arguments of `fit` with class weights turned into sample weights.

    Class weights are for training alone: rows that `validation_split` keeps back have none.
    "balanced" reads a stream once from its beginning to its end before training.

    Args:
        model: A compiled model.
        class_weight: `{task: {class: weight} or "balanced"}`.
        given: `{argument: value}` of `fit`, without `class_weight`.

    Raises:
        ValueError: As `ClassWeights`, or if the data have no end but classes must be counted.
    """
    weights = ClassWeights(model, class_weight)
    given = dict(given)
    if given.get("y") is None:
        stream = given.get("x")
        if weights.balanced:
            if is_endless(stream, given.get("steps_per_epoch")):
                raise ValueError(
                    f"Task {weights.balanced[0]!r}: class_weight='balanced' counts the classes of "
                    "the whole data set, but this stream has no end (or none that is known). "
                    "Leave out .repeat(), or pass the weights as numbers, {class: weight}."
                )
            weights.balance((y, weight) for _, y, weight in batches(stream))
        given["x"] = mapped(stream, lambda x, y, weight: (x, y, weights(y, weight)))
        return given
    y = {
        task: np.asarray(labels)
        for task, labels in as_task_dictionary(given["y"], model.tasks, "labels").items()
        if labels is not None
    }
    arrays = (given.get("x"), y, given.get("sample_weight"))
    if given.get("validation_split"):
        arrays, kept_back = train_validation_split(arrays, given.pop("validation_split"))
        if given.get("validation_data") is None:
            given["validation_data"] = kept_back if kept_back[2] is not None else kept_back[:2]
    x, y, sample_weight = arrays
    if weights.balanced:
        weights.balance(iter([(y, sample_weight)]))
    return {
        **given,
        "x": x,
        "y": y,
        "sample_weight": complete_weights(y, weights(y, sample_weight)),
    }


def _chunks(labels: Any, sample_weight: Any) -> Iterator[tuple[Any, Any]]:
    """Yields pieces of labels and their weights."""
    labels = np.asarray(labels)
    for start in range(0, max(len(labels), 1), _CHUNK):
        piece = slice(start, start + _CHUNK)
        yield labels[piece], None if sample_weight is None else np.asarray(sample_weight)[piece]


def _by_task(class_weight: Any, tasks: list[str]) -> dict[str, Any]:
    """Returns `{task: weights of the classes}`; the task of a single one may be left out."""
    if isinstance(class_weight, Mapping) and len(tasks) == 1 and tasks[0] not in class_weight:
        return {tasks[0]: class_weight}
    if _is_balanced(class_weight) and len(tasks) == 1:
        return {tasks[0]: class_weight}
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            "Expected `class_weight` as {task: {class: weight}} or {task: 'balanced'}. Received: "
            f"{class_weight!r}."
        )
    check_known(class_weight, tasks, "task in `class_weight`:")
    return {task: value for task, value in class_weight.items() if value is not None}


def _is_balanced(value: Any) -> bool:
    return isinstance(value, str) and value == "balanced"


def _table(task: str, given: Any, classes: TaskClasses) -> np.ndarray:
    """Returns the weights in the order of the classes, 1 where none is given."""
    table = np.ones(classes.shape, "float32")
    if not isinstance(given, Mapping):
        raise ValueError(
            f"Task {task!r}: expected the class weights as {{class: weight}} or 'balanced'. "
            f"Received: {given!r}."
        )
    by_label = [isinstance(value, Mapping) for value in given.values()]
    if classes.labels is None or not any(by_label):
        _fill(table, task, given, classes.names, classes.size)
        return table
    if not all(by_label):
        raise ValueError(
            f"Task {task!r} has several labels a row: expected class weights for all of them, "
            "{0: weight, 1: weight}, or {label: {0: weight, 1: weight}}. "
            f"Received: {given!r}."
        )
    for key, weights in given.items():
        row = _number_of(task, key, classes.label_names, classes.labels, "label")
        _fill(table[row], task, weights, classes.names, classes.size)
    return table


def _fill(
    table: np.ndarray, task: str, given: Mapping[Any, Any], names: list[str] | None, size: int
) -> None:
    for key, weight in given.items():
        number = _number_of(task, key, names, size, "class")
        if isinstance(weight, (str, bytes, bool)) or not hasattr(weight, "__float__"):
            raise ValueError(
                f"Task {task!r}: the weight of class {key!r} must be a number. Received: "
                f"{weight!r}."
            )
        if not (math.isfinite(float(weight)) and float(weight) >= 0):
            raise ValueError(
                f"Task {task!r}: the weight of class {key!r} must be 0 or more. Received: "
                f"{weight!r}."
            )
        table[..., number] = float(weight)


def _number_of(task: str, key: Any, names: list[str] | None, size: int, what: str) -> int:
    """Returns the number of a class or label given by number or name."""
    where = f"{what} in `class_weight` of task {task!r}:"
    if isinstance(key, str):
        if names is None:
            raise ValueError(
                f"Unknown {where} {key!r}. The head has no names; pass numbers, 0 to {size - 1}."
            )
        if key not in names:
            raise ValueError(unknown_name(key, names, where))
        return names.index(key)
    if not isinstance(key, (int, float, np.number)) or key not in range(size):
        raise ValueError(f"Unknown {where} {key!r}. Expected 0 to {size - 1}.")
    return int(key)
