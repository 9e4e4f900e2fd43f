"""A new copy of whatever may serve as a body."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ..keras_internals import Functional, layers_of, node_of
from ..whole_numbers import is_whole
from .body import Body
from .graph import nodes_before
from .masked_layers import MaskedModel
from .mlp import MLP
from .trunk import Trunk


def copy_of(body: Any, inputs: Any, name: str) -> Any:
    """Returns the features that a new copy of `body` makes of `inputs`.

    A layer or model that has weights already (pretrained, for instance) passes their values on to
    each copy, and what `adapt` has learnt; so does each part of one that has them only in parts.
    What has no weights yet, and every recipe, starts from values of its own. What is frozen in a
    layer or model is frozen in its copies.

    Args:
        body: List of units of dense layers, a body of this package, a Keras layer or model, or
            a callable from inputs to features that makes new layers in each call. It is told the
            name if it has an argument `name`; otherwise its layers, which have the same names in
            every call, are put into a model of that name.
        inputs: Keras tensor, or a dictionary or list of them.
        name: Name of the copy, or prefix of the names of its layers.

    Raises:
        TypeError: If `body` is none of these.
        ValueError: If a layer or model cannot be copied, or was not adapted before; or if the body
            returns more than one tensor.

    >>> inputs = keras.Input((8,))
    >>> copy_of([16, 4], inputs, "a").shape, copy_of(keras.layers.Dense(4), inputs, "b").shape
    ((None, 4), (None, 4))
    """
    if are_units(body):
        return MLP(body)(inputs, name=name)
    if isinstance(body, keras.layers.Layer):
        return check_tensor(_copy_of_layer(body, inputs, name), name)
    _check_callable(body)
    if _takes_name(body):
        return check_tensor(body(inputs, name=name), name)
    within = inputs_like(inputs)
    features = check_tensor(body(within), name)
    _check_sources(features, within, body)
    return MaskedModel(within, features, name=name)(inputs)


def inputs_like(inputs: Any) -> Any:
    """Returns new inputs shaped as Keras tensors, those of a dictionary named by its keys."""
    made = [
        keras.Input(
            batch_shape=tensor.shape,
            dtype=tensor.dtype,
            name=path[-1].replace("/", "_") if path and isinstance(path[-1], str) else tensor.name,
        )
        for path, tensor in keras.tree.flatten_with_path(inputs)
    ]
    return keras.tree.pack_sequence_as(inputs, made)


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
    needs_name = not isinstance(body, (keras.layers.Layer, Body)) and _takes_name(body)
    return body(inputs, name="shared") if needs_name else body(inputs)


def check_tensor(features: Any, what: str) -> Any:
    """Returns features if they are one Keras tensor; raises `ValueError` otherwise."""
    if not isinstance(features, keras.KerasTensor):
        raise ValueError(
            f"Expected one tensor of features from {what!r}. Received: {features!r}. Wrap a layer "
            "with several outputs in a function that returns the one to use: "
            "lambda inputs: MyLayer()(inputs)[0], or ['its name']."
        )
    return features


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
    return is_whole(body) or (
        isinstance(body, Sequence) and bool(body) and all(is_whole(each) for each in body)
    )


def _takes_name(body: Any) -> bool:
    return "name" in inspect.signature(body).parameters


def _check_callable(body: Any) -> None:
    expected = (
        "A body is a list of units such as [64, 64], a body of tf_mtl.trunks such as CNN(), a "
        "Keras layer or model, or a callable from inputs to features. Received: "
    )
    if isinstance(body, type):
        raise TypeError(f"{expected}the class {body.__name__}. Make one: {body.__name__}(...).")
    if isinstance(body, Trunk):
        raise TypeError(
            f"{expected}{type(body).__name__}, a trunk, which makes features for each task and "
            "so cannot be a part of another one. Pass what it is made of."
        )
    if not callable(body):
        raise TypeError(f"{expected}{body!r}.")


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
    for part, given in _parts(copy, layer):
        _pass_state(part, given)
        part.trainable = given.trainable
    return features


def _parts(copy: keras.layers.Layer, layer: keras.layers.Layer) -> Iterator[tuple[Any, Any]]:
    """Yields a copy with the layer, then the layers within it with those within the layer.

    A layer that was not built yet lacks those that it makes then, which are the last ones, and
    a `Sequential` lacks its input.
    """
    yield copy, layer
    inside = (
        [each for each in layers_of(owner) if not isinstance(each, keras.layers.InputLayer)]
        for owner in (copy, layer)
    )
    for part, given in zip(*inside, strict=False):
        yield from _parts(part, given)


def _pass_state(copy: keras.layers.Layer, layer: keras.layers.Layer) -> None:
    """Gives a copy what a saved model keeps of a layer: weights, and what `adapt` has learnt."""
    has_assets = hasattr(layer, "save_assets")
    try:
        if layer.built or has_assets:
            _pass_variables(copy, layer, type(layer))
        if has_assets:
            with tempfile.TemporaryDirectory() as folder:
                layer.save_assets(folder)
                copy.load_assets(folder)
        elif layer.built:  # as they are: in a file, LoRA is merged into the kernel
            _pass_variables(copy, layer, keras.layers.Layer)
    except (AttributeError, tf.errors.InvalidArgumentError) as error:  # so say Keras' tables
        if not has_assets:
            raise
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} has no vocabulary that copies could have: "
            f"{error} Call its adapt() before it is copied, or give it a vocabulary."
        ) from error


def _pass_variables(copy: keras.layers.Layer, layer: keras.layers.Layer, way: Any) -> None:
    """Gives a copy the variables that a layer itself holds, as a class keeps them."""
    store: dict[str, Any] = {}
    way.save_own_variables(layer, store)
    way.load_own_variables(copy, store)


def _check_sources(features: Any, inputs: Any, body: Any) -> None:
    given = {id(tensor) for tensor in keras.tree.flatten(inputs)}
    for node in nodes_before([features]):
        if node.is_input and id(node.outputs[0]) not in given:
            raise ValueError(
                f"{body!r} is called once for each copy, on its inputs, but also uses "
                f"{node.outputs[0].name!r}, which is none of them. Pass it as one of the inputs; "
                "or give the function an argument `name`, and its layers names that begin with it."
            )
