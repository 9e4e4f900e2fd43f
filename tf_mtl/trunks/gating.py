"""What gates see, and the softmax gate with the mixture behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from .copies import copy_of
from .flatten import flattened
from .mixture import Mixture


def gate_features(inputs: Any, gate: Any = None, name: str = "gate") -> Any:
    """Returns what the gates see of the inputs, `[B, d]`.

    Args:
        inputs: Keras tensor, or a dictionary or list of them.
        gate: None takes the inputs themselves. Otherwise any recipe of features that `copy_of`
            takes, used once for all gates. Either is flattened and joined.
        name: Prefix of the layers' names.

    Raises:
        ValueError: If the inputs themselves are no floats.
    """
    if gate is not None:
        return flattened(copy_of(gate, inputs, f"{name}_features"), f"{name}_features")
    tensors = keras.tree.flatten(inputs)
    for tensor in tensors:
        if not keras.backend.is_float_dtype(tensor.dtype):
            raise ValueError(
                f"Gates see the inputs themselves, but input {tensor.name!r} holds {tensor.dtype} "
                "and no floats. Pass gate=..., a body, layer or function from the inputs to the "
                "features that the gates shall see: an embedding and its average, for instance."
            )
    return flattened(tensors, name)


def mix(
    gates: Any, experts: Mapping[str, Any], name: str, tasks: Sequence[str] = (), level: int = 0
) -> Any:
    """Returns the sum of the experts with the gate values `[B, num_experts]` as weights.

    Raises:
        ValueError: If the experts' outputs differ in shape.
    """
    shapes = {expert: tuple(output.shape) for expert, output in experts.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"Experts that are mixed must have outputs of one shape. Received: {shapes}."
        )
    mixture = Mixture(list(experts), tasks, level, name=name)
    return mixture(gates, list(experts.values()))


def softmax_mix(
    features: Any,
    experts: Mapping[str, Any],
    names: tuple[str, str],
    tasks: Sequence[str] = (),
    level: int = 0,
) -> Any:
    """Returns the sum of the experts weighted by softmax(W · features); W has no bias.

    Args:
        features: What the gate sees, `[B, d]`.
        experts: `{name: output}`. A single expert needs no gate, and there is none.
        names: Names of the gate and of the mixture.
        tasks: As `Mixture`.
        level: As `Mixture`.
    """
    if len(experts) == 1:
        return next(iter(experts.values()))
    gate = keras.layers.Dense(len(experts), activation="softmax", use_bias=False, name=names[0])
    return mix(gate(features), experts, names[1], tasks, level)
