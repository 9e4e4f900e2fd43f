"""The likelihood of Poisson counts."""

from __future__ import annotations

from typing import Any

import keras

_LEAST_MEAN = 1e-30


@keras.saving.register_keras_serializable(package="tf_mtl")
class Poisson(keras.losses.Loss):
    """Negative log-likelihood of counts with mean μ: μ − y log μ.

    The term log y!, which no prediction changes, is left out, as in Keras' own Poisson loss. That
    adds 1e-7 to μ in the logarithm, so that events rarer than this have no gradient.

    Args:
        name: Name of the loss.
        reduction: As in every Keras loss.
        dtype: Data type of the computation.

    Call arguments:
        y_true: Counts, `[B]` or `[B, 1]`.
        y_pred: Means, `[B, 1]`, greater than 0.

    >>> round(float(Poisson()([[3.0]], keras.ops.array([[2.0]]))), 4)  # 2 - 3 log 2
    -0.0794
    """

    def __init__(
        self,
        name: str = "poisson",
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each row, `[B]`."""
        count, mean = keras.ops.reshape(y_true, (-1,)), y_pred[:, 0]
        return mean - count * keras.ops.log(keras.ops.maximum(mean, _LEAST_MEAN))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "reduction": self.reduction, "dtype": self.dtype}
