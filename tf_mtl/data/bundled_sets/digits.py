"""The embedded data set: scikit-learn's handwritten digits as three tasks."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from ..partition import split
from ..splits import Splits, build_splits
from ..targets import Target


def load_digits(
    batch_size: int = 64, seed: int = 0, fractions: Sequence[float] = (0.8, 0.1, 0.1)
) -> Splits:
    """Loads 1797 handwritten digits, float32 images `[8, 8, 1]` from 0 to 1, with three tasks.

    The images come with scikit-learn, so no network is needed. Tasks: `digit` (10 classes),
    `odd` (binary) and `ink` (regression: mean brightness of the image, 0 to 1).

    Args:
        batch_size: rows in a batch.
        seed: split, and order of the training rows.
        fractions: share of training, validation and test, stratified by digit.

    Source: E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI.

    >>> train, valid, test = load_digits(batch_size=32)
    >>> x, y = next(iter(train))
    >>> x.shape, sorted(y)
    (TensorShape([32, 8, 8, 1]), ['digit', 'ink', 'odd'])
    """
    from sklearn import datasets

    pixels, digit = datasets.load_digits(return_X_y=True)
    image = (pixels.reshape(-1, 8, 8, 1) / 16).astype("float32")
    labels = {
        "digit": digit.astype("int32"),
        "odd": (digit % 2).astype("int32"),
        "ink": image.mean(axis=(1, 2, 3)),
    }
    rows = dict(
        zip(("train", "valid", "test"), split(len(image), fractions, seed, digit), strict=True)
    )
    inputs = keras.Input((8, 8, 1), name="image")
    return build_splits(
        {part: (image[r], {task: y[r] for task, y in labels.items()}) for part, r in rows.items()},
        {
            "digit": Target("classification", class_names=tuple("0123456789")),
            "odd": Target("binary", class_names=("even", "odd")),
            "ink": Target("regression"),
        },
        rows,
        batch_size=batch_size,
        seed=seed,
        network=(inputs, inputs),
    )
