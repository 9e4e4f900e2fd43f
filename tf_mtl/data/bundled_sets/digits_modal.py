"""An embedded data set: a digit as image, as a word and as numbers, of which some are missing."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..missing import FillMissing
from ..splits import Splits, build_splits
from ..targets import Target
from .digit_sources import DIGITS, DigitSources, digit_sources

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
STATISTICS = ("mean", "deviation", "centre_x", "centre_y", "spread_x", "spread_y")
_MISSING, _MISTAKES = 0.4, 0.3


def load_digits_modal(
    batch_size: int = 64,
    seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    copies: int = 1,
) -> Splits:
    """Loads digits as image, word and pixel statistics, any of which may be missing.

    Inputs: `image`, float32 `[8, 8, 1]` from 0 to 1, black where missing; `text`, the digit spelt
    out with three letters in ten mistyped, "" where missing; `statistics`, mean and standard
    deviation of the pixels, centre and spread of the ink along x and y (pixels), NaN where missing.
    Four in ten of each are missing, but never all three. Tasks: `digit` (10 classes) and `odd`
    (binary).

    The model's features are the image, which letters the word has, and the statistics with a mark
    where they are missing.

    Args:
        batch_size: rows in a batch.
        seed: split, what is missing or mistyped, and order of the training rows.
        fractions: share of training, validation and test digits, stratified by class; no digit is
            in two parts.
        copies: rows made from each digit.

    >>> train, valid, test = load_digits_modal()
    >>> x, y = next(iter(train))
    >>> {name: values.shape[1:].as_list() for name, values in x.items()}, sorted(y)
    ({'image': [8, 8, 1], 'text': [], 'statistics': [6]}, ['digit', 'odd'])
    """
    sources = digit_sources(copies, seed, fractions)
    parts = {part: _rows(source) for part, source in sources.items()}
    return build_splits(
        parts,
        {
            "digit": Target("classification", class_names=DIGITS),
            "odd": Target("binary", class_names=("even", "odd")),
        },
        {part: source.rows for part, source in sources.items()},
        batch_size=batch_size,
        seed=seed,
        network=_network(parts["train"][0]["statistics"]),
    )


def _rows(source: DigitSources) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns inputs and labels."""
    count = len(source.rows)
    missing = source.random.random((count, 3)) < _MISSING
    kept = source.random.integers(0, 3, count)
    missing[np.arange(count), kept] &= ~missing.all(axis=1)
    text = np.array([_typed(WORDS[digit], source.random) for digit in source.digits], object)
    x = {
        "image": np.where(missing[:, 0, None, None, None], 0, source.images[..., None]),
        "text": np.where(missing[:, 1], "", text),
        "statistics": np.where(missing[:, 2, None], np.nan, statistics(source.images)),
    }
    x = {name: values if name == "text" else values.astype("float32") for name, values in x.items()}
    return x, {"digit": source.digits, "odd": (source.digits % 2).astype("int32")}


def _typed(word: str, random: np.random.Generator) -> str:
    letters = random.choice(list(string.ascii_lowercase), len(word))
    wrong = random.random(len(word)) < _MISTAKES
    return "".join(np.where(wrong, letters, list(word)))


def statistics(images: np.ndarray) -> np.ndarray:
    """Returns `STATISTICS` of images `[B, 8, 8]`, float64 `[B, 6]`.

    >>> image = np.zeros((1, 8, 8))
    >>> image[0, 2, 3:6] = 1
    >>> statistics(image).round(3).tolist()
    [[0.047, 0.211, 4.0, 2.0, 0.816, 0.0]]
    """
    total = images.sum(axis=(1, 2), dtype="float64")
    found = [images.mean(axis=(1, 2)), images.std(axis=(1, 2))]
    spreads = []
    for axis in (1, 2):  # over the rows for x, over the columns for y
        shares = images.sum(axis=axis) / total[:, None]
        places = np.arange(images.shape[1])
        centre = shares @ places
        found.append(centre)
        spreads.append(np.sqrt((shares * (places - centre[:, None]) ** 2).sum(axis=1)))
    return np.stack([*found, *spreads], axis=1)


def _network(train: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns inputs and features; the statistics are standardised as the training rows are."""
    inputs = {
        "image": keras.Input((8, 8, 1), name="image"),
        "text": keras.Input((), name="text", dtype="string"),
        "statistics": keras.Input((len(STATISTICS),), name="statistics"),
    }
    mean, deviation = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    letters = keras.layers.TextVectorization(
        standardize="lower",
        split="character",
        output_mode="multi_hot",
        vocabulary=list(string.ascii_lowercase),
        name="letters",
    )
    filled = FillMissing(mean.tolist(), indicators=[0], name="filled")(inputs["statistics"])
    scale = keras.layers.Rescaling(
        [*(1 / deviation).tolist(), 1.0],
        offset=[*(-mean / deviation).tolist(), 0.0],
        name="standardized",
    )
    features = {
        "image": inputs["image"],
        # The letters are whole numbers; a factor of 1 makes floats of them.
        "text": keras.layers.Rescaling(1.0, name="letters_as_numbers")(letters(inputs["text"])),
        "statistics": scale(filled),
    }
    return inputs, features
