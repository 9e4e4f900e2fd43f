"""The sum of the gradients: training on the summed loss."""

from __future__ import annotations

from typing import Any

import keras

from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator


@keras.saving.register_keras_serializable(package="tf_mtl")
class Sum(GramianAggregator):
    """g = Σ_t g_t, what plain Keras does: the baseline, and the start of an ablation.

    One difference is left: for an embedding, optimizers with second moments (Adam, RMSprop,
    Adagrad) square the gradient of each occurrence of a row in plain Keras. With the exact
    gradients of an aggregator (`wrt="parameters"`), the occurrences are summed first.

    Args:
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> Sum()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])).numpy()
    array([2., 2., 2.], dtype=float32)
    """

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        return rows.present
