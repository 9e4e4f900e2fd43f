"""The arguments of `compile`, by task: checked, completed from the heads, never guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import keras

from ..heads import (
    BaseHead,
    BinaryLabels,
    CrossentropyLabels,
    FloatLabels,
    LabelRule,
    rule_for_loss,
)
from ..keras_internals import resolve_loss
from ..losses import function_name
from ..names import check_known, nearest
from ..weightings import LossWeighting
from ..weightings import get as get_weighting

_SHORT = ("auto", "mse", "mae", "mape", "msle")
_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")  # names for which Keras looks at the labels


def losses_by_task(
    loss: Any, tasks: Sequence[str], heads: Mapping[str, BaseHead]
) -> dict[str, Any]:
    """Returns `{task: loss identifier}` for the tasks that have a loss.

    Args:
        loss: "auto" (what the heads bring), `{task: loss}`, or one loss for all tasks.
        tasks: The outputs of the model.
        heads: Those of them that end in a head of this package.

    Raises:
        ValueError: For a list, an unknown task, a loss that Keras does not know, or "auto" where
            a task has no head.
    """
    if isinstance(loss, str) and loss == "auto":
        plain = [task for task in tasks if task not in heads]
        if heads and plain:
            raise ValueError(
                f"loss='auto' takes the losses from the heads, but {_list(plain)} end in layers "
                "that are no heads of tf_mtl. Wrap them, tf_mtl.heads.Head(layer, loss=...), or "
                "pass loss={task: ...}."
            )
        return _checked({task: heads[task].default_loss for task in tasks if task in heads})
    loss = _one_as_dictionary(loss, tasks)
    if isinstance(loss, Mapping):
        check_known(loss, tasks, "task in `loss`:")
        given = {task: _one(task, value) for task, value in loss.items() if value is not None}
        return _checked(
            {
                task: _head(task, heads, "loss").default_loss if is_auto(value) else value
                for task, value in given.items()
            }
        )
    _refuse_list(loss, "loss", tasks)
    return {} if loss is None else _checked(dict.fromkeys(tasks, loss))


def metrics_by_task(
    metrics: Any, tasks: Sequence[str], heads: Mapping[str, BaseHead], argument: str = "metrics"
) -> dict[str, list[Any]]:
    """Returns `{task: [metric identifier, ...]}`.

    Args:
        metrics: "auto" (what the heads bring), None, or `{task: metric or list of metrics}`, with
            "auto" as one of them or alone.
        tasks: The outputs of the model.
        heads: Those of them that end in a head of this package.
        argument: Name of the argument, for the messages.

    Raises:
        ValueError: For a list where there are several tasks, an unknown task, a metric that Keras
            does not know or that several tasks share, or "auto" for a task without a head.
    """
    if metrics is None:
        return {}
    if isinstance(metrics, str) and metrics == "auto":
        return {task: head.default_metrics for task, head in heads.items()}
    if len(tasks) == 1 and not isinstance(metrics, Mapping):
        metrics = {tasks[0]: keras.tree.flatten(metrics)}
    if not isinstance(metrics, Mapping):
        _refuse_list(metrics, argument, tasks)
        raise ValueError(
            f"Expected `{argument}` as a dictionary {{task: metrics}} with tasks from "
            f"{_list(tasks)}, or 'auto'. Received: {metrics!r}."
        )
    check_known(metrics, tasks, f"task in `{argument}`:")
    resolved: dict[str, list[Any]] = {}
    for task, value in metrics.items():
        if value is None:
            continue
        resolved[task] = []
        for each in value if isinstance(value, (list, tuple)) else [value]:
            found = _head(task, heads, argument).default_metrics if is_auto(each) else [each]
            resolved[task].extend(found)
    _check_metrics(resolved)
    return resolved


def loss_weighting(
    loss_weights: Any, tasks: Sequence[str]
) -> tuple[LossWeighting | None, dict[str, float]]:
    """Returns what weighs the losses: a weighting that moves, and fixed weights by task.

    Args:
        loss_weights: As `static_weights` takes them, or a weighting: its name, config or itself.
        tasks: The outputs of the model.

    Raises:
        ValueError: As `static_weights`, or for a name that is no weighting.
    """
    config = isinstance(loss_weights, Mapping) and "class_name" in loss_weights
    if config or isinstance(loss_weights, (str, LossWeighting)):
        return get_weighting(loss_weights), {}
    return None, static_weights(loss_weights, tasks)


def static_weights(loss_weights: Any, tasks: Sequence[str]) -> dict[str, float]:
    """Returns `{task: weight}` for the tasks whose loss is multiplied by a number.

    Args:
        loss_weights: None, or `{task: number}` for any of the tasks (a Keras variable is
            a number that may change). A bare number is allowed for a single task.
        tasks: The outputs of the model.

    Raises:
        ValueError: For a list, an unknown task, or a weight that is no number.
    """
    if loss_weights is None:
        return {}
    loss_weights = _one_as_dictionary(loss_weights, tasks)
    if isinstance(loss_weights, (int, float)) and len(tasks) == 1:
        loss_weights = {tasks[0]: loss_weights}
    _refuse_list(loss_weights, "loss_weights", tasks)
    if not isinstance(loss_weights, Mapping):
        raise ValueError(
            "Expected `loss_weights` as None, a dictionary {task: number}, or a weighting: its "
            f"name, config or an instance. Received: {loss_weights!r}."
        )
    check_known(loss_weights, tasks, "task in `loss_weights`:")
    for task, value in loss_weights.items():
        is_number = hasattr(value, "__float__") and not isinstance(value, (str, bytes, bool))
        if not is_number or (isinstance(value, Real) and not math.isfinite(value)):
            raise ValueError(
                f"The loss weight of task {task!r} must be a finite number. Received: {value!r}."
            )
    return dict(loss_weights)


def rules_by_task(
    losses: Mapping[str, Any],
    outputs: Mapping[str, keras.KerasTensor],
    heads: Mapping[str, BaseHead],
) -> dict[str, LabelRule]:
    """Returns `{task: rule}`: the head's rule, or what a loss other than the head's asks for.

    Args:
        losses: `{task: loss identifier}`.
        outputs: `{task: output}` of the model.
        heads: Those of them that end in a head of this package.
    """
    rules: dict[str, LabelRule] = {}
    for task, output in outputs.items():
        if task in heads and not _other_loss(heads[task], losses.get(task)):
            rules[task] = heads[task].label_rule
        elif task in losses and not _names_crossentropy(losses[task]):
            rules[task] = rule_for_loss(resolve_loss(losses[task]), num_classes=output.shape[-1])
        elif task in losses:
            shape = tuple(output.shape)
            rules[task] = BinaryLabels() if shape[-1] == 1 else CrossentropyLabels(shape)
        else:
            rules[task] = FloatLabels(any_shape=True)
    return rules


def _other_loss(head: BaseHead, loss: Any) -> bool:
    """Whether a loss of Keras is used that is not the head's, one-hot labels for instance."""
    if loss is None or _names_crossentropy(loss):
        return False
    names = [function_name(resolve_loss(each)) for each in (loss, head.default_loss)]
    return names[0] is not None and names[0] != names[1]


