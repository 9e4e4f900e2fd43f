"""An embedded data set: two overlapping digits, the left and the right one."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from ..splits import Splits, build_splits
from ..targets import Target
from .digit_sources import DIGITS, DigitSources, digit_sources

SIDE = 12


def load_multi_digits(
    batch_size: int = 64,
    seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    copies: int = 3,
) -> Splits:
    """Loads pictures of two overlapping digits: which is the left one, which the right one.

    The idea of Multi-MNIST with scikit-learn's 1797 digits: one is put into the upper left corner,
    another one into the lower right corner of a canvas of 12 × 12, each up to a pixel off, and the
    brighter pixel wins where they overlap: float32 images `[12, 12, 1]` from 0 to 1. Tasks:
    `left` and `right` (10 classes each). Every digit is the left one of `copies` pictures.

    Args:
        batch_size: rows in a batch.
        seed: split, pictures, and order of the training rows.
        fractions: share of training, validation and test digits, stratified by the left digit; no
            digit is in two parts.
        copies: pictures of each left digit.

    References: S. Sabour, N. Frosst, G. Hinton, Dynamic Routing Between Capsules, NIPS 2017;
    O. Sener, V. Koltun, Multi-Task Learning as Multi-Objective Optimization, NeurIPS 2018.

    >>> train, valid, test = load_multi_digits(copies=1)
    >>> x, y = next(iter(train))
    >>> x.shape, sorted(y)
    (TensorShape([64, 12, 12, 1]), ['left', 'right'])
    """
    sources = digit_sources(copies, seed, fractions)
    inputs = keras.Input((SIDE, SIDE, 1), name="image")
    return build_splits(
        {part: _pictures(source) for part, source in sources.items()},
        {task: Target("classification", class_names=DIGITS) for task in ("left", "right")},
        {part: source.rows for part, source in sources.items()},
        batch_size=batch_size,
        seed=seed,
        network=(inputs, inputs),
    )


def _pictures(source: DigitSources) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns images and labels."""
    count = len(source.rows)
    other = source.random.permutation(count)
    left = _placed(source.images, source.random.integers(0, 2, (count, 2)))
    right = _placed(source.images[other], SIDE - 8 - source.random.integers(0, 2, (count, 2)))
    image = np.maximum(left, right)[..., None]
    return image, {"left": source.digits, "right": source.digits[other]}


def _placed(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns canvases with an image at each place (top, left)."""
    canvas = np.zeros((len(images), SIDE, SIDE), "float32")
    for row, (top, left) in enumerate(places):
        canvas[row, top : top + 8, left : left + 8] = images[row]
    return canvas
