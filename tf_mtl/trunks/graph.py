"""What a Keras tensor is computed by."""

from __future__ import annotations

from typing import Any

import keras


def operations_before(tensor: keras.KerasTensor) -> list[Any]:
    """Returns the operations that a Keras tensor is computed by, each once, the last one first.

    Networks built alike give their operations in the same order.

    >>> inputs = keras.Input((4,), name="x")
    >>> [each.name for each in operations_before(keras.layers.Dense(3, name="y")(inputs))]
    ['y', 'x']
    """
    found: dict[int, Any] = {}
    seen: set[tuple[int, int]] = set()
    waiting = [tensor]
    while waiting:
        operation, node_index, _ = waiting.pop()._keras_history
        if (id(operation), node_index) in seen:
            continue
        seen.add((id(operation), node_index))
        found.setdefault(id(operation), operation)
        waiting.extend(operation._inbound_nodes[node_index].input_tensors)
    return list(found.values())
