"""Layers that are called several times with the same weights."""

from __future__ import annotations

from typing import Any

import keras

from .copies import copy_of, inputs_like
from .masked_layers import MaskedModel


def reusable(body: Any, inputs: Any, name: str) -> keras.Model:
    """Returns a model of a new copy of `body`, for tensors shaped as `inputs`.

    Args:
        body: Whatever may serve as a body, or a block of `blocks_of`.
        inputs: Keras tensor, or a dictionary or list of them.
        name: Name of the model, and prefix of the names of its layers.

    >>> features = keras.Input((8,))
    >>> layers = reusable(keras.layers.Dense(4), features, "shared")
    >>> layers(features).shape, layers(features).shape
    ((None, 4), (None, 4))
    """
    inside = inputs_like(inputs)
    return MaskedModel(inside, copy_of(body, inside, name), name=name)
