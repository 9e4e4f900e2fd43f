"""Pretrained networks of `keras.applications` and of KerasHub, and a user's own."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from ..keras_internals import input_structure
from ..names import nearest
from .freezing import Trainable, set_trainable
from .hub import hub_network, hub_scaling

_HUB = "keras_hub:"


def backbone(
    name: str | keras.Model,
    input_shape: tuple[int, int, int] | None = None,
    weights: str | Path | None = "imagenet",
    trainable: Trainable = False,
    preprocess: bool = True,
) -> keras.Model:
    """Returns a network without its classifier, to be used as a trunk.

    The inputs are pixels 0 … 255; what the network expects is computed inside it. Train the heads
    on frozen weights first; to tune it afterwards: `tf_mtl.trunks.set_trainable(backbone, True)`
    and `model.compile(keras.optimizers.Adam(1e-5))`, or see `tf_mtl.training.GradualUnfreezing`.

    Args:
        name: Class of `keras.applications`, "MobileNetV2" for instance; "keras_hub:" and a preset
            of KerasHub or the folder of one ("keras_hub:resnet_18_imagenet"; needs the extra
            `tf_mtl[hub]`); or a functional Keras model, which is used as it is.
        input_shape: Height, width and channels of the images. Left out for a model, and for a
            preset of texts.
        weights: "imagenet" for pretrained ones (those of the preset; those a model has), a local
            file of weights, or None for random ones.
        trainable: Whether the weights are trained: True, False, the number of top layers, or the
            name of the layer from which on; see `set_trainable`.
        preprocess: Whether pixels are scaled inside the network. A model given is left alone.

    Returns:
        A Keras model from images `[B, height, width, channels]` to features `[B, d]`; from the
        inputs of the preset or model to its features. Maps are averaged over space, and of a
        network with several outputs the pooled one is taken.

    Raises:
        TypeError: If `name` is neither a name nor a Keras model.
        ValueError: If the name is unknown, or the file does not exist or does not fit.
        ConnectionError: If the weights cannot be downloaded; with the way to pass a local file or,
            of KerasHub, a folder.
        ModuleNotFoundError: If KerasHub is asked for and not installed.

    >>> backbone("MobileNetV2", (32, 32, 3), weights=None).output_shape
    (None, 1280)
    """
    pretrained = str(weights) == "imagenet"
    local = None if weights is None or pretrained else str(weights)
    if local is not None and not Path(local).is_file():
        raise ValueError(
            f"There is no file of weights {local!r}. Pass a file saved by `save_weights` "
            "(.weights.h5), 'imagenet', or None for random weights."
        )
    scaling = None
    if isinstance(name, keras.Model):
        network = _given(name, input_shape, weights)
    elif not isinstance(name, str):
        raise TypeError(
            "A backbone is the name of a class of keras.applications, such as 'MobileNetV2', a "
            f"preset of KerasHub, '{_HUB}<preset>', or a functional Keras model. Received: "
            f"{name!r}."
        )
    elif name.startswith(_HUB):
        preset = name[len(_HUB) :]
        shape = {} if input_shape is None else {"image_shape": tuple(input_shape)}
        network = hub_network(preset, pretrained, shape)
        scaling = hub_scaling(preset) if preprocess else None
    else:
        network_class = _application(name)
        if input_shape is None:
            raise ValueError(f"{name} needs `input_shape`: height, width and channels of images.")
        network = _application_network(network_class, name, input_shape, pretrained)
        scaling = _preprocessing(network_class) if preprocess else None
    if local is not None:
        _load(network, local)
    inputs = _inputs(network)
    features = network(inputs if scaling is None else scaling(inputs))
    title = name.name if isinstance(name, keras.Model) else name.lower().removeprefix(_HUB)
    trunk = keras.Model(inputs, _features(features), name=Path(title).name)
    trunk.takes_pixels = scaling is not None
    set_trainable(trunk, trainable)
    return trunk


def _application(name: str) -> Any:
    network_class = getattr(keras.applications, name, None)
    if inspect.isfunction(network_class):
        return network_class
    choices = [key for key, value in vars(keras.applications).items() if inspect.isfunction(value)]
    guess = nearest(name, choices)
    hint = f" Did you mean {guess!r}?" if guess else ""
    raise ValueError(
        f"keras.applications has no network {name!r}.{hint} It has: {choices}. A preset of "
        f"KerasHub is written '{_HUB}<preset>'."
    )


def _application_network(
    network_class: Any, name: str, input_shape: tuple[int, ...], pretrained: bool
) -> keras.Model:
    weights = "imagenet" if pretrained else None
    try:
        return network_class(
            include_top=False, pooling="avg", input_shape=input_shape, weights=weights
        )
    except Exception as error:
        if "URL fetch failure" not in str(error):
            raise
        raise ConnectionError(
            f"The ImageNet weights of {name} could not be downloaded ({error}). Download them on "
            "a machine with a network (keras.applications prints the address) and pass the file: "
            f"backbone({name!r}, weights='/path/to/file.h5'), or pass weights=None."
        ) from error


def _load(network: keras.Model, file: str) -> None:
    try:
        with warnings.catch_warnings():  # Keras' for each container, before its error
            warnings.filterwarnings("ignore", "Skipping nested container")
            network.load_weights(file)
    except ValueError as error:
        raise ValueError(
            f"The weights in {file!r} do not fit {network.name!r}, the network without classifier. "
            "What a whole backbone has saved, backbone.save_weights(file), is loaded so: "
            f"backbone(..., weights=None).load_weights(file). Keras says: {error}"
        ) from error


def _given(network: keras.Model, input_shape: Any, weights: Any) -> keras.Model:
    """Returns a model that the user made, after a look at the arguments."""
    if isinstance(network, keras.Sequential) and network.built and network.inputs:
        network = keras.Model(network.inputs[0], network.outputs[0], name=network.name)
    if input_shape is not None or weights is None or not hasattr(network, "output"):
        raise ValueError(
            "A model given as `name` has its input shape and its weights already; it must be "
            f"functional, or a Sequential with an Input. Received: {network.name!r}, "
            f"input_shape={input_shape}, weights={weights!r}. Leave out `input_shape`; pass a file "
            "of weights or nothing."
        )
    return network


def _preprocessing(network_class: Any) -> Any:
    """Returns the function that `keras.applications` keeps beside the network."""
    return inspect.getmodule(inspect.unwrap(network_class)).preprocess_input  # type: ignore[union-attr]


def _inputs(network: keras.Model) -> Any:
    """Returns new inputs as those of a network; a single picture is called `image`."""
    given = input_structure(network)
    tensors = keras.tree.flatten(given)
    picture = len(tensors) == 1 and len(tensors[0].shape) == 4
    return keras.tree.map_structure(
        lambda tensor: keras.Input(
            batch_shape=tensor.shape, dtype=tensor.dtype, name="image" if picture else tensor.name
        ),
        given,
    )


def _features(outputs: Any) -> Any:
    """Returns the one tensor that heads work on."""
    if isinstance(outputs, Mapping):
        outputs = outputs.get("pooled_output", outputs.get("sequence_output"))
    if not isinstance(outputs, keras.KerasTensor):
        raise ValueError(
            "A backbone needs one output, or those that KerasHub calls pooled_output or "
            f"sequence_output. Received: {outputs!r}."
        )
    if len(outputs.shape) == 4:
        return keras.layers.GlobalAveragePooling2D(name="average_pooling")(outputs)
    return outputs
