"""Rows of one group nearer to each other than to any other row of the batch."""

from __future__ import annotations

from typing import Any

import keras

from .in_batch import mean_over, pairs


@keras.saving.register_keras_serializable(package="tf_mtl")
class BatchHardTriplet(keras.losses.Loss):
    """Triplet loss with the hardest pairs of the batch.

    For each row, max(0, margin + squared distance of the farthest row of its group − squared
    distance of the nearest row of another), averaged over the rows that have both. It is a scalar
    and 0 where no row has.

    Reference: A. Hermans, L. Beyer and B. Leibe, In defense of the triplet loss for person
    re-identification, 2017, equation 5. Deviation: distances are squared and embeddings have
    length 1, as in F. Schroff et al., FaceNet, CVPR 2015, so that there is a gradient at
    distance 0.

    Args:
        margin: How much nearer a row's own group must be; squared distances are at most 4.
        name: Name of the loss.
        dtype: Data type of the computation.

    Raises:
        ValueError: If the margin is negative.

    Call arguments:
        y_true: Numbers of groups, `[B]` or `[B, 1]`.
        y_pred: Embeddings of length 1, `[B, d]`.

    >>> loss = BatchHardTriplet(margin=0.2)
    >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])), 4)  # (2.2 + 0.2) / 2
    1.2
    """

    def __init__(
        self, margin: float = 0.2, name: str = "batch_hard_triplet", dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if margin < 0:
            raise ValueError(f"`margin` must not be negative. Received: {margin}.")
        self.margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the mean over the rows that have a row of their group and one of another."""
        ops = keras.ops
        same, different = pairs(y_true)
        distances = 2.0 - 2.0 * ops.matmul(y_pred, ops.transpose(y_pred))
        farthest = ops.max(ops.where(same, distances, -1.0), axis=-1)
        nearest = ops.min(ops.where(different, distances, 5.0), axis=-1)
        complete = ops.logical_and(ops.any(same, axis=-1), ops.any(different, axis=-1))
        return mean_over(ops.relu(farthest - nearest + self.margin), complete)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"margin": self.margin, "name": self.name, "dtype": self.dtype}
