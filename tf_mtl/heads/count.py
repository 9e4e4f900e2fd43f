"""How many times something happens."""

from __future__ import annotations

import math
from typing import Any

import keras

from ..losses import NegativeBinomial, Poisson
from ..metrics import ColumnMeanAbsoluteError, MeanPoissonDeviance
from ..names import check_known
from .base import BaseHead, numbers, pool, pooled_shape
from .labels import LabelRule
from .row_labels import CountLabels

_DISTRIBUTIONS = ("poisson", "negative_binomial")
_STEEPEST = 40.0  # its exponential is 2e17: float32 also holds the squares that optimizers take


@keras.saving.register_keras_serializable(package="tf_mtl")
class Count(BaseHead):
    """Mean of a count: visits, claims, failures. With log link, so that it is positive.

    Beyond e^40 times `mean` the exponential goes on as its tangent, so that a step that leads far
    up leaves loss and gradient finite, and the next ones lead back.

    Poisson counts have a variance equal to their mean. Real counts often vary more; the negative
    binomial distribution has the variance mean + dispersion · mean², and the head learns the
    dispersion of each row with its mean.

    Labels are whole numbers from 0 up, `[B]` or `[B, 1]`. Missing: NaN. Negative counts and
    fractions are wrong.

    Args:
        distribution: "poisson", or "negative_binomial", which has a second column of output.
        mean: Mean of the labels, or their sum over the sum of the exposures: where training starts
            from. With counts in the thousands, give it.
        exposure: Name of an input of the model, `[B, 1]` and greater than 0: the time, distance or
            number of persons in which a row's events were counted. The predicted mean is
            proportional to it.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: For an unknown distribution, or a mean that is not greater than 0.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.
        exposure: `[B, 1]`, if the head was made with `exposure`.

    Returns:
        The mean, float32 `[B, 1]`; for negative binomial counts mean and dispersion, `[B, 2]`.

    >>> Count(mean=2.5)(keras.ops.zeros((1, 8))).numpy().tolist()
    [[2.5]]
    >>> Count("negative_binomial")(keras.ops.zeros((1, 8))).shape
    TensorShape([1, 2])
    """

    def __init__(
        self,
        distribution: str = "poisson",
        mean: float = 1.0,
        exposure: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_known([distribution], _DISTRIBUTIONS, "distribution of counts")
        means = numbers("mean", mean)  # data sets have a list of one number
        if len(means) != 1 or not 0 < means[0] < math.inf:
            raise ValueError(
                f"`mean` of a count must be one number greater than 0. Received: mean={mean}."
            )
        self.distribution = distribution
        self.mean = means[0]
        self.exposure = exposure
        self.reads = () if exposure is None else (exposure,)
        self.projection = keras.layers.Dense(1, dtype=self.dtype_policy, name="log_mean")
        self.dispersion = None
        if distribution == "negative_binomial":
            self.dispersion = keras.layers.Dense(
                1, activation="softplus", dtype=self.dtype_policy, name="dispersion"
            )

    def build(
        self,
        features_shape: tuple[int | None, ...],
        exposure_shape: tuple[int | None, ...] | None = None,
    ) -> None:
        """Creates the projections."""
        if (exposure_shape is None) != (self.exposure is None):
            raise ValueError(
                f"The head was made with exposure={self.exposure!r} and called "
                f"{'without' if exposure_shape is None else 'with'} an exposure. Give both or none."
            )
        if exposure_shape is not None and tuple(exposure_shape[1:]) != (1,):
            raise ValueError(
                f"Expected the exposure {self.exposure!r} of shape [B, 1]. Received: "
                f"{tuple(exposure_shape)}."
            )
        self.projection.build(pooled_shape(features_shape))
        if self.dispersion is not None:
            self.dispersion.build(pooled_shape(features_shape))

    def call(self, features: Any, exposure: Any = None) -> Any:
        """Returns the mean, and the dispersion if the distribution has one."""
        features = pool(features)
        mean = self.mean * _exponential(self.projection(features))
        if exposure is not None:
            mean = mean * exposure
        if self.dispersion is None:
            return mean
        return keras.ops.concatenate([mean, self.dispersion(features)], axis=-1)

    @property
    def default_loss(self) -> Any:
        """The likelihood: `tf_mtl.losses.Poisson` or `NegativeBinomial`."""
        return Poisson() if self.dispersion is None else NegativeBinomial()

    @property
    def default_metrics(self) -> list[Any]:
        """Mean Poisson deviance, and mean absolute error."""
        return [MeanPoissonDeviance(), ColumnMeanAbsoluteError(column=0)]

    @property
    def label_rule(self) -> LabelRule:
        """Whole numbers from 0 up."""
        return CountLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "count"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "distribution": self.distribution,
            "mean": self.mean,
            "exposure": self.exposure,
        }


def _exponential(values: Any) -> Any:
    """Returns e^x, and its tangent at `_STEEPEST` from there on."""
    beyond = keras.ops.relu(values - _STEEPEST)
    return keras.ops.exp(values - beyond) * (1.0 + beyond)
