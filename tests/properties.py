"""What an aggregator promises, as asserts on any Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Make = Callable[[], Any]
_KNOWN: dict[tuple[Make, bytes, bytes], np.ndarray] = {}


def usual_losses(tasks: int) -> np.ndarray:
    """Returns `[T]` losses; that of a single task is 1."""
    return np.linspace(1.0, 2.0, tasks).astype("float32")


def answer(make: Make, matrix: np.ndarray, losses: np.ndarray | None = None) -> np.ndarray:
    """Returns what a fresh aggregator says on a Jacobian, as float64 (asked once only)."""
    losses = usual_losses(len(matrix)) if losses is None else losses
    key = (make, matrix.tobytes() + str(matrix.shape).encode(), losses.tobytes())
    if key not in _KNOWN:
        vector = np.asarray(make()(matrix, losses))
        assert vector.dtype == matrix.dtype
        assert vector.shape == matrix.shape[1:]
        _KNOWN[key] = vector.astype("float64")
    return _KNOWN[key]


def assert_close(actual: np.ndarray, expected: np.ndarray, rtol: float, floor: float = 0.0) -> None:
    """Asserts that two vectors differ by at most `rtol` of the larger norm."""
    size = max(np.linalg.norm(actual), np.linalg.norm(expected), floor)
    assert np.linalg.norm(actual - expected) <= rtol * size, (actual, expected)


def assert_finite(make: Make, matrix: np.ndarray) -> None:
    """No nan and no inf, whatever the rows."""
    assert np.isfinite(answer(make, matrix)).all()


def assert_homogeneous(make: Make, matrix: np.ndarray) -> None:
    """g(c J) = c g(J), over- and underflow included."""
    base = answer(make, matrix)
    power = 26 if len(matrix) % 2 else -26
    scaled = answer(make, matrix * np.float32(2.0**power))
    assert_close(scaled / 2.0**power, base, 1e-4)


def assert_equivariant(make: Make, matrix: np.ndarray) -> None:
    """The order of the tasks does not matter."""
    order = np.random.default_rng(1).permutation(len(matrix))
    losses = usual_losses(len(matrix))
    base = answer(make, matrix)
    largest = np.linalg.norm(matrix, axis=1).max()
    assert_close(answer(make, matrix[order], losses[order]), base, 1e-4, 1e-3 * largest)


def assert_absent(make: Make, matrix: np.ndarray) -> None:
    """A zero row leaves the others' answer as if it were not there."""
    at = (0, len(matrix)) if len(matrix) % 2 else (1,)
    inserted = np.insert(matrix, at, 0.0, axis=0)
    losses = np.insert(usual_losses(len(matrix)), at, 1.0)
    assert_close(answer(make, inserted, losses), answer(make, matrix), 1e-5)


def assert_returns_single(make: Make, matrix: np.ndarray) -> None:
    """A single task gets its own gradient."""
    row = matrix[:1]
    assert_close(answer(make, row, np.ones(1, "f")), row[0].astype("float64"), 1e-6)


def assert_non_conflicting(make: Make, matrix: np.ndarray) -> None:
    """g·gᵢ ≥ -1e-6 ‖g‖ ‖gᵢ‖ for every row."""
    vector, rows = answer(make, matrix), matrix.astype("float64")
    bound = 1e-6 * np.linalg.norm(vector) * np.linalg.norm(rows, axis=1)
    assert (rows @ vector >= -bound).all(), (rows @ vector, bound)
