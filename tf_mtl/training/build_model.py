"""From inputs, a trunk and heads to a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from ..heads import BaseHead
from ..names import check_known, check_task_names
from ..trunks import Trunk
from .model import MultiTaskModel


def build_model(
    inputs: Any,
    trunk: Callable[..., Any],
    heads: Mapping[str, Any],
    name: str | None = None,
) -> MultiTaskModel:
    """Returns a model with a shared trunk and one named output for each task.

    Args:
        inputs: `keras.Input`, a dictionary or list of them, or Keras tensors computed from such
            inputs by preprocessing layers (which become part of the model).
        trunk: What the tasks share: one of `tf_mtl.trunks`, any Keras layer or model, or
            a callable, on the inputs.
        heads: `{task: head}`; a head is one of `tf_mtl.heads` or any Keras layer.
        name: Name of the model.

    Raises:
        ValueError: If there is no head, a task's name is unsuitable, or the trunk's features do not
            match the tasks.

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
    features = trunk(inputs, list(heads)) if isinstance(trunk, Trunk) else trunk(inputs)
    if isinstance(features, Mapping):
        check_known(features, list(heads), "task in the trunk's features:")
        check_known(heads, list(features), "task without features of the trunk:")
    outputs = {}
    for task, head in heads.items():
        if not callable(head):
            raise ValueError(
                f"The head of task {task!r} must be one of tf_mtl.heads or a Keras layer. "
                f"Received: {head!r}."
            )
        if isinstance(head, BaseHead) and not head.named_by_user and not head.built:
            head.name = task
        outputs[task] = head(features[task] if isinstance(features, Mapping) else features)
    return MultiTaskModel(_sources(inputs), outputs, name=name)


def _sources(inputs: Any) -> Any:
    """Returns the inputs proper: those given, or those that the given tensors come from."""
    given = keras.tree.flatten(inputs)
    if all(_is_input(tensor) for tensor in given):
        return inputs
    sources = [source for tensor in given for source in keras.utils.get_source_inputs(tensor)]
    by_name = {source.name: source for source in sources}
    return sources[0] if len(by_name) == 1 else by_name


def _is_input(tensor: Any) -> bool:
    return isinstance(getattr(tensor, "_keras_history", (None,))[0], keras.layers.InputLayer)
