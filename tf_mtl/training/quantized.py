"""What `model.quantize` has done to layers inside of layers, in the config of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..trunks.freezing import layers_with_weights


def quantization_of(model: keras.Model) -> list[dict[str, Any] | None]:
    """Returns how each layer with weights within a model is quantised; None where it is not.

    The config of a layer that makes layers of its own, as heads do, does not tell it of these.
    """
    return [
        None
        if layer.quantization_mode is None
        else {
            "mode": layer.quantization_mode,
            "config": keras.saving.serialize_keras_object(
                getattr(layer, "quantization_config", None)
            ),
        }
        for layer in layers_with_weights(model)
    ]


def quantize_again(model: keras.Model, quantization: Sequence[dict[str, Any] | None]) -> None:
    """Quantises the layers as `quantization_of` a model of the same config told, before loading.

    Their weights are those that a file holds then, and not what is made of them here.
    """
    for layer, given in zip(layers_with_weights(model), quantization, strict=True):
        if given is not None and layer.quantization_mode is None:
            config = keras.saving.deserialize_keras_object(given["config"])
            layer.quantize(given["mode"], config=config)
