"""Which layers of a network are trained: all, none, the top ones, or from a layer on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from ..keras_internals import sublayers
from ..names import check_known
from ..whole_numbers import is_whole

# All or none; the number of top layers with weights; the name of the first layer.
Trainable = bool | int | str


def set_trainable(network: keras.Model, trainable: Trainable) -> None:
    """Freezes the lower layers of a network and frees the upper ones.

    Compile afterwards, as for every change of `trainable`. A frozen layer is one with
    `trainable=False`: batch normalisation then keeps its statistics and normalises with them
    (Keras' rule). `network.trainable = True` is not enough to free what was frozen in part: Keras
    with TensorFlow ignores the value that is there already.

    Args:
        network: Keras model; the layers of models within it count, not these models.
        trainable: True or False for all layers; the number of top layers that are trained (those
            without weights do not count); or the name of a layer or of a model within, which is
            trained with all that comes behind it.

    Raises:
        ValueError: For a number of layers that there are not, or a name that no layer has, or
            several.

    >>> network = keras.Sequential(
    ...     [keras.Input((2,)), *(keras.layers.Dense(2, name=name) for name in "abc")]
    ... )
    >>> set_trainable(network, 1)
    >>> [layer.name for layer in network.layers if layer.trainable]
    ['c']
    >>> set_trainable(network, "b")
    >>> [layer.name for layer in network.layers if layer.trainable]
    ['b', 'c']
    """
    train_layers(network, chosen_layers([network], trainable))


def leaf_layers(layers: Iterable[Any]) -> list[keras.layers.Layer]:
    """Returns layers in their order, each once, with those of a model in place of the model."""
    found: dict[int, keras.layers.Layer] = {}
    for layer in layers:
        inner = leaf_layers(layer.layers) if isinstance(layer, keras.Model) else [layer]
        found.update({id(each): each for each in inner})
    return list(found.values())


def chosen_layers(layers: Sequence[Any], trainable: Trainable) -> list[keras.layers.Layer]:
    """Returns those layers that are to be trained.

    Args:
        layers: Layers and models in their order.
        trainable: As in `set_trainable`.

    Raises:
        ValueError: As in `set_trainable`.
    """
    leaves = leaf_layers(layers)
    if isinstance(trainable, bool):
        return leaves if trainable else []
    if isinstance(trainable, str):
        starts = _first_leaves(layers)
        check_known([trainable], list(starts), "layer in `trainable`:")
        if len(starts[trainable]) > 1:
            raise ValueError(
                f"The network has {len(starts[trainable])} layers called {trainable!r}, so it is "
                "not clear from which on to train. Set each model that has one by itself: "
                f"set_trainable(network.get_layer('the model'), {trainable!r})."
            )
        return leaves[leaves.index(starts[trainable][0]) :]
    weighted = [i for i, layer in enumerate(leaves) if layer.weights]
    if not is_whole(trainable) or not 0 <= trainable <= len(weighted):
        raise ValueError(
            "`trainable` is True, False, the name of a layer, or a number of top layers from 0 to "
            f"{len(weighted)}, as many as have weights. Received: trainable={trainable!r}."
        )
    return leaves[weighted[-trainable] :] if trainable else []


def train_layers(network: keras.Model, freed: Sequence[Any]) -> None:
    """Frees some layers of a network and freezes all others: models as soon as no part is freed."""
    inside = {id(each) for layer in freed for each in sublayers(layer)}
    write_flags(
        {
            layer: id(layer) in inside
            or (
                isinstance(layer, keras.Model)
                and any(id(each) in inside for each in sublayers(layer))
            )
            for layer in sublayers(network)
        }
    )


def write_flags(flags: dict[keras.layers.Layer, bool]) -> None:
    """Sets `trainable` of layers, given with each layer behind the one it is in."""
    for layer, flag in flags.items():
        layer.trainable = flag


def freeze_inside(layers: Iterable[Any]) -> None:
    """Freezes what is inside those layers that are frozen.

    A layer that makes layers of its own, such as a head or a subclassed model, comes back frozen
    from its configuration, but what is inside it would be trained.
    """
    for layer in layers:
        if not layer.trainable:
            write_flags(dict.fromkeys(sublayers(layer), False))


def flags_of(model: keras.Model) -> list[bool]:
    """Returns `trainable` of a model and all layers within it that have weights, outer ones first.

    Not every config tells them of the layers inside: those of heads, of subclassed models and of
    KerasHub's backbones do not.
    """
    return [bool(layer.trainable) for layer in layers_with_weights(model)]


def restore_flags(model: keras.Model, flags: Sequence[bool]) -> None:
    """Sets the `trainable` of all layers as `flags_of` a model of the same config told them."""
    layers = layers_with_weights(model)
    if len(layers) != len(flags):
        warnings.warn(
            f"The config of {model.name!r} tells which of {len(flags)} layers are frozen, those "
            f"inside of layers included, but {len(layers)} were made of it. Look at what is to be "
            "trained: tf_mtl.trunks.set_trainable.",
            stacklevel=2,
        )
        return
    write_flags(dict(zip(layers, flags, strict=True)))


def layers_with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns a model and all layers within it that have weights, outer ones first."""
    return [layer for layer in sublayers(model) if layer.weights]


def _first_leaves(layers: Sequence[Any]) -> dict[str, list[keras.layers.Layer]]:
    """Returns `{name of a layer or model: its first layer}`; of copies, that of each."""
    found: dict[str, list[keras.layers.Layer]] = {}
    for layer in layers:
        below = _first_leaves(layer.layers) if isinstance(layer, keras.Model) else {}
        for name, starts in [(layer.name, leaf_layers([layer])[:1]), *below.items()]:
            known = found.setdefault(name, [])
            known += [start for start in starts if not any(start is each for each in known)]
    return {name: starts for name, starts in found.items() if starts}
