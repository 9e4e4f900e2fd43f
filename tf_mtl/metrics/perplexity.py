"""Perplexity of a language model."""

from __future__ import annotations

from typing import Any

import keras

from ..keras_internals import keras_mask


@keras.saving.register_keras_serializable(package="tf_mtl")
class Perplexity(keras.metrics.Metric):
    """exp of the mean cross-entropy of the tokens: among how many the model hesitates.

    The mean is over all tokens of all batches, as papers report it; the mean of the batches'
    perplexities would be another number.

    Args:
        name: Name of the metric.
        dtype: Type of the sums.

    >>> metric = Perplexity()
    >>> metric.update_state([[0, 3]], keras.ops.ones((1, 2, 4)) / 4)
    >>> float(metric.result())
    4.0
    """

    def __init__(self, name: str = "perplexity", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total, self.count = (
            self.add_variable((), "zeros", self.dtype, name=name) for name in ("total", "count")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds the tokens of a batch.

        Args:
            y_true: Tokens `[B, steps]`, or `[B, steps, 1]`.
            y_pred: Probabilities `[B, steps, tokens]`.
            sample_weight: `[B]` or `[B, steps]`, or None.
        """
        y_true = keras.ops.reshape(y_true, keras.ops.shape(y_pred)[:-1])
        losses = keras.ops.sparse_categorical_crossentropy(y_true, y_pred)
        weight = keras.ops.ones_like(losses)
        if sample_weight is not None:
            given = keras.ops.cast(sample_weight, losses.dtype)
            weight = weight * (given if len(given.shape) == 2 else given[:, None])
        if keras_mask(y_pred) is not None:
            weight = weight * keras.ops.cast(keras_mask(y_pred), losses.dtype)
        self.total.assign_add(keras.ops.sum(losses * weight))
        self.count.assign_add(keras.ops.sum(weight))

    def result(self) -> Any:
        """Returns the perplexity, 1 where there are no tokens."""
        return keras.ops.exp(keras.ops.divide_no_nan(self.total, self.count))
