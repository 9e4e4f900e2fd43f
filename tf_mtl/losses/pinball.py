"""The loss whose minimum is a quantile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tf_mtl")
class Pinball(keras.losses.Loss):
    """Pinball loss, averaged over several quantiles: max(q (y − ŷ), (q − 1) (y − ŷ)).

    Too low a prediction of the 0.9 quantile costs nine times as much as too high a one, so that
    it is best where nine labels in ten lie below.

    Reference: R. Koenker and G. Bassett, Regression quantiles, Econometrica 46, 1978.

    Args:
        quantiles: Each between 0 and 1, one for each column of the output.
        name: Name of the loss.
        reduction: As in every Keras loss.
        dtype: Data type of the computation.

    Raises:
        ValueError: If there is no quantile, or one is not between 0 and 1.

    Call arguments:
        y_true: Numbers, `[B]` or `[B, 1]`.
        y_pred: Quantiles of each row, `[B, K]`.

    >>> loss = Pinball([0.5, 0.9])
    >>> label, output = keras.ops.array([[10.0]]), keras.ops.array([[10.0, 8.0]])
    >>> round(float(loss(label, output)), 4)  # (0 + 0.9 * 2) / 2
    0.9
    """

    def __init__(
        self,
        quantiles: Sequence[float],
        name: str = "pinball",
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        several = isinstance(quantiles, Iterable) and not isinstance(quantiles, str)
        self.quantiles = [float(quantile) for quantile in quantiles] if several else []
        if not self.quantiles or not all(0 < quantile < 1 for quantile in self.quantiles):
            raise ValueError(
                "`quantiles` must hold at least one number, each greater than 0 and less than 1. "
                f"Received: {quantiles!r}."
            )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each row, `[B]`."""
        error = keras.ops.reshape(y_true, (-1, 1)) - y_pred
        shares = keras.ops.convert_to_tensor(self.quantiles, y_pred.dtype)
        return keras.ops.mean(keras.ops.maximum(shares * error, (shares - 1) * error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "quantiles": self.quantiles,
            "name": self.name,
            "reduction": self.reduction,
            "dtype": self.dtype,
        }
