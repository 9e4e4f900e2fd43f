"""A regression loss in standardised units."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from ..keras_internals import resolve_loss


@keras.saving.register_keras_serializable(package="tf_mtl")
class Standardized(keras.losses.Loss):
    """Computes another loss after mapping labels and predictions to `(value - mean) / std`.

    A regression in large units (a price, a temperature in kelvin) would otherwise drown the other
    tasks of the model. The predictions themselves stay in the user's units.

    Args:
        loss: A Keras loss: a name, a config or an instance.
        mean: A float, or one float for each dimension of the target, in the target's units.
        std: As `mean`; greater than 0.
        name: Name of the loss.

    Raises:
        ValueError: If `mean` or `std` is not finite, or `std` is not positive.

    >>> loss = Standardized("mean_squared_error", mean=20.0, std=10.0)
    >>> float(loss(keras.ops.array([[30.0]]), keras.ops.array([[50.0]])))  # ((30 - 50) / 10) ** 2
    4.0
    """

    def __init__(
        self,
        loss: str | dict | keras.losses.Loss,
        mean: float | list[float] = 0.0,
        std: float | list[float] = 1.0,
        name: str = "standardized",
    ) -> None:
        self.inner = resolve_loss(loss)
        super().__init__(name=name, reduction=self.inner.reduction)
        if not all(math.isfinite(value) for value in [*_as_list(mean), *_as_list(std)]):
            raise ValueError(
                f"`mean` and `std` must be finite. Received: mean={mean}, std={std}. Where labels "
                "are missing, take np.nanmean and np.nanstd, or Regression.for_labels."
            )
        if any(value <= 0 for value in _as_list(std)):
            raise ValueError(
                f"`std` must be greater than 0 in every dimension. Received: std={std}. "
                "A dimension that never varies needs no head; leave it out or pass std=1."
            )
        self.loss = loss
        self.mean = mean
        self.std = std

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the unreduced loss of the standardised values."""
        return self.inner.call(self.standardize(y_true), self.standardize(y_pred))

    def standardize(self, values: Any) -> Any:
        """Returns `[..., D]` labels or predictions in standardised units."""
        return (values - self.mean) / self.std

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "loss": keras.saving.serialize_keras_object(self.loss),
            "mean": self.mean,
            "std": self.std,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Standardized:
        """Returns the loss of a config."""
        loss = keras.saving.deserialize_keras_object(config["loss"])
        return cls(**{**config, "loss": loss})


def _as_list(value: float | list[float]) -> list[float]:
    return np.ravel(value).tolist()
