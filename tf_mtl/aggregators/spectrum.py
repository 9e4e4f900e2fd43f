"""The inverse of a Gramian of which some rows may depend on others."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows


def rank(rows: Rows) -> Any:
    """Returns the number of independent rows: eigenvalues of the cosines that are not noise."""
    return tf.reduce_sum(tf.cast(_independent(tf.linalg.eigvalsh(rows.cosines), rows), tf.int32))


def solve_least_squares(rows: Rows, right: Any) -> Any:
    """Returns the shortest x `[T]` that makes ‖C x - right‖ least, C being the cosines."""
    eigenvalues, vectors = tf.linalg.eigh(rows.cosines)
    kept = _independent(eigenvalues, rows)
    inverse = tf.where(kept, 1.0 / tf.where(kept, eigenvalues, tf.ones_like(eigenvalues)), 0.0)
    return tf.linalg.matvec(vectors, inverse * tf.linalg.matvec(vectors, right, transpose_a=True))


def _independent(eigenvalues: Any, rows: Rows) -> Any:
    return eigenvalues > rows.tasks * rows.noise
