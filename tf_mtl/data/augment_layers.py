"""What Keras' augmentation layers do to labels, and which of them can be trusted with which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

# The image changes, nothing moves.
_COLOUR = (
    "AutoContrast",
    "Equalization",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Rescaling",
    "Solarization",
)
# Pixels and boxes move exactly.
_MOVES = ("CenterCrop", "RandomCrop", "RandomFlip", "RandomTranslation", "RandomZoom", "Resizing")
# Pixels move; what Keras 3.15 makes of boxes is off by many pixels, or no box any more.
_MOVES_PIXELS = ("RandomPerspective", "RandomRotation", "RandomShear")
# Keras 3.15 draws one distortion for images and another for masks, and clips masks as colours.
_DISTORTS = ("RandomElasticTransform",)
_MIXES = ("CutMix", "MixUp")
_WHOLE_IMAGE_ONLY = ("AugMix", "RandAugment")

WHOLE_IMAGE = ("classification", "binary", "multilabel", "regression")
PIXELS = ("segmentation", "dense_regression")
KINDS = (*WHOLE_IMAGE, *PIXELS, "box", "key_points")
# The kinds whose labels Keras moves in Python, by a height and width that are numbers.
_NEED_SIZE = {
    "CenterCrop": ("box", *PIXELS),
    "RandomCrop": KINDS,
    "RandomPerspective": KINDS,
    "RandomZoom": ("box",),
}


def moves(layer: Any) -> bool:
    """Whether the layer moves what is in the image."""
    return type(layer).__name__ in _MOVES + _MOVES_PIXELS


def mixes(layer: Any) -> bool:
    """Whether the layer makes one image of two."""
    return type(layer).__name__ in _MIXES


def needs_size(layer: Any, kinds: Mapping[str, str]) -> bool:
    """Whether the layer works only where the graph knows the size of the images."""
    return not set(kinds.values()).isdisjoint(_NEED_SIZE.get(type(layer).__name__, ()))


def check_layer(layer: Any, kinds: Mapping[str, str]) -> None:
    """Raises `ValueError` if the labels of a task cannot follow what a layer does to the image.

    Args:
        layer: A layer of `keras.layers`.
        kinds: `{task: kind}`.
    """
    name = type(layer).__name__
    if not isinstance(layer, keras.layers.Layer) or not hasattr(keras.layers, name):
        raise ValueError(
            f"Augment takes layers of keras.layers for images. Received: {layer!r}. Apply a layer "
            "of your own that changes colours only with dataset.map before it."
        )
    known = _COLOUR + _MOVES + _MOVES_PIXELS + _DISTORTS + _MIXES + _WHOLE_IMAGE_ONLY
    if name not in known:
        raise ValueError(
            f"{name} is no augmentation that Augment knows. It knows: {sorted(known)}."
        )
    if getattr(layer, "data_format", None) == "channels_first":
        raise ValueError(
            f"{name} with data_format='channels_first' takes other images than Augment, which has "
            "[B, height, width, channels]. Leave out the argument."
        )
    refused = {
        "box": _MOVES_PIXELS + _DISTORTS + _MIXES + _WHOLE_IMAGE_ONLY,
        "key_points": _MOVES + _MOVES_PIXELS + _DISTORTS + _MIXES + _WHOLE_IMAGE_ONLY,
        "segmentation": _DISTORTS + _WHOLE_IMAGE_ONLY,
        "dense_regression": _DISTORTS + _WHOLE_IMAGE_ONLY,
    }
    for task, kind in kinds.items():
        if name in refused.get(kind, ()):
            raise ValueError(
                f"Task {task!r}: the labels of a {kind} task cannot follow {name}. "
                f"{_why(name, kind)}"
            )
    if getattr(layer, "fill_mode", None) == "constant" and getattr(layer, "fill_value", 0) != 0:
        dense = [task for task, kind in kinds.items() if kind in PIXELS]
        if dense:
            raise ValueError(
                f"Task {dense[0]!r}: {name} with fill_value={layer.fill_value} would fill the "
                "labels with it, too. Use fill_value=0 (such pixels then have no label) or "
                "another fill_mode."
            )


def _why(name: str, kind: str) -> str:
    if name in _MIXES:
        return "An image made of two has the objects of both."
    if name in _WHOLE_IMAGE_ONLY:
        return "It draws moves and colours; give those wanted one by one, RandomFlip for example."
    if name in _DISTORTS and kind in PIXELS:
        return f"Keras distorts labels otherwise than images. Use one of {list(_MOVES_PIXELS)}."
    if kind == "key_points":
        return "Keras moves boxes and masks, but no points."
    return f"Keras does not move boxes rightly here. Those that can be used: {list(_MOVES)}."
