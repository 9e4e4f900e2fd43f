"""Labels and inputs looked at before they do harm: errors with task, value and row."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ..heads import ClassLabels, LabelRule, SpanLabels
from .by_task import as_task_dictionary

if TYPE_CHECKING:
    from .model import MultiTaskModel

_PIECE = 256  # rows


class Problem(NamedTuple):
    """Something that is wrong with labels or inputs.

    Attributes:
        what: "Task 'digit'" or "Input 'image'".
        row: Row in the data, or None where it is not about one row.
        text: What is wrong, and how to mend it.
    """

    what: str
    row: int | None
    text: str

    def message(self, where: str) -> str:
        """Returns the problem as a sentence.

        Args:
            where: What the data are for, "training" for instance.
        """
        labels = " labels" if self.what.startswith("Task") else ""
        if self.row is None:
            return f"{self.what}, {where}{labels}: {self.text}"
        return f"{self.what}, {where}{labels}{',' if labels else ''} row {self.row}: {self.text}"


def check_some_labels(model: MultiTaskModel, y: Any) -> None:
    """Raises `ValueError` if data have labels of no task, and no layer adds a loss.

    A name that is no task's is an error of its own, which tells the nearest.

    Args:
        model: A compiled model.
        y: Labels of a batch.
    """
    if not model.label_rules or model.losses:
        return
    labels = as_task_dictionary(y, model.tasks, "labels")
    if all(labels.get(task) is None for task in model.label_rules):
        others = [task for task, values in labels.items() if values is not None]
        raise ValueError(
            "The data have labels of no task that is trained. Expected (x, {task: labels}) with "
            f"any of the keys {list(model.label_rules)}. Received labels of {others or 'none'}."
        )


def problems(model: MultiTaskModel, x: Any, y: Any, first_row: int = 0) -> Iterator[Problem]:
    """Yields what is wrong with rows of data: labels first, one problem for each row of a task.

    Args:
        model: A compiled model.
        x: Array, or a structure of arrays, or anything that is not looked at.
        y: `{task: array}`.
        first_row: Number of the first row.

    Raises:
        ValueError: For an unknown task.
    """
    for task, labels in as_task_dictionary(y, model.tasks, "labels").items():
        if isinstance(labels, (np.ndarray, list, tuple, tf.Tensor)) and task in model.label_rules:
            yield from _label_problems(model, task, np.asarray(labels), first_row)
    yield from _input_problems(model, x, first_row)


def check_arrays(model: MultiTaskModel, x: Any, y: Any, sample_weight: Any, where: str) -> None:
    """Raises `ValueError` for the first problem of arrays as they are given to `fit`.

    Args:
        model: A compiled model.
        x: As in `problems`.
        y: `{task: array}`.
        sample_weight: None, an array, or `{task: array}`.
        where: What the data are for, "training" for instance, for the messages.
    """
    labels = as_task_dictionary(y, model.tasks, f"{where} labels")
    if isinstance(sample_weight, (Mapping, list, tuple)):
        sample_weight = as_task_dictionary(sample_weight, model.tasks, f"{where} sample weights")
    for problem in weight_problems(sample_weight):
        raise ValueError(problem.message(where))
    _check_lengths(labels, sample_weight, where)
    for problem in problems(model, x, labels):
        raise ValueError(problem.message(where))


def _check_lengths(labels: Mapping[str, Any], sample_weight: Any, where: str) -> None:
    by_task = isinstance(sample_weight, Mapping)
    for task, values in labels.items():
        given = sample_weight.get(task) if by_task else sample_weight
        if given is not None and hasattr(values, "__len__") and len(given) != len(values):
            text = f"expected weights of {len(values)} rows, received {len(given)}."
            raise ValueError(Problem(f"Sample weights of task {task!r}", None, text).message(where))


def weight_problems(sample_weight: Any, first_row: int = 0) -> Iterator[Problem]:
    """Yields sample weights that are no finite numbers; one of them would make all weights NaN.

    Args:
        sample_weight: None, weights of all tasks, or `{task: weights}`.
        first_row: Number of the first row.
    """
    by_task = sample_weight if isinstance(sample_weight, Mapping) else {None: sample_weight}
    for task, given in by_task.items():
        if given is None:
            continue
        what = "Sample weights" if task is None else f"Sample weights of task {task!r}"
        weights = np.asarray(given)
        if weights.ndim == 0:
            yield Problem(what, None, f"expected a number for each row. Received: {given!r}.")
        elif weights.dtype.kind in "USO":
            yield Problem(what, None, f"expected numbers. Received the dtype {weights.dtype}.")
        else:
            finite = np.isfinite(weights).reshape(len(weights), -1).all(axis=1)
            for row in np.flatnonzero(~finite):
                text = f"{weights[row]} is no finite number. A weight of 0 leaves a row out."
                yield Problem(what, first_row + int(row), text)


def _label_problems(
    model: MultiTaskModel, task: str, labels: np.ndarray, first_row: int
) -> Iterator[Problem]:
    what = f"Task {task!r}"
    rule = model.label_rules[task]
    wrong_shape = shape_problem(rule, labels.shape, tuple(model.task_outputs[task].shape))
    if wrong_shape:
        yield Problem(what, None, wrong_shape)
        return
    if labels.size == 0:
        yield Problem(what, None, "there are none at all.")
        return
    start = 0
    while start < len(labels):
        # Most data are right: all is looked at at once, and pieces only behind something wrong.
        stop = len(labels) if start == 0 else start + _PIECE
        found = rule.problem(labels[start:stop])
        if found:
            row, text = found
            yield Problem(what, first_row + start + row, f"{text}.")
        start = start + row + 1 if found else stop


def shape_problem(
    rule: LabelRule, shape: tuple[int | None, ...], output: tuple[int | None, ...]
) -> str | None:
    """Says why labels of `shape` `[B, ...]` do not go with an output, or None."""
    expected = rule.label_shapes(output)
    if expected is None or any(_matches(shape, candidate) for candidate in expected):
        return None
    shapes = " or ".join(_text(candidate) for candidate in expected)
    hint = ""
    if _matches(shape, output) and len(output) == 2:
        hint = " They look one-hot: pass class numbers, labels.argmax(-1)."
    elif len(shape) < 3 and shape[1:] in ((), (1,)) and len(output) == 2:
        hint = " If they are class numbers, their loss is 'sparse_categorical_crossentropy'."
    return f"expected the shape {shapes}, received {_text(shape)}.{hint}"


def _text(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join(['B', *map(str, shape[1:])])}]"


def _matches(shape: tuple[int | None, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        None in (side, size) or side == size
        for size, side in zip(shape[1:], expected[1:], strict=True)
    )


def _input_problems(model: MultiTaskModel, x: Any, first_row: int) -> Iterator[Problem]:
    """Yields inputs of another type or shape, and rows whose NaN or infinity reach the outputs."""
    found = list(wrong_inputs(model, x))
    yield from found
    for name, values in [] if found else _named_inputs(model, x):
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim == 0:
            continue
        bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        if len(bad) and not all(map(_is_finite, model.weights)):
            return  # the training has diverged, and every row would seem to be the reason
        for start in range(0, len(bad), _PIECE):
            rows = bad[start : start + _PIECE]
            outputs = keras.tree.flatten(model(_rows_of(x, rows), training=False))
            reached = [
                ~np.isfinite(np.asarray(output)).reshape(len(rows), -1).all(axis=1)
                for output in outputs
            ]
            for row in rows[np.any(reached, axis=0)]:
                yield Problem(
                    f"Input {name!r}",
                    first_row + int(row),
                    f"NaN or infinite values reach the outputs ({len(bad)} of {len(values)} rows "
                    "have them). Fill them in, drop the rows, or give the model a layer that "
                    "handles them.",
                )


def wrong_inputs(model: MultiTaskModel, x: Any) -> Iterator[Problem]:
    """Yields inputs that have text where the model has numbers, or sides of another length.

    Keras sees them late: TensorFlow's error comes out of a step that is traced for any shape.

    Args:
        model: A model.
        x: Arrays of inputs, or `tf.TypeSpec`s of them.
    """
    inputs = {tensor.name: tensor for tensor in model.inputs}
    for name, given in _named_inputs(model, x):
        expected = inputs.get(name)
        values = np.asarray(given) if hasattr(given, "to_numpy") else given
        if expected is None or not isinstance(values, (np.ndarray, tf.Tensor, tf.TensorSpec)):
            continue
        text = None if expected.dtype == "string" else _text_in(values)
        if text is not None:
            yield Problem(f"Input {name!r}", None, _no_numbers(values.dtype, text, given))
        elif tf.TensorShape(values.shape).rank == len(expected.shape) > 0:
            shape = tuple(values.shape)
            if not _matches(shape, expected.shape):
                text = f"expected the shape {_text(expected.shape)}, received {_text(shape)}."
                yield Problem(f"Input {name!r}", None, text)


def _text_in(values: Any) -> str | None:
    """Returns the first text among values, "" where they are known as texts only, None if none."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "USO":
        return next((str(cell) for cell in values.flat if isinstance(cell, str | bytes)), None)
    return "" if values.dtype == tf.string else None


