"""The mean of the gradients."""

from __future__ import annotations

from typing import Any

import keras

from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator


@keras.saving.register_keras_serializable(package="tf_mtl")
class Mean(GramianAggregator):
    """g = mean of the g_t of the tasks that are present, so that a step keeps its size as T grows.

    Args:
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> Mean()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])).numpy()
    array([1., 1., 1.], dtype=float32)
    """

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        return rows.present / rows.count
