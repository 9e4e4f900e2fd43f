"""Any inputs or features → one vector for each example."""

from __future__ import annotations

from typing import Any

import keras

from .masked_layers import AverageSteps, FlattenSteps

_AVERAGES = {
    3: AverageSteps,
    4: keras.layers.GlobalAveragePooling2D,
    5: keras.layers.GlobalAveragePooling3D,
}


def flattened(inputs: Any, name: str) -> Any:
    """Returns inputs as `[B, d]`: tensors of other ranks flattened, several of them joined.

    Sequences and maps of unknown size are averaged over their positions. Steps that are padding do
    not count in the average, and are zeros where sequences are flattened.

    Args:
        inputs: Keras tensor, or a dictionary or list of them.
        name: Prefix of the layers' names.

    Raises:
        ValueError: If an input is text, the number of channels is unknown, or the rank too high
            for an average.
    """
    given = keras.tree.flatten(inputs)
    numbers = [""] if len(given) == 1 else [f"_{i}" for i in range(len(given))]
    vectors = [_vector(tensor, name, number) for tensor, number in zip(given, numbers, strict=True)]
    if len(vectors) == 1:
        return vectors[0]
    return keras.layers.Concatenate(name=f"{name}_inputs")(vectors)


def check_numbers(tensor: Any, name: str) -> None:
    """Raises `ValueError` if a Keras tensor holds text."""
    if tensor.dtype == "string":
        raise ValueError(
            f"{name} computes with numbers, but received the text {tensor.name!r}. Encode it "
            "first: tf_mtl.trunks.TextEncoder, keras.layers.StringLookup(output_mode='one_hot') or "
            "TextVectorization. A trunk may also be a function that does so."
        )


def _vector(tensor: Any, name: str, number: str) -> Any:
    check_numbers(tensor, name)
    if tensor.shape[-1] is None and len(tensor.shape) > 1:
        raise ValueError(
            f"Dense layers need a known number of channels, the last axis. {name} received "
            f"{tuple(tensor.shape)}. Give the input, or the layer before, a fixed last axis."
        )
    if len(tensor.shape) == 2:
        return tensor
    if None in tensor.shape[1:-1]:
        return averaged(tensor, f"{name}_average{number}")
    return FlattenSteps(name=f"{name}_flatten{number}")(tensor)


def averaged(features: Any, name: str) -> Any:
    """Returns sequences, maps or films of features as `[B, d]`: the average over their positions.

    Args:
        features: Keras tensor `[B, ..., d]` of rank 2 to 5. A vector stays as it is.
        name: Name of the layer.

    Raises:
        ValueError: If it has another rank.
    """
    rank = len(features.shape)
    if rank == 2:
        return features
    if rank not in _AVERAGES:
        raise ValueError(
            f"Features {tuple(features.shape)} cannot be averaged to [B, d]: expected sequences "
            "[B, L, d], maps [B, H, W, d] or films [B, L, H, W, d]. Flatten them in their body."
        )
    return _AVERAGES[rank](name=name)(features)
