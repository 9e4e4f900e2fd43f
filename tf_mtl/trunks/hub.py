"""Pretrained networks of KerasHub, an extra: `pip install "tf_mtl[hub]"`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import keras


def hub_network(preset: str, load_weights: bool, options: dict[str, Any]) -> keras.Model:
    """Returns a backbone of KerasHub.

    Args:
        preset: Name of a preset, "resnet_18_imagenet" for instance, or a folder that
            `save_to_preset` wrote.
        load_weights: Whether its weights are loaded; else they are random.
        options: What else `keras_hub.models.Backbone.from_preset` takes.

    Raises:
        ModuleNotFoundError: If KerasHub is not installed; with the command that installs it.
        ValueError: If the preset is unknown, or cannot be loaded.
        ConnectionError: If it cannot be downloaded; with the way to pass a local folder.
    """
    models = _module(preset).models
    try:
        return models.Backbone.from_preset(preset, load_weights=load_weights, **options)
    except OSError as error:
        if isinstance(error, FileNotFoundError) or Path(preset).exists():
            raise
        raise ConnectionError(
            f"The preset {preset!r} could not be downloaded ({error}). On a machine with a network "
            f"save it, keras_hub.models.Backbone.from_preset({preset!r}).save_to_preset(folder), a "
            f"network of images also by keras_hub.layers.ImageConverter.from_preset({preset!r})"
            ".save_to_preset(folder), and pass 'keras_hub:' and the folder."
        ) from error


def hub_scaling(preset: str) -> keras.layers.Layer | None:
    """Returns the layer that scales pixels 0 … 255 as a preset expects, or None if it has none."""
    converters = _module(preset).layers.ImageConverter
    try:
        converter = converters.from_preset(preset)
    except (ValueError, FileNotFoundError):  # no image network, or saved without a converter
        return None
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return keras.layers.Rescaling(scale, offset, name="scaling")


def _module(preset: str) -> Any:
    try:
        return importlib.import_module("keras_hub")
    except ModuleNotFoundError as error:
        if error.name != "keras_hub":
            raise
        raise ModuleNotFoundError(
            f"The network {preset!r} comes from KerasHub, which is not installed. Install it: "
            'pip install "tf_mtl[hub]", or choose one of keras.applications.',
            name="keras_hub",
        ) from error
