"""Jacobians by number of tasks, rank, ratio of norms and scale, with the rows that make trouble."""

from __future__ import annotations

import numpy as np


def jacobian(tasks: int, n: int, rank: int | None = None, ratio: float = 1.0, seed: int = 0):
    """Returns `[T, n]` float32 of a rank, with norms from 1 to `ratio` in random order."""
    rng = np.random.default_rng([seed, tasks, n])
    rank = min(tasks, n) if rank is None else rank
    rows = rng.standard_normal((tasks, rank)) @ rng.standard_normal((rank, n))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    norms = rng.permutation(np.geomspace(1.0, ratio, tasks)) if tasks > 1 else np.ones(1)
    return (rows * norms[:, None]).astype("float32")


def with_zero_rows(matrix: np.ndarray, at: tuple[int, ...] = (1,)) -> np.ndarray:
    """Returns the matrix with rows of zeros put in, as absent tasks."""
    return np.insert(matrix, at, 0.0, axis=0)


def with_duplicate(matrix: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Returns the matrix with its first row once more, at another scale."""
    return np.concatenate([matrix, np.float32(scale) * matrix[:1]])


def with_opposite(matrix: np.ndarray) -> np.ndarray:
    """Returns the matrix with the negative of its first row."""
    return with_duplicate(matrix, -1.0)


def stationary(tasks: int, n: int, seed: int = 0) -> np.ndarray:
    """Returns rows of which a positive combination is zero: no direction helps all."""
    rows = jacobian(tasks, n, seed=seed)
    weights = np.random.default_rng(seed).uniform(0.5, 2.0, tasks).astype("float32")
    rows[-1] = -(weights[:-1] @ rows[:-1]) / weights[-1]
    return rows


def nearly_opposite(n: int = 6, angle: float = 1e-3, ratio: float = 1.0) -> np.ndarray:
    """Returns two rows at an angle of π - `angle`."""
    first, side = np.linalg.qr(np.random.default_rng(3).standard_normal((n, 2)))[0].T
    return np.stack([first, ratio * (-np.cos(angle) * first + np.sin(angle) * side)]).astype("f")


SMALL = {
    "one": jacobian(1, 4),
    "three": jacobian(3, 8),
    "conflict": np.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]], "float32"),
    "eight": jacobian(8, 12),
    "rank_2": jacobian(6, 9, rank=2),
    "ratio_1e6": jacobian(5, 9, ratio=1e6),
    "tall_1e6": jacobian(7, 4, ratio=1e6),
    "all_zero": np.zeros((3, 4), "float32"),
    "duplicate": with_duplicate(jacobian(3, 6)),
    "identical": np.repeat(jacobian(1, 4), 3, axis=0),
    "opposite": with_opposite(jacobian(1, 5)),
    "opposite_and_more": with_opposite(jacobian(3, 6)),
    "stationary": stationary(4, 6),
    "orthogonal": np.diag([1.0, 2.0, 0.5, 3.0]).astype("float32"),
    "nearly_opposite": nearly_opposite(),
    "nearly_opposite_1e6": nearly_opposite(ratio=1e6),
}
LARGE = {
    "forty": jacobian(40, 100),
    "forty_tall": jacobian(40, 17),
    "forty_1e6": jacobian(40, 60, ratio=1e6),
    "thirty_two_zero": with_zero_rows(jacobian(29, 64), (0, 5, 29)),
}
