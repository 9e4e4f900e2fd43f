"""What a Keras tensor is computed by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..keras_internals import node_of, place_of


def operations_before(tensor: keras.KerasTensor) -> list[Any]:
    """Returns the operations that a Keras tensor is computed by, each once, the last one first.

    Networks built alike give their operations in the same order.

    >>> inputs = keras.Input((4,), name="x")
    >>> [each.name for each in operations_before(keras.layers.Dense(3, name="y")(inputs))]
    ['y', 'x']
    """
    return list({id(node.operation): node.operation for node in nodes_before([tensor])}.values())


def nodes_before(outputs: Sequence[keras.KerasTensor], inside: bool = False) -> list[Any]:
    """Returns the nodes of the graph that compute Keras tensors, each once.

    Args:
        outputs: Where to start from.
        inside: Instead of a functional model used as a layer, the nodes within it that compute
            the outputs asked for: the parts of a network with several outputs are not all shared.
    """
    found: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = list(outputs)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        node = node_of(tensor)
        if inside and is_functional(node.operation):
            waiting.append(keras.tree.flatten(node.operation.outputs)[place_of(tensor)])
        else:
            found[id(node)] = node
        waiting.extend(node.input_tensors)
    return list(found.values())


def is_functional(operation: Any) -> bool:
    """Returns whether a call of something walks through a graph: a subclass may do otherwise."""
    if not isinstance(operation, keras.Model) or not getattr(operation, "outputs", None):
        return False
    return type(operation).call.__module__.partition(".")[0] in ("keras", "tf_mtl")
