"""The data sets that are known by name."""

from __future__ import annotations

from typing import Any

from ...names import check_known
from ..splits import Splits
from .digits import load_digits
from .digits_canvas import load_digits_canvas
from .digits_modal import load_digits_modal
from .digits_sequence import load_digits_sequence
from .multi_digits import load_multi_digits
from .scikit_tables import load_breast_cancer, load_diabetes, load_linnerud, load_wine

_LOADERS = {
    "digits": load_digits,
    "breast_cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "linnerud": load_linnerud,
    "wine": load_wine,
    "digits_canvas": load_digits_canvas,
    "digits_modal": load_digits_modal,
    "digits_sequence": load_digits_sequence,
    "multi_digits": load_multi_digits,
}


def load(name: str, batch_size: int = 64, seed: int = 0, **options: Any) -> Splits:
    """Loads an embedded data set by name, split into training, validation and test.

    Args:
        name: one of `names()`.
        batch_size: rows in a batch.
        seed: split, and order of the training rows; the same seed gives the same batches.
        options: further arguments of the data set's own loader, such as `fractions`.

    Raises:
        ValueError: for an unknown name, naming the valid ones and the nearest.

    >>> train, valid, test = load("digits", batch_size=64, seed=0)
    >>> load("digits").sizes
    {'train': 1437, 'valid': 180, 'test': 180}
    """
    check_known([name], _LOADERS, "data set")
    return _LOADERS[name](batch_size=batch_size, seed=seed, **options)


def names() -> dict[str, str]:
    """Returns the embedded data sets: `{name: one-line description}`.

    >>> names()["digits"]
    'Loads 1797 handwritten digits, float32 images `[8, 8, 1]` from 0 to 1, with three tasks.'
    """
    return {
        name: (loader.__doc__ or "").strip().splitlines()[0] for name, loader in _LOADERS.items()
    }
