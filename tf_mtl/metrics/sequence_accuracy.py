"""Share of sequences that are right as a whole."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class SequenceAccuracy(keras.metrics.Mean):
    """Share of rows in which the class of every step is right; steps of weight 0 do not count.

    A row has the weight of its first step that counts; one without such steps does not count.

    Args:
        name: Name of the metric.
        dtype: Type of the sums.

    >>> metric = SequenceAccuracy()
    >>> metric.update_state([[0, 1], [0, 0]], keras.ops.one_hot([[0, 1], [0, 1]], 2))
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name: str = "sequence_accuracy", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts the rows of a batch.

        Args:
            y_true: Classes `[B, steps]`.
            y_pred: Probabilities `[B, steps, classes]`.
            sample_weight: `[B]` or `[B, steps]`, or None.
        """
        right = keras.ops.equal(
            keras.ops.cast(y_true, "int32"),
            keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), "int32"),
        )
        if sample_weight is None:
            super().update_state(keras.ops.all(right, axis=1))
            return
        weight = keras.ops.cast(sample_weight, self.dtype)
        if len(weight.shape) == 1:
            weight = weight[:, None]
        first = keras.ops.argmax(weight != 0, axis=1)
        super().update_state(
            keras.ops.all(right | (weight == 0), axis=1),
            keras.ops.take_along_axis(weight, first[:, None], axis=1)[:, 0],
        )
