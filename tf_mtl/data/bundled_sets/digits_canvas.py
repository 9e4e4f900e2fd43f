"""An embedded data set: a digit somewhere on a canvas; what it is, where, and which pixels."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from ..splits import Splits, build_splits
from ..targets import Target
from .digit_sources import DIGITS, DigitSources, digit_sources

SIDE = 32
_SMALLEST, _LARGEST = 12, 24
# Half of the brightest pixel: what is brighter belongs to the stroke.
_INK = 0.5
_NOISE = 0.1


def load_digits_canvas(
    batch_size: int = 64,
    seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    copies: int = 3,
) -> Splits:
    """Loads pictures of a digit of any size and place: its class, box and mask.

    Each of scikit-learn's 1797 digits is enlarged to 12 to 24 pixels, put anywhere on a canvas of
    32 × 32, made fainter at random, and noise is added: float32 images `[32, 32, 1]` from 0 to 1.
    Tasks: `digit` (10 classes), `box` (x1, y1, x2, y2 of the ink, from 0 to 1) and `mask` (which
    pixels are ink: `[32, 32]` of background and digit).

    Args:
        batch_size: rows in a batch.
        seed: split, pictures, and order of the training rows.
        fractions: share of training, validation and test digits, stratified by class; no digit is
            in two parts.
        copies: pictures made from each digit.

    >>> train, valid, test = load_digits_canvas(copies=1)
    >>> x, y = next(iter(train))
    >>> x.shape, {task: labels.shape[1:].as_list() for task, labels in y.items()}
    (TensorShape([64, 32, 32, 1]), {'digit': [], 'box': [4], 'mask': [32, 32]})
    """
    sources = digit_sources(copies, seed, fractions)
    inputs = keras.Input((SIDE, SIDE, 1), name="image")
    return build_splits(
        {part: _pictures(source) for part, source in sources.items()},
        {
            "digit": Target("classification", class_names=DIGITS),
            "box": Target("box"),
            "mask": Target("segmentation", class_names=("background", "digit")),
        },
        {part: source.rows for part, source in sources.items()},
        batch_size=batch_size,
        seed=seed,
        network=(inputs, inputs),
    )


def _pictures(source: DigitSources) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns images and labels."""
    count = len(source.rows)
    ink = np.zeros((count, SIDE, SIDE), "float32")
    sizes = source.random.integers(_SMALLEST, _LARGEST + 1, count)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        enlarged = keras.ops.image.resize(
            source.images[rows][..., None], (int(size), int(size)), data_format="channels_last"
        )
        places = source.random.integers(0, SIDE - size + 1, (len(rows), 2))
        for row, digit, (top, left) in zip(rows, np.asarray(enlarged), places, strict=True):
            ink[row, top : top + size, left : left + size] = digit[..., 0]
    mask = ink > _INK * ink.max(axis=(1, 2), keepdims=True)
    contrast = source.random.uniform(0.5, 1, (count, 1, 1))
    noise = source.random.normal(0, _NOISE, ink.shape)
    image = np.clip(ink * contrast + noise, 0, 1).astype("float32")
    labels = {"digit": source.digits, "box": boxes(mask), "mask": mask.astype("int32")}
    return image[..., None], labels


def boxes(masks: np.ndarray) -> np.ndarray:
    """Returns the boxes around masks `[B, height, width]`, as shares of width and height.

    >>> masks = np.zeros((1, 4, 8), bool)
    >>> masks[0, 1:3, 4:7] = True
    >>> boxes(masks).tolist()
    [[0.5, 0.25, 0.875, 0.75]]
    """
    sides = []
    for axis in (1, 2):  # over the rows for x, over the columns for y
        found = np.asarray(masks.any(axis=axis))
        length = found.shape[1]
        first, last = found.argmax(axis=1), length - found[:, ::-1].argmax(axis=1)
        sides.append(np.stack([first, last], axis=1) / length)
    x, y = sides
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1).astype("float32")
