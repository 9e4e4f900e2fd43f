"""An embedded data set: a digit that moves; what it is, which way it goes, where it is."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from ..splits import Splits, build_splits
from ..targets import Target
from .digit_sources import DIGITS, DigitSources, digit_sources

SIDE, FRAMES = 16, 6
# Steps in (rows, columns) for each frame; the y axis points downwards.
DIRECTIONS = {"right": (0, 1), "down": (1, 0), "left": (0, -1), "up": (-1, 0)}
_NOISE = 0.1


def load_digits_sequence(
    batch_size: int = 64,
    seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    copies: int = 1,
) -> Splits:
    """Loads short films of a moving digit: its class, its direction and its place in each frame.

    Each of scikit-learn's 1797 digits moves a pixel a frame right, down, left or up over a canvas
    of 16 × 16, with noise: float32 `[6, 16, 16, 1]` from 0 to 1. Tasks: `digit` (10 classes),
    `direction` (4 classes) and `position` (regression: x and y of the centre of the digit in each
    of the 6 frames, `[12]`, from 0 to 1 of width and height, the y axis downwards).

    Args:
        batch_size: rows in a batch.
        seed: split, films, and order of the training rows.
        fractions: share of training, validation and test digits, stratified by class; no digit is
            in two parts.
        copies: films of each digit.

    >>> train, valid, test = load_digits_sequence()
    >>> x, y = next(iter(train))
    >>> x.shape, sorted(y), y["position"].shape
    (TensorShape([64, 6, 16, 16, 1]), ['digit', 'direction', 'position'], TensorShape([64, 12]))
    """
    sources = digit_sources(copies, seed, fractions)
    inputs = keras.Input((FRAMES, SIDE, SIDE, 1), name="frames")
    return build_splits(
        {part: _films(source) for part, source in sources.items()},
        {
            "digit": Target("classification", class_names=DIGITS),
            "direction": Target("classification", class_names=tuple(DIRECTIONS)),
            "position": Target("regression", units=2 * FRAMES),
        },
        {part: source.rows for part, source in sources.items()},
        batch_size=batch_size,
        seed=seed,
        network=(inputs, inputs),
    )


def _films(source: DigitSources) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns films and labels."""
    count = len(source.rows)
    direction = source.random.integers(0, len(DIRECTIONS), count)
    step = np.array(list(DIRECTIONS.values()))[direction]
    way = (FRAMES - 1) * step
    low, high = np.maximum(-way, 0), SIDE - 8 - np.maximum(way, 0)
    start = source.random.integers(low, high + 1)
    places = start[:, None] + np.arange(FRAMES)[:, None] * step[:, None]
    film = np.zeros((count, FRAMES, SIDE, SIDE), "float32")
    for row in range(count):
        for frame, (top, left) in enumerate(places[row]):
            film[row, frame, top : top + 8, left : left + 8] = source.images[row]
    film = np.clip(film + source.random.normal(0, _NOISE, film.shape), 0, 1).astype("float32")
    centre = (places[..., ::-1] + 4) / SIDE  # x before y
    labels = {
        "digit": source.digits,
        "direction": direction.astype("int32"),
        "position": centre.reshape(count, 2 * FRAMES).astype("float32"),
    }
    return film[..., None], labels
