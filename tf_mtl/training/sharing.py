"""What tasks share: all that is on the path to more than one output. Found, not declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import keras

from ..keras_internals import node_of
from ..trunks.graph import nodes_before

if TYPE_CHECKING:
    from .model import MultiTaskModel


def variables_by_task(model: MultiTaskModel) -> dict[str, list[Any]]:
    """Returns `{task: trainable variables}` on the path from the inputs to each output.

    >>> from tf_mtl import MultiTaskModel
    >>> inputs = keras.Input((4,))
    >>> features = keras.layers.Dense(3)(inputs)
    >>> outputs = {task: keras.layers.Dense(1)(features) for task in ("a", "b")}
    >>> {task: len(found) for task, found in
    ...  variables_by_task(MultiTaskModel(inputs, outputs)).items()}
    {'a': 4, 'b': 4}
    """
    return {
        task: [
            variable
            for operation in _unique(node.operation for node in nodes_before([output], inside=True))
            if isinstance(operation, keras.layers.Layer)
            for variable in operation.trainable_variables
        ]
        for task, output in model.task_outputs.items()
    }


def shared_variables(model: MultiTaskModel, tasks: Iterable[str] | None = None) -> list[Any]:
    """Returns the trainable variables on the path to more than one task, in the model's order.

    Args:
        model: Multi-task model.
        tasks: The tasks that count, by default all outputs.
    """
    by_task = variables_by_task(model)
    counted = by_task if tasks is None else {task: by_task[task] for task in tasks}
    found = [{id(variable) for variable in variables} for variables in counted.values()]
    return [
        variable
        for variable in model.trainable_variables
        if sum(id(variable) in variables for variables in found) > 1
    ]


def shared_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers on the path to more than one output, in the model's order.

    Of a model with one output these are all but the last one, which makes the output.

    >>> inputs = keras.Input((4,), name="x")
    >>> features = keras.layers.Dense(3, name="trunk")(inputs)
    >>> outputs = {task: keras.layers.Dense(1, name=task)(features) for task in ("a", "b")}
    >>> [layer.name for layer in shared_layers(keras.Model(inputs, outputs))]
    ['x', 'trunk']
    """
    outputs = keras.tree.flatten(model.outputs)
    paths = [{id(node.operation) for node in nodes_before([output])} for output in outputs]
    ends = {id(node_of(output).operation) for output in outputs}
    return [
        layer
        for layer in model.layers
        if sum(id(layer) in path for path in paths) > (len(outputs) > 1) and id(layer) not in ends
    ]


def _unique(operations: Iterable[Any]) -> list[Any]:
    return list({id(operation): operation for operation in operations}.values())
