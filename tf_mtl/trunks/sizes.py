"""Features brought to the positions of others, for the blocks of a body make them fewer."""

from __future__ import annotations

from typing import Any

import keras

_POOLING = {
    3: keras.layers.MaxPooling1D,
    4: keras.layers.MaxPooling2D,
    5: keras.layers.MaxPooling3D,
}


def pooled(features: Any, like: Any, name: str) -> Any:
    """Returns features with the positions of others: max pooled or, if that does not do, resized.

    Args:
        features: Keras tensor `[B, ..., d]`.
        like: Keras tensor of as many axes.
        name: Name of the layer, and prefix of the names of several.

    Raises:
        ValueError: As `resized`, and for maps of unknown size.

    >>> pooled(keras.Input((8, 4)), keras.Input((4, 2)), "fit").shape
    (None, 4, 4)
    """
    given, size = _positions(features, like, name)
    if len(size) > 1 and None in (*given, *size):  # blocks halve maps, so they seldom stay equal
        raise ValueError(_unknown(given, size, name))
    if given == size:
        return features
    for padding in ("valid", "same"):
        factors = [
            old // new if padding == "valid" else -(-old // new)
            for old, new in zip(given, size, strict=True)
        ]
        if min(factors) < 1:
            break
        pooling = _POOLING[len(features.shape)](factors, padding=padding, name=name)
        if pooling.compute_output_shape(features.shape)[1:-1] == size:
            return pooling(features)
    return resized(features, like, name)


def resized(features: Any, like: Any, name: str) -> Any:
    """Returns sequences or maps with the positions of others, interpolated between the old ones.

    Args:
        features: Keras tensor `[B, ..., d]`.
        like: Keras tensor of as many axes.
        name: Name of the layer, and prefix of the names of several.

    Raises:
        ValueError: If sizes differ and one is unknown, the two differ in their number of axes, or
            films would have to be resized.

    >>> resized(keras.Input((8, 4)), keras.Input((6, 2)), "fit").shape
    (None, 6, 4)
    """
    given, size = _positions(features, like, name)
    if given == size:
        return features
    if len(size) == 1:
        channels = features.shape[-1]
        columns = keras.layers.Reshape((*given, 1, channels), name=f"{name}_map")(features)
        columns = keras.layers.Resizing(*size, 1, name=name)(columns)
        return keras.layers.Reshape((*size, channels), name=f"{name}_sequence")(columns)
    if len(size) == 2:
        return keras.layers.Resizing(*size, name=name)(features)
    raise ValueError(
        f"{name}: films of {given} positions cannot be brought to {size}. Let each block keep the "
        "positions: no strides, no pooling, and padding='same'."
    )


def _positions(features: Any, like: Any, name: str) -> tuple[Any, Any]:
    """Returns the sizes of all axes but the first and the last one, of both tensors."""
    given, size = tuple(features.shape[1:-1]), tuple(like.shape[1:-1])
    if len(given) != len(size):
        raise ValueError(
            f"{name}: features {tuple(features.shape)} of one block cannot be brought to the "
            f"positions of {tuple(like.shape)} of another. Blocks may go from maps or sequences to "
            "vectors, and no other way."
        )
    if given != size and None in (*given, *size):
        raise ValueError(_unknown(given, size, name))
    return given, size


def _unknown(given: tuple[Any, ...], size: tuple[Any, ...], name: str) -> str:
    return (
        f"{name} needs features of a fixed size. Received {given} positions before and {size} "
        "behind a block. Give the input a fixed size."
    )