def _no_numbers(dtype: Any, text: str, given: Any) -> str:
    found = f" with the text {text!r}" if text else ""
    mend = (
        "Pass x as {input: column}, which tf_mtl.data.inputs_from_dataframe(frame, model.input) "
        "returns."
        if hasattr(given, "columns")
        else "Convert the array, x.astype('float32'), or give the model a layer that reads texts."
    )
    return f"expected numbers, received the dtype {getattr(dtype, 'name', dtype)}{found}. {mend}"


def _is_finite(weight: Any) -> bool:
    value = tf.convert_to_tensor(weight)
    return not value.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(value)))


def _rows_of(x: Any, rows: np.ndarray) -> Any:
    def of_input(values: Any) -> Any:
        return values[rows] if isinstance(values, np.ndarray) else tf.gather(values, rows)

    return keras.tree.map_structure(of_input, x)


def _named_inputs(model: MultiTaskModel, x: Any) -> list[tuple[str, Any]]:
    if isinstance(x, Mapping):
        return list(x.items())
    flat = keras.tree.flatten(x)
    names = [tensor.name for tensor in model.inputs]
    return list(zip(names, flat, strict=False))


@contextlib.contextmanager
def batch_explained(model: MultiTaskModel, x: Any, y: Any, sample_weight: Any) -> Iterator[None]:
    """Raises the error of `check_arrays` where a step with a batch fails, if there is one.

    A batch is not looked at before: the step would wait for it.
    """
    try:
        yield
    except (ValueError, TypeError, tf.errors.OpError):
        try:
            check_arrays(model, x, y, sample_weight, "batch")
        except ValueError as problem:
            raise problem from None
        raise


