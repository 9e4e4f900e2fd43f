"""Accuracy of tokens in batches of any length."""

from __future__ import annotations

from typing import Any

import keras

from ..keras_internals import keras_mask


@keras.saving.register_keras_serializable(package="tf_mtl")
class TokenAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Share of tokens whose most likely class is right, over the tokens of all batches.

    Keras' own `SparseCategoricalAccuracy` takes the mean of each row first, so that a token counts
    less the longer the longest text of its batch is.

    Args:
        name: Name of the metric.
        dtype: Type of the sums.

    >>> metric = TokenAccuracy()
    >>> metric.update_state([[1]], keras.ops.one_hot([[1]], 2))
    >>> metric.update_state([[0, 1, 1]], keras.ops.one_hot([[0, 0, 0]], 2))
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds the tokens of a batch.

        Args:
            y_true: Classes `[B, steps]`, or `[B, steps, 1]`.
            y_pred: Probabilities `[B, steps, classes]`.
            sample_weight: `[B]` or `[B, steps]`, or None.
        """
        ops = keras.ops
        shape = ops.shape(y_pred)
        weight = ops.ones(shape[:2], self.dtype)
        if sample_weight is not None:
            given = ops.cast(sample_weight, self.dtype)
            weight = weight * (given if len(given.shape) == 2 else given[:, None])
        if keras_mask(y_pred) is not None:
            weight = weight * ops.cast(keras_mask(y_pred), self.dtype)
        super().update_state(
            ops.reshape(y_true, (-1,)),
            ops.reshape(y_pred, (-1, shape[-1])),
            ops.reshape(weight, (-1,)),
        )
