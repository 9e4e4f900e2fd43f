"""Rows → training, validation and test rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..whole_numbers import check_whole

# A class with fewer rows than this is pooled with the other rare ones: it has too few to be
# spread over three parts.
_RARE = 10


def split(
    rows: int,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    stratify: np.ndarray | None = None,
    groups: Any = None,
    in_order: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Splits row numbers into training, validation and test rows.

    Args:
        rows: number of rows.
        fractions: share of training, validation and test; they sum to 1.
        seed: the same seed gives the same split.
        stratify: `[rows]` classes whose shares are kept in every part. Classes with fewer than
            ten rows are treated as one class; where not even that can be spread over the parts,
            the split is random.
        groups: `[rows]` names or numbers; rows of one group stay in one part, and so do those
            without one (None). The fractions then count groups, and `stratify` is not used.
        in_order: whether the first rows are for training and the last ones for the test, as rows
            in time need it: drawn at random, nearly every test row has a neighbour in training.

    Returns:
        Three sorted int64 arrays of row numbers.

    Raises:
        ValueError: if the fractions do not sum to 1, a part would be empty, `stratify` or
            `groups` have another number of rows, or come with `in_order`.

    >>> train, valid, test = split(100, seed=1)
    >>> len(train), len(valid), len(test)
    (80, 10, 10)
    >>> split(5, (0.6, 0.2, 0.2), in_order=True)
    (array([0, 1, 2]), array([3]), array([4]))
    """
    check_whole(rows, "rows", 0)
    _check(fractions, seed)
    train, valid, test = _parts(rows, fractions, seed, stratify, groups, in_order)
    return train, valid, test


def split_two(
    rows: int,
    fractions: Sequence[float],
    seed: int,
    stratify: np.ndarray | None,
    groups: Any,
    in_order: bool,
    part: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows in two, for data that has its own test or validation rows.

    Arguments are those of `split`; only the ratio of the fractions of the training rows and of
    `part` counts: 1 for the validation rows, 2 for the test rows.
    """
    _check(fractions, seed)
    share = fractions[part] / (fractions[0] + fractions[part])
    train, valid = _parts(rows, (1 - share, share), seed, stratify, groups, in_order)
    return train, valid


def group_numbers(values: Any) -> np.ndarray:
    """Returns the number of each row's group, in alphabetical order; -1 where it is missing."""
    import pandas as pd

    codes, found = pd.factorize(values)
    numbers = np.unique(np.asarray(found.astype(str), str), return_inverse=True)[1]
    return np.append(numbers, -1)[codes]


def _groups(values: Any) -> np.ndarray:
    groups = np.asarray(values)
    if groups.ndim != 1:
        raise ValueError(
            "`groups` must be an array [rows], the group of each row. Received "
            f"{f'the shape {groups.shape}' if groups.ndim else repr(values)}."
        )
    return group_numbers(groups) if groups.dtype.kind == "O" else groups


def _parts(
    rows: int,
    fractions: Sequence[float],
    seed: int,
    stratify: np.ndarray | None,
    groups: Any,
    in_order: bool,
) -> list[np.ndarray]:
    """Returns sorted row numbers of each part; the last parts are split off first."""
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    if in_order:
        for name, values in (("stratify", stratify), ("groups", groups)):
            if values is not None:
                raise ValueError(
                    f"in_order=True splits rows by their place alone. Leave out `{name}`, or it."
                )
        return np.split(np.arange(rows), np.cumsum(_sizes(rows, fractions, None))[:-1])
    groups = None if groups is None else _groups(groups)
    for name, values in (("stratify", stratify), ("groups", groups)):
        if values is not None and len(values) != rows:
            raise ValueError(f"`{name}` has {len(values)} values for {rows} rows. Give one a row.")
    sizes = _sizes(rows if groups is None else len(np.unique(groups)), fractions, groups)
    strata = None if stratify is None or groups is not None else _strata(stratify)
    remaining, parts = np.arange(rows), []
    for size in reversed(sizes[1:]):
        if groups is not None:
            splitter = GroupShuffleSplit(1, test_size=size, random_state=seed)
            first, other = next(splitter.split(remaining, groups=groups[remaining]))
            remaining, part = remaining[first], remaining[other]
        else:
            classes = None if strata is None else strata[remaining]
            if classes is not None and not _can_stratify(classes, size):
                classes = None
            remaining, part = train_test_split(
                remaining, test_size=size, random_state=seed, stratify=classes
            )
        parts.append(np.sort(part))
    return [np.sort(remaining), *reversed(parts)]


def _check(fractions: Any, seed: int) -> None:
    check_whole(seed, "seed", 0, "The same seed gives the same split.")
    parts = list(fractions) if isinstance(fractions, Iterable) else []
    if len(parts) != 3 or not all(
        isinstance(part, float | np.number) and 0 < part < 1 for part in parts
    ):
        raise ValueError(
            f"`fractions` must be three shares between 0 and 1 (training, validation, test), "
            f"such as (0.8, 0.1, 0.1), not {fractions!r}. None of the parts may be empty."
        )
    if abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"`fractions` must sum to 1; {tuple(fractions)} sum to {sum(fractions)}.")


def _sizes(count: int, fractions: Sequence[float], groups: object) -> list[int]:
    sizes = [round(count * fraction) for fraction in fractions[1:]]
    sizes.insert(0, count - sum(sizes))
    if min(sizes) < 1:
        what = "rows" if groups is None else "groups"
        shares = tuple(round(fraction, 4) for fraction in fractions)
        raise ValueError(
            f"{count} {what} split by {shares} leave an empty part: the parts would have {sizes} "
            f"{what}. Give more {what} or other fractions."
        )
    return sizes


def _strata(labels: np.ndarray) -> np.ndarray:
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    codes = codes.reshape(-1).copy()
    codes[counts[codes] < _RARE] = -1
    return codes


def _can_stratify(strata: np.ndarray, second: int) -> bool:
    counts = np.unique(strata, return_counts=True)[1]
    smaller = min(second, len(strata) - second)
    return bool(counts.min() >= 2 and smaller >= len(counts))
