"""Aligned-MTL: remove the ill-conditioning of the gradients before averaging."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.preference import PreferenceAggregator
from tf_mtl.aggregators.spectrum import eigh, rank
from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_choice

SCALES = ("min", "median", "rmse")


@keras.saving.register_keras_serializable(package="tf_mtl")
class AlignedMTL(PreferenceAggregator):
    """The mean of the gradients after making their principal components equally long.

    With G = V Λ Vᵀ the Gramian: w = σ V Λ^(-1/2) Vᵀ p, over the eigenvalues that are not zero.

    Reference: Senushkin et al., "Independent Component Alignment for Multi-Task Learning", CVPR
    2023, algorithm 1. The number of components is told from the unit rows, so that a short
    gradient is no noise; components below 1e-14 of the largest are out of reach and dropped.

    Args:
        scale: σ is the square root of the `"min"`, the `"median"` (the lower of two) or, as in
            the paper's code, the mean (`"rmse"`) of the eigenvalues.
        preference: p, `{task: number}` or a list (default: the mean over the present tasks, where
            the paper's code sums them).
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = AlignedMTL()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.2133, 0.9673, 0.9673], dtype=float32)
    """

    def __init__(
        self, scale: str = "min", preference: PerTask | None = None, **options: Any
    ) -> None:
        super().__init__(preference=preference, **options)
        check_choice("scale", scale, SCALES)
        self.scale = scale

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "scale": self.scale}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        shares = self._preferred(rows, 1.0 / rows.count)
        eigenvalues, vectors = eigh(rows.gramian)  # ascending
        tasks = rows.tasks
        kept = (tf.range(tasks) >= tasks - rank(rows)) & (
            eigenvalues > tasks * 2.0**-52 * eigenvalues[-1]
        )
        roots = tf.sqrt(tf.where(kept, eigenvalues, tf.ones_like(eigenvalues)))
        inverse = tf.where(kept, self._sigma(eigenvalues, kept) / roots, 0.0)
        components = tf.linalg.matvec(vectors, shares, transpose_a=True)
        return tf.linalg.matvec(vectors, inverse * components) * rows.present

    def _sigma(self, eigenvalues: Any, kept: Any) -> Any:
        count = tf.reduce_sum(tf.cast(kept, tf.int32))
        if self.scale == "rmse":
            total = tf.reduce_sum(tf.where(kept, eigenvalues, tf.zeros_like(eigenvalues)))
            return tf.sqrt(total / tf.cast(tf.maximum(count, 1), tf.float64))
        first = kept.shape[0] - tf.maximum(count, 1)
        chosen = first + (tf.maximum(count - 1, 0) // 2 if self.scale == "median" else 0)
        return tf.sqrt(tf.maximum(tf.gather(eigenvalues, chosen), 0.0))
