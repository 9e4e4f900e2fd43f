"""The likelihood of counts that vary more than Poisson's."""

from __future__ import annotations

from typing import Any

import keras

# At arguments from here on three terms of Stirling's series are exact in float32.
_SHIFT = 8
_LEAST_DISPERSION = 1e-12  # in float32 the same as none; the square of its reciprocal is finite
_LEAST_MEAN = 1e-30


@keras.saving.register_keras_serializable(package="tf_mtl")
class NegativeBinomial(keras.losses.Loss):
    """Negative log-likelihood of counts with mean μ and variance μ + αμ², α the dispersion.

    The term log y!, which no prediction changes, is left out as in `Poisson`, which
    is the limit for α → 0. The log-gamma functions of y + 1/α and of 1/α differ by little where α
    is small and would cancel in float32, so their difference is expanded at once: the loss is
    exact to about 1e-6 of its terms for any α, and so is the gradient with respect to log α; that
    with respect to log μ is, of its terms μ/(1 + αμ) and y/(1 + αμ).

    Reference: J. M. Hilbe, Negative Binomial Regression, 2nd edition, Cambridge 2011, equation
    8.8 (NB2).

    Args:
        name: Name of the loss.
        reduction: As in every Keras loss.
        dtype: Data type of the computation.

    Call arguments:
        y_true: Counts, `[B]` or `[B, 1]`.
        y_pred: Mean and dispersion, `[B, 2]`, both greater than 0.

    >>> loss = NegativeBinomial()
    >>> round(float(loss(keras.ops.array([[3.0]]), keras.ops.array([[2.0, 0.5]]))), 4)  # log 4/3
    0.2877
    """

    def __init__(
        self,
        name: str = "negative_binomial",
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each row, `[B]`."""
        ops = keras.ops
        count = ops.reshape(y_true, (-1,))
        mean, dispersion = y_pred[:, 0], ops.maximum(y_pred[:, 1], _LEAST_DISPERSION)
        size = 1.0 / dispersion
        # log(1 + αμ) − log μ at once: apart, their gradients of counts in millions would cancel.
        per_event = ops.log(dispersion + ops.exp(-ops.log(ops.maximum(mean, _LEAST_MEAN))))
        return count * per_event + size * ops.log1p(mean * dispersion) - _log_rising(count, size)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "reduction": self.reduction, "dtype": self.dtype}


def _log_rising(count: Any, size: Any) -> Any:
    """Returns lgamma(size + count) − lgamma(size) − count · log(size)."""
    ops = keras.ops
    large = size + _SHIFT
    stirling = (large + count - 0.5) * ops.log1p(count / large) - count
    stirling = stirling + _series(large + count) - _series(large) + count * ops.log1p(_SHIFT / size)
    return stirling - sum(ops.log1p(count / (size + i)) for i in range(_SHIFT))


def _series(x: Any) -> Any:
    """Returns the first terms of Stirling's series, 1/12x − 1/360x³ + 1/1260x⁵."""
    inverse = 1.0 / x
    square = inverse * inverse
    return inverse * (1 / 12 - square * (1 / 360 - square / 1260))
