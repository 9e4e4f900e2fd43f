"""The angle between vectors as a loss."""

from __future__ import annotations

from typing import Any

import keras

from .unit_vectors import unit_vectors


@keras.saving.register_keras_serializable(package="tf_mtl")
class CosineDistance(keras.losses.Loss):
    """1 - cos of the angle between label and prediction, from 0 to 2.

    Keras' `CosineSimilarity` is the same without the 1, and so negative; loss weightings that take
    a logarithm or a ratio of losses need losses that end at 0.

    Args:
        reduction: As in Keras.
        name: Name of the loss.

    >>> up, right = keras.ops.array([[0.0, 1.0]]), keras.ops.array([[2.0, 0.0]])
    >>> float(CosineDistance()(up, right))
    1.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "cosine_distance"
    ) -> None:
        super().__init__(name=name, reduction=reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each vector."""
        return 1 - keras.ops.sum(unit_vectors(y_true) * unit_vectors(y_pred), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"reduction": self.reduction, "name": self.name}
