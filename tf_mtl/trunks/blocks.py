"""A body as a list of blocks, between which tasks can exchange features."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from ..keras_internals import run_unnested
from ..names import check_known
from .body import StackedBody
from .copies import are_units, check_separate, copy_of
from .graph import is_functional, nodes_before
from .mlp import MLP


def blocks_of(body: Any) -> list[Callable[..., Any]]:
    """Returns the blocks that a body consists of, as callables `block(inputs, name)`.

    Each call makes a new copy, whose layers are named after `name` and the number of the block.

    Args:
        body: A list of units, MLP or CNN (one block for each of their layers); a list of blocks,
            each of them units of a dense layer, a body, a Keras layer or model, or a callable; or
            a single layer, model or callable, which is one block. `cut` makes blocks of a model.

    Raises:
        ValueError: If the list is empty.

    >>> inputs = keras.Input((8,))
    >>> first, second = blocks_of([64, 32])
    >>> second(first(inputs, name="a"), name="a").shape
    (None, 32)
    """
    if isinstance(body, StackedBody):
        return body.blocks()
    if are_units(body):
        return MLP(body).blocks()
    blocks = list(body) if isinstance(body, Sequence) else [body]
    if not blocks:
        raise ValueError("A body needs at least one block. Received an empty list.")
    return [functools.partial(_numbered, i, block) for i, block in enumerate(blocks)]


def columns_of(block: Callable[..., Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `{task: output}` of a copy of a block on the features of each task.

    Raises:
        ValueError: If a copy returns more than one tensor, or a function returns the same layer
            for two tasks.
    """
    columns = {task: block(each, name=task) for task, each in features.items()}
    check_separate(columns, block, "block")
    return columns


def _numbered(i: int, block: Any, inputs: Any, name: str) -> Any:
    return copy_of(block, inputs, f"{name}_block_{i}")


def cut(model: keras.Model, at: Sequence[str]) -> list[keras.Model]:
    """Returns a functional or sequential model cut into blocks behind the named layers.

    The blocks keep the weights of the model, and so a pretrained network can serve in every
    architecture that works block by block. Models within the model, such as the network within
    what `backbone` returns, are cut as if their layers were its own.

    Args:
        model: Keras model of one input and one output.
        at: Names of layers, in order, behind each of which a block ends.

    Raises:
        TypeError: If it is no functional or sequential model with one input and one output.
        ValueError: If a name is unknown, or a later layer also uses something from before the cut
            (a skip connection leads past it).

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="a"),
    ...                           keras.layers.Dense(2, name="b")])
    >>> [block.output_shape for block in cut(model, at=["a"])]
    [(None, 4), (None, 2)]
    """
    if not is_functional(model) or (len(model.inputs), len(model.outputs)) != (1, 1):
        raise TypeError(
            "Expected a functional Keras model, or a Sequential with an Input, of one input and "
            f"one output. Received: {model!r}. Build it, or cut the part of it that is one."
        )
    names = [at] if isinstance(at, str) else list(at)
    start = keras.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype)
    (last,) = run_unnested(model, [start])
    outputs = {node.operation.name: node.outputs[0] for node in nodes_before([last])[::-1]}
    check_known(names, list(outputs), f"layer of {model.name}:")
    ends = [outputs[name] for name in names]
    if not ends or ends[-1] is not last:
        ends.append(last)
    starts = [start, *ends[:-1]]
    return [
        _between(start, end, f"{model.name}_{i}", names)
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _between(start: Any, end: Any, name: str, at: Sequence[str]) -> keras.Model:
    try:
        return keras.Model(start, end, name=name)
    except ValueError as error:
        raise ValueError(
            f"The model cannot be cut at {list(at)}: {error} Give the layers in the order in which "
            "they run, and cut only where all that follows comes from the one layer."
        ) from error
