"""The same dense layer at every position of vectors, sequences and maps."""

from __future__ import annotations

from typing import Any

import keras


def pointwise(inputs: Any, units: int, name: str, **kwargs: Any) -> Any:
    """Returns a 1 × 1 convolution of maps, and a dense layer on the last axis of everything else.

    On maps the two are the same formula, but TensorFlow runs the convolution faster.

    Args:
        inputs: `[B, ..., d]`.
        units: Number of outputs.
        name: Name of the layer.
        **kwargs: Other arguments that both layers have.

    >>> pointwise(keras.Input((8, 8, 3)), 5, name="mix").shape
    (None, 8, 8, 5)
    """
    if len(inputs.shape) == 4:
        return keras.layers.Conv2D(units, 1, name=name, **kwargs)(inputs)
    return keras.layers.Dense(units, name=name, **kwargs)(inputs)