def _names_crossentropy(loss: Any) -> bool:
    """Whether Keras will choose among its cross-entropies by the shapes of the labels."""
    return isinstance(loss, str) and loss.lower() in ("crossentropy", "ce")


def _checked(losses: dict[str, Any]) -> dict[str, Any]:
    """Returns the losses, or raises `ValueError` for one that Keras cannot make a loss of."""
    for task, loss in losses.items():
        if isinstance(loss, (keras.layers.Layer, keras.Metric)):
            _refuse(loss, "loss", task, keras.losses)
        if not _names_crossentropy(loss):
            _check_identifier(loss, "loss", task, keras.losses)
    return losses


def _check_metrics(metrics: Mapping[str, Sequence[Any]]) -> None:
    task_of: dict[int, str] = {}
    for task, identifiers in metrics.items():
        for metric in identifiers:
            chosen_by_shape = isinstance(metric, str) and metric.lower() in _BY_SHAPE
            if not chosen_by_shape:
                _check_identifier(metric, "metric", task, keras.metrics)
            if isinstance(metric, keras.Metric) and task_of.setdefault(id(metric), task) != task:
                raise ValueError(
                    f"The same {type(metric).__name__} {metric.name!r} is given for the tasks "
                    f"{task_of[id(metric)]!r} and {task!r}, whose results it would mix. Make one "
                    "for each task."
                )


def _check_identifier(identifier: Any, what: str, task: str, module: Any) -> None:
    """Raises `ValueError` for a name that is none of Keras', and for what is nothing to call."""
    if isinstance(identifier, str):
        try:
            module.get(identifier)
        except ValueError:
            _refuse(identifier, what, task, module)
    elif not callable(identifier) and not isinstance(identifier, Mapping):
        _refuse(identifier, what, task, module)


def _refuse(identifier: Any, what: str, task: str, module: Any) -> None:
    names = [name for name in dir(module) if name.islower() and not name.endswith(("__", "ize"))]
    name = nearest(identifier, [*_SHORT, *names]) if isinstance(identifier, str) else None
    guess = f" Did you mean {name!r}?" if name else ""
    raise ValueError(
        f"Unknown {what} of task {task!r}: {identifier!r}.{guess} Pass a name or an object of "
        f"{module.__name__}, or a function of labels and predictions."
    )


def is_auto(value: Any) -> bool:
    """Whether an argument of `compile` is left to the heads."""
    return isinstance(value, str) and value == "auto"


def _head(task: str, heads: Mapping[str, BaseHead], argument: str) -> BaseHead:
    if task not in heads:
        raise ValueError(
            f"`{argument}` of task {task!r} is 'auto', what a head of tf_mtl brings, but the task "
            "ends in a layer that is none. Give another one, or wrap the layer: "
            "tf_mtl.heads.Head(layer, loss=...)."
        )
    return heads[task]


def _one(task: str, loss: Any) -> Any:
    """Takes the loss of a task out of a list of one, which Keras allows."""
    if not isinstance(loss, (list, tuple)):
        return loss
    if len(loss) != 1:
        raise ValueError(
            f"Task {task!r} needs one loss. Received {len(loss)}: {loss}. Add them up in a "
            "function of your own."
        )
    return loss[0]


def _one_as_dictionary(value: Any, tasks: Sequence[str]) -> Any:
    """Lets a model with one task take a list of one, as Keras does."""
    if len(tasks) == 1 and isinstance(value, (list, tuple)) and len(value) == 1:
        return {tasks[0]: value[0]}
    return value


def _refuse_list(value: Any, argument: str, tasks: Sequence[str]) -> None:
    if isinstance(value, (list, tuple)):
        raise ValueError(
            f"`{argument}` is a {type(value).__name__}, but the outputs are a dictionary: a list "
            "would be matched by the sorted names, not by your order. Pass "
            f"{argument}={{task: ...}} with tasks from {_list(tasks)}."
        )


def _list(tasks: Sequence[str]) -> str:
    return ", ".join(repr(task) for task in tasks)
