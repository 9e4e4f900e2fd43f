"""Agreement of ordered classes beyond chance."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class QuadraticWeightedKappa(keras.metrics.Metric):
    """Cohen's kappa with the square of the distance in ranks as the weight of a disagreement.

    1 − Σ wᵢⱼ Oᵢⱼ / Σ wᵢⱼ Eᵢⱼ, wᵢⱼ = (i − j)²: O counts pairs of true and most likely class, E is
    what independent pairs of the same margins would give. 1 is full agreement, 0 that of chance.
    It equals `sklearn.metrics.cohen_kappa_score(weights="quadratic")` over all batches together,
    and is 1 where labels and predictions are one and the same class throughout; there
    scikit-learn has NaN.

    Reference: J. Cohen, Weighted kappa, Psychological Bulletin 70, 1968.

    Args:
        num_classes: Number of classes K.
        name: Name of the metric.
        dtype: Data type of the result.

    Call arguments:
        y_true: Class numbers `[B]` or `[B, 1]`.
        y_pred: Probabilities of the classes `[B, K]`.

    >>> metric = QuadraticWeightedKappa(2)
    >>> float(metric([0, 1], [[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """

    def __init__(
        self, num_classes: int, name: str = "quadratic_weighted_kappa", dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        shape = (num_classes, num_classes)
        self.pairs = self.add_variable(shape, "zeros", self.dtype, name="pairs")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts pairs of true and most likely class."""
        true = keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32")
        rows = keras.ops.one_hot(true, self.num_classes, dtype=self.dtype)
        columns = keras.ops.one_hot(
            keras.ops.argmax(y_pred, axis=-1), self.num_classes, dtype=self.dtype
        )
        if sample_weight is not None:
            weight = keras.ops.reshape(keras.ops.cast(sample_weight, self.dtype), (-1, 1))
            rows = rows * weight
        self.pairs.assign_add(keras.ops.matmul(keras.ops.transpose(rows), columns))

    def result(self) -> Any:
        """Returns kappa, 0 before the first batch."""
        pairs = keras.ops.convert_to_tensor(self.pairs)
        total = keras.ops.sum(pairs)
        rank = keras.ops.arange(self.num_classes, dtype=self.dtype)
        distance = keras.ops.square(rank[:, None] - rank[None, :])
        share = keras.ops.divide_no_nan(pairs, total)
        margins = keras.ops.sum(share, axis=1)[:, None] * keras.ops.sum(share, axis=0)[None, :]
        disagreement = keras.ops.divide_no_nan(
            keras.ops.sum(distance * share), keras.ops.sum(distance * margins)
        )
        return keras.ops.where(total > 0, 1.0 - disagreement, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_classes": self.num_classes}
