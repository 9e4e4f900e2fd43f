"""Tags as people have them, a list in each row → one array."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_MISSING = -1
Row = Callable[[int], str]


def tags_by_row(values: np.ndarray, source: str, row: Row) -> list[np.ndarray | None]:
    """Returns the tags of each row `[tokens]`, or None where a row has none.

    Args:
        values: `[rows, tokens]`, or `[rows]` of lists; None for a row without tags.
        source: Where they come from, for errors.
        row: Returns what people call the row at a place.

    Raises:
        ValueError: If a row is no list.

    >>> tags_by_row(np.array([[0, 2, 1], [1, 1, -1]]), "y['tags']", str)[1].tolist()
    [1, 1, -1]
    """
    found: list[np.ndarray | None] = []
    for place, cell in enumerate(values):
        absent = cell is None or (isinstance(cell, float) and np.isnan(cell))
        tags = None if absent else np.asarray(cell)
        if tags is not None and tags.ndim != 1:
            raise ValueError(
                f"{source} holds {cell!r} in {row(place)}. Give a list of tags in every row, one "
                "for each token, or None for a row without."
            )
        found.append(tags)
    return found


def padded(tags: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """Returns the tags of all rows, one after the other, as `[rows, longest]`, filled up with -1.

    >>> padded(np.array([3, 1, 2]), [1, 2]).tolist()
    [[3, -1], [1, 2]]
    """
    found = np.full((len(lengths), max(lengths, default=0)), _MISSING, tags.dtype)
    found[np.arange(found.shape[1]) < np.asarray(lengths)[:, None]] = tags
    return found
