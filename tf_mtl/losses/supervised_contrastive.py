"""Rows of one group near each other, contrasted with all others of the batch."""

from __future__ import annotations

from typing import Any

import keras

from .in_batch import mean_over, pairs


@keras.saving.register_keras_serializable(package="tf_mtl")
class SupervisedContrastive(keras.losses.Loss):
    """Supervised contrastive loss: each row must find those of its group among the batch.

    For a row i with others p of its group, −mean over p of log(exp(zᵢ·zₚ/τ) / Σₐ≠ᵢ exp(zᵢ·zₐ/τ)),
    averaged over the rows that have such others. It is a scalar and 0 where no row has.

    Reference: P. Khosla et al., Supervised contrastive learning, NeurIPS 2020, equation 2.

    Args:
        temperature: τ, greater than 0; the smaller it is, the more the nearest rows count.
        name: Name of the loss.
        dtype: Data type of the computation.

    Raises:
        ValueError: If the temperature is not greater than 0.

    Call arguments:
        y_true: Numbers of groups, `[B]` or `[B, 1]`.
        y_pred: Embeddings of length 1, `[B, d]`.

    >>> loss = SupervisedContrastive(temperature=1.0)
    >>> near = loss([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> far = loss([0, 1, 0], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> bool(near < far)
    True
    """

    def __init__(
        self,
        temperature: float = 0.1,
        name: str = "supervised_contrastive",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if not temperature > 0:
            raise ValueError(f"`temperature` must be greater than 0. Received: {temperature}.")
        self.temperature = temperature

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the mean over the rows that have another of their group in the batch."""
        ops = keras.ops
        same, different = pairs(y_true)
        similarity = ops.matmul(y_pred, ops.transpose(y_pred)) / self.temperature
        others = ops.where(ops.logical_or(same, different), similarity, -1e30)
        logs = similarity - ops.logsumexp(others, axis=-1, keepdims=True)
        positive = ops.cast(same, logs.dtype)
        number = ops.sum(positive, axis=-1)
        costs = -ops.divide_no_nan(ops.sum(ops.where(same, logs, 0.0), axis=-1), number)
        return mean_over(costs, number > 0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"temperature": self.temperature, "name": self.name, "dtype": self.dtype}
