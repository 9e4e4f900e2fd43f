"""The arguments of `compile`, by task: checked, completed from the heads, never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from ..names import check_known
from ..weightings import LossWeighting
from ..weightings import get as get_weighting


def losses_by_task(
    loss: Any, tasks: Sequence[str], heads: Mapping[str, BaseHead]
) -> dict[str, Any]:
    """Returns `{task: loss identifier}` for the tasks that have a loss.

    Args:
        loss: "auto" (what the heads bring), `{task: loss}`, or one loss for all tasks.
        tasks: The outputs of the model.
        heads: Those of them that end in a head of this package.

    Raises:
        ValueError: For a list, an unknown task, or "auto" where a task has no head; where none has
            one, "auto" is no loss.
    """
    if is_auto(loss):
        loss = dict.fromkeys(tasks, loss) if heads else None
    loss = _one_as_dictionary(loss, tasks)
    if isinstance(loss, Mapping):
        check_known(loss, tasks, "task in `loss`:")
        plain = [task for task, value in loss.items() if is_auto(value) and task not in heads]
        if plain:
            raise ValueError(
                f"loss='auto' takes the losses from the heads, but {_list(plain)} end in layers "
                "that are no heads of tf_mtl. Wrap them, tf_mtl.heads.Head(layer, loss=...), or "
                "pass loss={task: ...}."
            )
        return {
            task: heads[task].default_loss if is_auto(value) else _one(task, value)
            for task, value in loss.items()
            if value is not None
        }
    _refuse_list(loss, "loss", tasks)
    return {} if loss is None else dict.fromkeys(tasks, loss)


def metrics_by_task(
    metrics: Any, tasks: Sequence[str], heads: Mapping[str, BaseHead], argument: str = "metrics"
) -> dict[str, list[Any]]:
    """Returns `{task: [metric identifier, ...]}`.

    Args:
        metrics: "auto" (what the heads bring), None, or `{task: metric or list of metrics}`.
        tasks: The outputs of the model.
        heads: Those of them that end in a head of this package.
        argument: Name of the argument, for the messages.

    Raises:
        ValueError: For a list where there are several tasks, an unknown task, or "auto" for one
            without a head.
    """
    if metrics is None:
        return {}
    if is_auto(metrics):
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
        if is_auto(value) and task not in heads:
            raise ValueError(
                f"'auto' in `{argument}` takes what a head brings, but {task!r} ends in a layer "
                "that is no head of tf_mtl, or brings none there. Name the metrics."
            )
        if is_auto(value):
            resolved[task] = heads[task].default_metrics
        elif value is not None:
            resolved[task] = list(value) if isinstance(value, (list, tuple)) else [value]
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
        if isinstance(value, (str, bytes, bool)) or not hasattr(value, "__float__"):
            raise ValueError(
                f"The loss weight of task {task!r} must be a number. Received: {value!r}."
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


def is_auto(value: Any) -> bool:
    """Whether an argument of `compile` is left to the heads."""
    return isinstance(value, str) and value == "auto"


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
