"""Pretrained image networks of `keras.applications`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras

from ..names import nearest


def backbone(
    name: str,
    input_shape: tuple[int, int, int],
    weights: str | Path | None = "imagenet",
    trainable: bool = False,
    preprocess: bool = True,
) -> keras.Model:
    """Returns an image network without its classifier, to be used as a trunk.

    The inputs are pixels 0 … 255; what the network expects is computed inside it. Train the heads
    on frozen weights first; to tune it afterwards: `backbone.trainable = True` and
    `model.compile(keras.optimizers.Adam(1e-5))`.

    Args:
        name: Class of `keras.applications`, "MobileNetV2" for instance.
        input_shape: Height, width and channels of the images.
        weights: "imagenet", a local file of weights, or None for random ones.
        trainable: Whether the weights are trained.
        preprocess: Whether pixels are scaled inside the network.

    Returns:
        A Keras model from images `[B, height, width, channels]` to features `[B, d]`.

    Raises:
        ValueError: If the name is unknown, or the file does not exist or does not fit.
        ConnectionError: If the weights cannot be downloaded; with the way to pass a local file.

    >>> backbone("MobileNetV2", (32, 32, 3), weights=None).output_shape
    (None, 1280)
    """
    network_class = getattr(keras.applications, name, None)
    if not inspect.isfunction(network_class):
        choices = [
            key for key, value in vars(keras.applications).items() if inspect.isfunction(value)
        ]
        guess = nearest(name, choices)
        hint = f" Did you mean {guess!r}?" if guess else ""
        raise ValueError(f"keras.applications has no network {name!r}.{hint} It has: {choices}.")
    local = weights is not None and str(weights) != "imagenet"
    if local and not Path(str(weights)).is_file():
        raise ValueError(
            f"There is no file of weights {str(weights)!r}. Pass a file saved by `save_weights` "
            "(.weights.h5), 'imagenet', or None for random weights."
        )
    network = _network(network_class, name, input_shape, None if weights is None else str(weights))
    inputs = keras.Input(input_shape, name="image")
    scaled = _preprocessing(network_class)(inputs) if preprocess else inputs
    trunk = keras.Model(inputs, network(scaled), name=name.lower())
    trunk.trainable = trainable  # of the whole: TensorFlow ignores the value that is there already
    return trunk


def _network(
    network_class: Any, name: str, input_shape: tuple[int, int, int], weights: str | None
) -> keras.Model:
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


def _preprocessing(network_class: Any) -> Any:
    """Returns the function that `keras.applications` keeps beside the network."""
    return inspect.getmodule(inspect.unwrap(network_class)).preprocess_input  # type: ignore[union-attr]
