"""Quantiles of a number: how large it is, and how sure that is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import keras

from ..losses import Pinball, Standardized
from ..metrics import ColumnMeanAbsoluteError, Coverage
from .base import BaseHead, numbers, pool, pooled_shape
from .labels import LabelRule
from .row_labels import NumberLabels


@keras.saving.register_keras_serializable(package="tf_mtl")
class Quantile(BaseHead):
    """Quantiles of a real number, in the user's own units. They never cross.

    The lowest quantile is a projection of the features, each further one adds a positive step to
    the one before. Training starts from the quantiles of a normal distribution.

    Labels are numbers, `[B]` or `[B, 1]`. Missing: NaN.

    Args:
        quantiles: Which quantiles, from low to high, each between 0 and 1.
        mean: Mean of the target in its units, as in `Regression`.
        std: Standard deviation of the target likewise, greater than 0. The loss is computed in
            units of it.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the quantiles are not between 0 and 1 and increasing, or `mean` or `std` is
            not one number that suits.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.

    Returns:
        The quantiles in the target's units, float32 `[B, len(quantiles)]`, increasing.

    >>> head = Quantile([0.1, 0.5, 0.9], mean=170.0, std=10.0)  # a person's height in centimetres
    >>> print(head(keras.ops.zeros((1, 8))).numpy().round(1))
    [[157.2 170.  182.8]]
    """

    def __init__(
        self,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.quantiles = Pinball(quantiles).quantiles  # refuses those outside 0 to 1
        if sorted(set(self.quantiles)) != self.quantiles:
            raise ValueError(
                f"`quantiles` must increase. Received: {list(quantiles)}. Write "
                f"{sorted(set(self.quantiles))}."
            )
        self.mean = _one("mean", mean)
        self.std = _one("std", std)
        normal = [NormalDist().inv_cdf(quantile) for quantile in self.quantiles]
        steps = [high - low for low, high in itertools.pairwise(normal)]
        self.projection = keras.layers.Dense(
            len(self.quantiles),
            bias_initializer=keras.initializers.Constant(
                [normal[0], *(math.log(math.expm1(step)) for step in steps)]
            ),
            dtype=self.dtype_policy,
            name="steps",
        )
        Standardized(Pinball(quantiles), self.mean, self.std)  # refuses a std that is not positive

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any) -> Any:
        """Returns the quantiles in the target's units."""
        steps = self.projection(pool(features))
        steps = keras.ops.concatenate([steps[:, :1], keras.ops.softplus(steps[:, 1:])], axis=-1)
        return keras.ops.cumsum(steps, axis=-1) * self.std + self.mean

    @property
    def default_loss(self) -> Any:
        """Pinball loss in standardised units, averaged over the quantiles."""
        return Standardized(Pinball(self.quantiles), self.mean, self.std)

    @property
    def default_metrics(self) -> list[Any]:
        """Share of labels inside the outer quantiles, and error of the one nearest the median."""
        distances = [abs(quantile - 0.5) for quantile in self.quantiles]
        lower = None if len(self.quantiles) == 1 else 0  # one quantile: the share of labels below
        return [
            Coverage(lower=lower, upper=-1),
            ColumnMeanAbsoluteError(column=distances.index(min(distances))),
        ]

    @property
    def label_rule(self) -> LabelRule:
        """Numbers, NaN where missing."""
        return NumberLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "quantile"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "quantiles": self.quantiles,
            "mean": self.mean,
            "std": self.std,
        }


def _one(argument: str, value: float | Sequence[float]) -> float:
    values = numbers(argument, value)  # data sets have one number for each unit of a regression
    if len(values) != 1:
        raise ValueError(
            f"`{argument}` must be one number, since a Quantile head has a single target. "
            f"Received: {value}. Give each target a task of its own."
        )
    return values[0]