def wrong_label(error: Exception, rules: Mapping[str, LabelRule]) -> ValueError | None:
    """Returns the error about a label that hides in one of TensorFlow's, or None.

    Args:
        error: What a step raised: a look at the first batch, or a class outside the range.
        rules: `{task: rule}` of the model.
    """
    match = re.search(r"ValueError: ((?:Task|Input|Sample weights|Unknown task) .*)", str(error))
    if match:
        return ValueError(match.group(1).strip())
    match = re.search(
        r"label value of (-?\d+) which is outside the valid range of \[0, (\d+)\)", str(error)
    )
    if not match:
        return None
    label, limit = match.groups()
    tasks = [repr(task) for task, rule in rules.items() if _takes_classes(rule, int(limit))]
    return ValueError(
        f"Task {' or '.join(tasks)}: {label} is not a class: expected 0 to {int(limit) - 1}, or -1 "
        "where missing."
    )


def _takes_classes(rule: LabelRule, count: int) -> bool:
    """Whether labels may be classes from 0 to `count` - 1, or places among so many tokens."""
    rule = rule.places if isinstance(rule, SpanLabels) else rule
    # The number of tokens is that of each batch, and not known before.
    return isinstance(rule, ClassLabels) and rule.num_classes in (None, count)


def complete_weights(y: Any, sample_weight: Any) -> Any:
    """Returns sample weights for every task with labels, as Keras asks for: 1 where not given."""
    if not isinstance(sample_weight, Mapping) or not isinstance(y, Mapping):
        return sample_weight
    return {
        task: None if labels is None else sample_weight.get(task, np.ones(len(labels), "float32"))
        for task, labels in y.items()
    }
