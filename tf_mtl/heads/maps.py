"""What heads with an output for each pixel share: features that are maps, and their size."""

from __future__ import annotations

from typing import Any

import keras

Size = tuple[int, int] | None


def check_maps(head: str, features_shape: tuple[int | None, ...]) -> None:
    """Raises `ValueError` unless features are maps `[B, height, width, d]`."""
    if len(features_shape) != 4 or features_shape[-1] is None:
        raise ValueError(
            f"{head} needs features with the axes of an image, [B, height, width, d]. Received "
            f"features of shape {tuple(features_shape)}. Use a trunk that keeps these axes, such "
            "as tf_mtl.trunks.UNet()."
        )


def resize(maps: Any, size: Size) -> Any:
    """Returns maps `[B, height, width, d]` brought to `size` by bilinear interpolation."""
    if size is None or tuple(maps.shape[1:3]) == size:
        return maps
    return keras.ops.image.resize(maps, size, data_format="channels_last")
