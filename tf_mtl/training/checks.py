"""Labels and inputs looked at before they do harm: errors with task, value and row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ..heads import ClassLabels, LabelRule
from .task_losses import as_task_dictionary

if TYPE_CHECKING:
    from .model import MultiTaskModel


def check_arrays(model: MultiTaskModel, x: Any, y: Any, sample_weight: Any, where: str) -> None:
    """Checks whole arrays, as they are given to `fit` or `evaluate`.

    Args:
        model: A compiled model.
        x: Array, or a structure of arrays, or anything that is not looked at.
        y: `{task: array}`.
        sample_weight: None, an array, or `{task: array}`.
        where: What the data are for, "training" for instance, for the messages.

    Raises:
        ValueError: For unknown tasks, labels of a wrong shape or value, or inputs with NaN that
            the model turns into NaN.
    """
    for task, labels in as_task_dictionary(y, model.tasks, f"{where} labels").items():
        if isinstance(labels, (np.ndarray, list, tuple, tf.Tensor)) and task in model.label_rules:
            check_labels(model, task, np.asarray(labels), where)
    if isinstance(sample_weight, (Mapping, list, tuple)):
        as_task_dictionary(sample_weight, model.tasks, f"{where} sample weights")
    _check_inputs(model, x, where)


def check_labels(model: MultiTaskModel, task: str, labels: np.ndarray, where: str) -> None:
    """Raises `ValueError` for the first wrong label of a task, with its row and value."""
    output_shape = tuple(model.task_outputs[task].shape)
    rule = model.label_rules[task]
    problem = _shape_problem(rule, labels.shape, output_shape)
    if problem:
        raise ValueError(f"Task {task!r}, {where} labels: {problem}")
    if labels.size == 0:
        raise ValueError(f"Task {task!r}: there are no {where} labels at all.")
    found = rule.problem(labels)
    if found:
        row, text = found
        raise ValueError(f"Task {task!r}, {where} labels, row {row}: {text}.")


def _shape_problem(
    rule: LabelRule, shape: tuple[int, ...], output: tuple[int | None, ...]
) -> str | None:
    """Says why labels of `shape` `[B, ...]` do not go with an output, or None."""
    expected = rule.label_shapes(output)
    if expected is None or any(_matches(shape, candidate) for candidate in expected):
        return None
    shapes = " or ".join(_text(candidate) for candidate in expected)
    hint = ""
    if _matches(shape, output) and len(output) == 2:
        hint = " They look one-hot: pass class numbers, labels.argmax(-1)."
    return f"expected the shape {shapes}, received {_text(shape)}.{hint}"


def _text(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join(['B', *map(str, shape[1:])])}]"


def _matches(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        side is None or side == size for size, side in zip(shape[1:], expected[1:], strict=True)
    )


def _check_inputs(model: MultiTaskModel, x: Any, where: str) -> None:
    """Raises `ValueError` for an input with NaN that reaches the outputs."""
    for name, values in _named_inputs(model, x):
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            continue
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not bad.any():
            continue
        row = int(np.argmax(bad))
        one = keras.tree.map_structure(itemgetter(slice(row, row + 1)), x)
        outputs = keras.tree.flatten(model(one, training=False))
        if not all(np.isfinite(np.asarray(output)).all() for output in outputs):
            raise ValueError(
                f"Input {name!r}, {where} row {row}: NaN or infinite values reach the outputs "
                f"({int(bad.sum())} of {len(values)} rows have them). Fill them in, drop the "
                "rows, or give the model a layer that handles them."
            )


def _named_inputs(model: MultiTaskModel, x: Any) -> list[tuple[str, Any]]:
    if isinstance(x, Mapping):
        return list(x.items())
    flat = keras.tree.flatten(x)
    names = [tensor.name for tensor in model.inputs]
    return list(zip(names, flat, strict=False))


def check_in_graph(
    model: MultiTaskModel, labels: Mapping[str, Any], unchecked: Any
) -> dict[str, Any]:
    """Returns the labels after a look at their values, which happens while `unchecked` is true.

    Streams cannot be looked at before training without drawing from them, so the first batch is
    looked at as it passes. A wrong label ends the step with the message of `check_labels`.

    Args:
        model: A compiled model.
        labels: `{task: tensor}` of one batch.
        unchecked: Boolean variable.
    """
    tasks = [task for task in labels if task in model.label_rules and labels[task] is not None]

    def look() -> tf.Tensor:
        return tf.py_function(
            lambda *tensors: _look(model, tasks, tensors), [labels[task] for task in tasks], tf.bool
        )

    seen = tf.cond(unchecked, look, lambda: tf.constant(True))
    with tf.control_dependencies([seen]):
        return {
            task: tf.identity(value) if task in tasks else value for task, value in labels.items()
        }


def _look(model: MultiTaskModel, tasks: list[str], tensors: Any) -> bool:
    for task, tensor in zip(tasks, tensors, strict=True):
        check_labels(model, task, tensor.numpy(), "first batch of")
    return True


def wrong_label(error: Exception, rules: Mapping[str, LabelRule]) -> ValueError | None:
    """Returns the error about a label that hides in one of TensorFlow's, or None.

    Args:
        error: What a step raised: a look at the first batch, or a class outside the range.
        rules: `{task: rule}` of the model.
    """
    match = re.search(r"ValueError: (Task '.*)", str(error))
    if match:
        return ValueError(match.group(1).strip())
    match = re.search(
        r"label value of (-?\d+) which is outside the valid range of \[0, (\d+)\)", str(error)
    )
    if not match:
        return None
    label, limit = match.groups()
    tasks = [
        repr(task)
        for task, rule in rules.items()
        if isinstance(rule, ClassLabels) and rule.num_classes == int(limit)
    ]
    return ValueError(
        f"Task {' or '.join(tasks)}: {label} is not a class: expected 0 to {int(limit) - 1}, or -1 "
        "where missing."
    )


def complete_weights(y: Any, sample_weight: Any) -> Any:
    """Returns sample weights for every task with labels, as Keras asks for: 1 where not given."""
    if not isinstance(sample_weight, Mapping) or not isinstance(y, Mapping):
        return sample_weight
    return {
        task: sample_weight.get(task, np.ones(len(labels), "float32")) for task, labels in y.items()
    }
