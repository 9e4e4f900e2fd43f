"""A new copy of whatever may serve as a body."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..keras_internals import Functional, node_of
from .masked_layers import MaskedModel
from .mlp import MLP


def copy_of(body: Any, inputs: Any, name: str) -> Any:
    """Returns the features that a new copy of `body` makes of `inputs`.

    A layer or model that has weights already (pretrained, for instance) passes their values on to
    each copy. One without weights yet, and every recipe, starts from values of its own.

    Args:
        body: List of units of dense layers, a body of this package, a Keras layer or model, or
            a callable from inputs to features that makes new layers in each call. It is told the
            name if it has an argument `name`; otherwise its layers, which have the same names in
            every call, are put into a model of that name.
        inputs: Keras tensor, or a dictionary or list of them.
        name: Name of the copy, or prefix of the names of its layers.

    Raises:
        TypeError: If `body` is none of these.
        ValueError: If a layer or model cannot be copied.

    >>> inputs = keras.Input((8,))
    >>> copy_of([16, 4], inputs, "a").shape, copy_of(keras.layers.Dense(4), inputs, "b").shape
    ((None, 4), (None, 4))
    """
    if are_units(body):
        return MLP(body)(inputs, name=name)
    if isinstance(body, keras.layers.Layer):
        return _copy_of_layer(body, inputs, name)
    _check_callable(body)
    if "name" in inspect.signature(body).parameters:
        return body(inputs, name=name)
    within = keras.tree.map_structure(_same_input, inputs)
    return MaskedModel(within, body(within), name=name)(inputs)


def itself(body: Any, inputs: Any) -> Any:
    """Returns the features that a body makes of `inputs`, and not a copy of it.

    Args:
        body: As in `copy_of`.
        inputs: Keras tensor, or a dictionary or list of them.

    Raises:
        TypeError: If `body` is no body.
    """
    if are_units(body):
        return MLP(body)(inputs)
    _check_callable(body)
    return body(inputs)


def check_tensor(features: Any, what: str) -> None:
    """Raises `ValueError` unless features are one Keras tensor."""
    if not isinstance(features, keras.KerasTensor):
        raise ValueError(
            f"Expected the {what} to return one tensor of features. Received: {features!r}. Wrap "
            "the layer in a function that returns the tensor to use: "
            "lambda inputs: Layer()(inputs)['name']."
        )


def check_separate(outputs: Mapping[str, Any], recipe: Any, what: str) -> None:
    """Raises `ValueError` unless copies of one recipe are tensors of layers of their own.

    Args:
        outputs: `{name: features}` of each copy.
        recipe: What they were made from.
        what: What the copies are.
    """
    operations: list[Any] = []
    used: set[int] = set()
    for output in outputs.values():
        check_tensor(output, what)
        operation = node_of(output).operation
        variables = {id(variable) for variable in getattr(operation, "trainable_variables", ())}
        if operation in operations or variables & used:
            raise ValueError(
                f"Two {what}s share a layer: {recipe!r} uses the same one in every call. Make the "
                f"layer within the function, so that each {what} has its own, or pass the layer "
                "itself, which is then copied."
            )
        operations.append(operation)
        used |= variables


def are_units(body: Any) -> bool:
    """Tells whether `body` is a list of units, or a single number of them."""
    return isinstance(body, int) or (
        isinstance(body, Sequence) and bool(body) and all(isinstance(each, int) for each in body)
    )


def _check_callable(body: Any) -> None:
    if not callable(body):
        raise TypeError(
            "A body is a list of units such as [64, 64], one of tf_mtl.trunks, a Keras layer or "
            f"model, or a callable from inputs to features. Received: {body!r}."
        )


def _copy_of_layer(layer: keras.layers.Layer, inputs: Any, name: str) -> Any:
    try:
        if isinstance(layer, (keras.Sequential, Functional)):
            copy = keras.models.clone_model(layer)
        else:
            copy = type(layer).from_config(layer.get_config())
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} cannot be copied from its configuration: "
            f"{error}. Define get_config() with all arguments of its constructor, or pass a "
            "function that makes a new one in each call: lambda inputs: MyLayer()(inputs)."
        ) from error
    copy.name = name
    features = copy(inputs)
    if layer.built and layer.weights:
        copy.set_weights(layer.get_weights())
    return features


def _same_input(tensor: Any) -> Any:
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
