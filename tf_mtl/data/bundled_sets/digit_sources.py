"""scikit-learn's handwritten digits as the material of larger pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..partition import split

DIGITS = tuple("0123456789")


class DigitSources(NamedTuple):
    """The digits that the pictures of one part are made from, one for each picture.

    Attributes:
        rows: Row numbers in scikit-learn's set, `[pictures]`.
        images: Their images, float32 `[pictures, 8, 8]` from 0 to 1.
        digits: Their classes, int32 `[pictures]`.
        random: Generator for all that is drawn in this part.
    """

    rows: np.ndarray
    images: np.ndarray
    digits: np.ndarray
    random: np.random.Generator


def load_images() -> tuple[np.ndarray, np.ndarray]:
    """Returns scikit-learn's 1797 digits: images `[1797, 8, 8]` from 0 to 1, and classes."""
    from sklearn import datasets

    pixels, digits = datasets.load_digits(return_X_y=True)
    return (pixels.reshape(-1, 8, 8) / 16).astype("float32"), digits.astype("int32")


def digit_sources(copies: int, seed: int, fractions: Sequence[float]) -> dict[str, DigitSources]:
    """Splits the digits first, so that no digit is a source of pictures in two parts.

    Args:
        copies: Pictures made from each digit, at least 1.
        seed: Split, and what is drawn.
        fractions: Share of training, validation and test digits, stratified by class.

    Raises:
        ValueError: If `copies` is less than 1.
    """
    if copies < 1:
        raise ValueError(
            f"`copies` must be at least 1, pictures of each digit. Received: {copies}."
        )
    images, digits = load_images()
    parts = zip(
        ("train", "valid", "test"), split(len(images), fractions, seed, digits), strict=True
    )
    found = {}
    for number, (part, own) in enumerate(parts):
        rows = np.repeat(own, copies)
        random = np.random.default_rng([seed, number])
        found[part] = DigitSources(rows, images[rows], digits[rows], random)
    return found
