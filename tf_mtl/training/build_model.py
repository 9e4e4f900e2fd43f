"""From inputs, a trunk and heads to a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from ..heads import BaseHead
from ..keras_internals import is_symbolic, node_of
from ..names import check_known, check_task_names
from ..trunks import Trunk
from ..trunks.copies import check_tensor, itself
from ..trunks.graph import nodes_before
from .model import MultiTaskModel


def build_model(
    inputs: Any,
    trunk: Any,
    heads: Mapping[str, Any],
    name: str | None = None,
) -> MultiTaskModel:
    """Returns a model with a shared trunk and one named output for each task.

    Args:
        inputs: `keras.Input`, a dictionary or list of them, or Keras tensors computed from such
            inputs by preprocessing layers (which become part of the model).
        trunk: What the tasks share: one of `tf_mtl.trunks`, a list of units of dense layers, any
            Keras layer or model, or a callable, on the inputs.
        heads: `{task: head}`; a head is one of `tf_mtl.heads` or any Keras layer.
        name: Name of the model.

    Raises:
        ValueError: If there is no head, or a class in place of one, a task's name is unsuitable or
            that of an input or layer, the trunk's features do not match the tasks, a head reads a
            task or input that is not there, or a `backbone` that takes pixels gets scaled ones.
        TypeError: If `trunk` is nothing of the kind.

    >>> from tf_mtl import heads, trunks
    >>> model = build_model(
    ...     keras.Input((8, 8, 1), name="image"),
    ...     trunk=trunks.MLP([32]),
    ...     heads={"digit": heads.Classification(10), "ink": heads.Regression()},
    ... )
    >>> {task: output.shape for task, output in model.task_outputs.items()}
    {'digit': (None, 10), 'ink': (None, 1)}
    """
    if not isinstance(heads, Mapping) or not heads:
        raise ValueError(
            "Expected `heads` as a dictionary {task: head} with at least one task. "
            f"Received: {heads!r}."
        )
    check_task_names(heads)
    flat = keras.tree.flatten(inputs)
    if not flat or not all(isinstance(each, keras.KerasTensor) for each in flat):
        raise ValueError(
            "Expected `inputs` as keras.Input((8,), name=...), or a dictionary or list of such. "
            f"Received: {inputs!r}."
        )
    features = trunk(inputs, list(heads)) if isinstance(trunk, Trunk) else itself(trunk, inputs)
    if isinstance(features, Mapping):
        check_known(features, list(heads), "task in the trunk's features:")
        check_known(heads, list(features), "task without features of the trunk:")
        for task, tensor in features.items():
            check_tensor(tensor, f"trunk, task {task}")
    else:
        features = dict.fromkeys(heads, check_tensor(features, "trunk"))
    _check_pixels(list(features.values()))
    sources = _sources(inputs)
    by_name = {tensor.name: tensor for tensor in keras.tree.flatten(sources)}
    outputs: dict[str, Any] = {}
    taken = {node.operation.name for node in nodes_before([*features.values(), *by_name.values()])}
    for task in _in_reading_order(heads, by_name):
        head = heads[task]
        if isinstance(head, BaseHead) and not head.named_by_user and not head.built:
            head.name = task
        if getattr(head, "name", None) in taken:
            raise ValueError(
                f"The head of task {task!r} is called {head.name!r}, as is an input or a layer of "
                "the trunk. Rename the task, or the other: keras.Input(..., name=...)."
            )
        read = [outputs[name] if name in heads else by_name[name] for name in _reads(head)]
        outputs[task] = head(features[task], *read)
    return MultiTaskModel(sources, {task: outputs[task] for task in heads}, name=name)


def check_head(task: str, head: Any) -> None:
    """Raises `ValueError` for what makes no output of features: a name, or a class."""
    if isinstance(head, type):
        raise ValueError(
            f"The head of task {task!r} is the class {head.__name__}. Make one: "
            f"{head.__name__}(...)."
        )
    if not callable(head):
        raise ValueError(
            f"The head of task {task!r} must be one of tf_mtl.heads or a Keras layer. "
            f"Received: {head!r}."
        )


def _check_pixels(features: list[Any]) -> None:
    """Refuses a backbone that scales pixels behind a layer that has done so.

    That of the readers of data is in the `features` of their splits. The backbone would take all
    pictures for black, and be trained on that without a word.
    """
    for node in nodes_before(features):
        if not getattr(node.operation, "takes_pixels", False):
            continue
        for before in (node_of(each).operation for each in node.input_tensors if is_symbolic(each)):
            if _scales_pixels(before):
                raise ValueError(
                    f"The backbone {node.operation.name!r} takes pixels from 0 to 255, but gets "
                    f"{before.name!r}, which are 0 to 1. Build the model on the `inputs` of the "
                    "splits instead of their `features`, or without that layer."
                )


def _scales_pixels(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Rescaling) and bool(np.allclose(layer.scale, 1 / 255))


def _reads(head: Any) -> tuple[str, ...]:
    return head.reads if isinstance(head, BaseHead) else ()


def _in_reading_order(heads: Mapping[str, Any], inputs: Mapping[str, Any]) -> list[str]:
    """Returns the tasks in their order, but each after those whose output its head reads."""
    order: list[str] = []
    waiting = list(heads)
    while waiting:
        for task in waiting:
            head = heads[task]
            check_head(task, head)
            what = f"task or input that the head of task {task!r} reads:"
            check_known(_reads(head), [*(name for name in heads if name != task), *inputs], what)
            if not any(name in waiting for name in _reads(head)):
                break
        else:
            raise ValueError(
                f"The heads of {waiting} read each other's outputs. One of them must come first."
            )
        waiting.remove(task)
        order.append(task)
    return order


def _sources(inputs: Any) -> Any:
    """Returns the inputs proper: those given, or those that the given tensors come from."""
    given = keras.tree.flatten(inputs)
    if all(_is_input(tensor) for tensor in given):
        return inputs
    sources = [source for tensor in given for source in keras.utils.get_source_inputs(tensor)]
    by_name = {source.name: source for source in sources}
    return sources[0] if len(by_name) == 1 else by_name


def _is_input(tensor: Any) -> bool:
    return is_symbolic(tensor) and isinstance(node_of(tensor).operation, keras.layers.InputLayer)
