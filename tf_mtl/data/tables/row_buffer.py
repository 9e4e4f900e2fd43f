"""Rows that stream by, shuffled within a buffer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

Piece = list[np.ndarray]


def shuffled_pieces(
    pieces: Iterable[Piece], rows: int, random: np.random.Generator
) -> Iterator[Piece]:
    """Yields all rows of the pieces, each piece in exchange for rows drawn from a buffer.

    `Dataset.shuffle` does the same to single rows. To cut pieces into rows and to join these again
    took several times as long as to read them.

    Args:
        pieces: Arrays of rows, `[rows, ...]` each, the same arrays in every piece.
        rows: How many rows the buffer holds at least; no piece may have more.
        random: Draws the rows.

    >>> pieces = [[np.arange(start, start + 3)] for start in range(0, 12, 3)]
    >>> drawn = [piece[0] for piece in shuffled_pieces(pieces, 6, np.random.default_rng(0))]
    >>> [len(piece) for piece in drawn], sorted(map(int, np.concatenate(drawn)))
    ([3, 3, 6], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    """
    waiting: list[Piece] = []
    held: Piece = []
    for piece in pieces:
        if not held:
            waiting.append(piece)
            if sum(len(each[0]) for each in waiting) >= rows:
                held, waiting = _joined(waiting), []
            continue
        drawn = random.choice(len(held[0]), len(piece[0]), replace=False)
        yield [array.take(drawn, axis=0) for array in held]
        for array, new in zip(held, piece, strict=True):
            array[drawn] = new
    held = held or _joined(waiting)
    if held:
        order = random.permutation(len(held[0]))
        yield [array.take(order, axis=0) for array in held]


def _joined(pieces: list[Piece]) -> Piece:
    return [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]
