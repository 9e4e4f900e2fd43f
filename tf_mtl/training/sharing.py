"""Which variables tasks share: those on the path to more than one output. Found, not declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

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
            for operation in _operations_before(output)
            if isinstance(operation, keras.layers.Layer)
            for variable in operation.trainable_variables
        ]
        for task, output in model.task_outputs.items()
    }


def shared_variables(model: MultiTaskModel) -> list[Any]:
    """Returns the trainable variables on the path to more than one output, in the model's order."""
    by_task = [{id(variable) for variable in found} for found in variables_by_task(model).values()]
    return [
        variable
        for variable in model.trainable_variables
        if sum(id(variable) in found for found in by_task) > 1
    ]


def _operations_before(output: keras.KerasTensor) -> list[Any]:
    """Returns the operations that a Keras tensor is computed by, each once."""
    found: dict[int, Any] = {}
    seen: set[tuple[int, int]] = set()
    waiting = [output]
    while waiting:
        operation, node_index, _ = waiting.pop()._keras_history
        if (id(operation), node_index) in seen:
            continue
        seen.add((id(operation), node_index))
        found[id(operation)] = operation
        waiting.extend(operation._inbound_nodes[node_index].input_tensors)
    return list(found.values())
