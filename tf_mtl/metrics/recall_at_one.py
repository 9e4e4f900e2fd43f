"""How often the nearest row is of the same group."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class RecallAtOne(keras.metrics.Metric):
    """Share of rows whose nearest other row in the batch is of the same group.

    Only rows that share their group with another row of the batch are asked. The larger the batch,
    the harder the search: compare results at one batch size. Under a distribution strategy the
    batch is that of a replica.

    Args:
        name: Name of the metric.
        dtype: Data type of the result.

    Call arguments:
        y_true: Numbers of groups, `[B]` or `[B, 1]`.
        y_pred: Embeddings of length 1, `[B, d]`.
        sample_weight: `[B]`; a row of weight 0 is neither asked nor found.

    >>> metric = RecallAtOne()
    >>> float(metric([3, 3, 4], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]))
    1.0
    """

    def __init__(self, name: str = "recall_at_1", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.found = self.add_variable((), "zeros", self.dtype, name="found")
        self.asked = self.add_variable((), "zeros", self.dtype, name="asked")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Searches the batch for the nearest row of each."""
        ops = keras.ops
        y_pred = ops.convert_to_tensor(y_pred)
        groups = ops.reshape(y_true, (-1,))
        weight = ops.ones_like(y_pred[:, 0])
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, weight.dtype), (-1,))
        place = ops.arange(ops.shape(groups)[0])
        other = ops.logical_and(place[:, None] != place[None, :], weight[None, :] > 0)
        same = ops.logical_and(groups[:, None] == groups[None, :], other)
        similarity = ops.where(other, ops.matmul(y_pred, ops.transpose(y_pred)), -2.0)
        nearest = ops.take(groups, ops.argmax(similarity, axis=-1))
        asked = ops.where(ops.any(same, axis=-1), weight, 0.0)
        self.asked.assign_add(ops.sum(asked))
        self.found.assign_add(ops.sum(ops.where(nearest == groups, asked, 0.0)))

    def result(self) -> Any:
        """Returns the share, 0 where no row could be asked."""
        return keras.ops.divide_no_nan(self.found, self.asked)
