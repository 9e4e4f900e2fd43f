"""Eigenvalues of Gramians, and the inverse where some rows depend on others."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_mtl.aggregators.compiled import traced
from tf_mtl.aggregators.gramian import Rows


@traced
def eigh(matrix: Any) -> tuple[Any, Any]:
    """Returns eigenvalues (ascending) and eigenvectors of a symmetric matrix to full precision.

    XLA's stop at a relative error of 1e-6, so they are refined by Ogita and Aishima, "Iterative
    refinement for symmetric eigenvalue decomposition", 2018, which doubles the digits each time.
    """
    values, vectors = tf.linalg.eigh(matrix)
    identity = tf.eye(matrix.shape[0], dtype=matrix.dtype)
    for _ in range(2):
        defect = identity - tf.matmul(vectors, vectors, transpose_a=True)
        image = tf.matmul(vectors, tf.matmul(matrix, vectors), transpose_a=True)
        values = tf.linalg.diag_part(image) / (1.0 - tf.linalg.diag_part(defect))
        off = image - tf.linalg.diag(values)
        near = 2.0 * (tf.norm(off) + tf.norm(matrix) * tf.norm(defect))
        gaps = values[None, :] - values[:, None]
        apart = tf.abs(gaps) > near
        turn = (image + values[None, :] * defect) / tf.where(apart, gaps, tf.ones_like(gaps))
        vectors += tf.matmul(vectors, tf.where(apart, turn, 0.5 * defect))
    return values, vectors


def rank(rows: Rows) -> Any:
    """Returns the number of independent rows: eigenvalues of the cosines that are not noise."""
    return tf.reduce_sum(tf.cast(_independent(eigh(rows.cosines)[0], rows), tf.int32))


def solve_least_squares(rows: Rows, right: Any) -> Any:
    """Returns the shortest x `[T]` that makes ‖C x - right‖ least, C being the cosines."""
    eigenvalues, vectors = eigh(rows.cosines)
    kept = _independent(eigenvalues, rows)
    inverse = tf.where(kept, 1.0 / tf.where(kept, eigenvalues, tf.ones_like(eigenvalues)), 0.0)
    return tf.linalg.matvec(vectors, inverse * tf.linalg.matvec(vectors, right, transpose_a=True))


def _independent(eigenvalues: Any, rows: Rows) -> Any:
    return eigenvalues > rows.tasks * rows.noise
