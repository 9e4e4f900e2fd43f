"""One of several classes that have an order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras

from ..metrics import QuadraticWeightedKappa, RankError
from .base import pool, pooled_shape
from .classes import ClassesHead

_SMALLEST = 1e-30  # a gap of float32 whose logarithm exists


@keras.saving.register_keras_serializable(package="tf_mtl")
class Ordinal(ClassesHead):
    """Probabilities of ordered classes: a grade, a rating, a stage of a disease.

    The cumulative link model with logistic link (proportional odds): the features are worth one
    score, and P(y ≤ k) = σ(θₖ − score). The thresholds θₖ are learnt, and increase by construction,
    so that the cumulative probabilities are always in order. A class far from the true one costs
    more than a near one, since between them the score passes every threshold.

    The loss is the likelihood of the class, Keras' sparse categorical cross-entropy. The head gives
    it log-probabilities that are exact in float32 however far the score is from a threshold.
    CORAL (Cao, Mirjalili and Raschka, 2020) has the same score and thresholds, unordered at first,
    and adds up the cross-entropies of the K − 1 questions y > k instead.

    Labels are class numbers `[B]` or `[B, 1]` in the order of the classes, or class names where the
    head has them. Missing: -1, NaN or "".

    Reference: P. McCullagh, Regression models for ordinal data, Journal of the Royal Statistical
    Society B 42, 1980.

    Args:
        num_classes: Number of classes K, at least 2. May be left out when `class_names` is given.
        class_names: Names from the lowest to the highest class. They go into the SavedModel.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If there are fewer than two classes, or their number and names disagree.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.

    Returns:
        Probabilities of the classes, float32 `[B, K]`.

    >>> head = Ordinal(class_names=["poor", "fair", "good", "excellent"])
    >>> head(keras.ops.zeros((1, 8))).numpy().round(3).tolist()  # before training all are equal
    [[0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(
        self,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, class_names, name=name, **kwargs)
        self.projection = keras.layers.Dense(
            1, use_bias=False, dtype=self.dtype_policy, name="score"
        )

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection and the thresholds, which divide a score of 0 evenly."""
        self.projection.build(pooled_shape(features_shape))
        shares = [(k + 1) / self.num_classes for k in range(self.num_classes - 1)]
        thresholds = [math.log(share / (1 - share)) for share in shares]
        gaps = [high - low for low, high in itertools.pairwise(thresholds)]
        self.first = self.add_weight(
            shape=(1,), initializer=keras.initializers.Constant(thresholds[:1]), name="threshold"
        )
        self.gaps = self.add_weight(
            shape=(len(gaps),),
            initializer=keras.initializers.Constant([math.log(math.expm1(gap)) for gap in gaps]),
            name="gaps",
        )

    def call(self, features: Any) -> Any:
        """Returns the probabilities of the classes."""
        ops = keras.ops
        gaps = ops.maximum(ops.softplus(self.gaps), _SMALLEST)
        thresholds = ops.cumsum(ops.concatenate([self.first, gaps]))
        cumulative = thresholds - self.projection(pool(features))  # [B, K - 1], logits of y <= k
        below, above = ops.log_sigmoid(cumulative), ops.log_sigmoid(-cumulative)
        # σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a)): no difference of two nearly equal numbers.
        between = below[:, 1:] + above[:, :-1] + ops.log(-ops.expm1(-gaps))
        logs = ops.concatenate([below[:, :1], between, above[:, -1:]], axis=-1)
        # They add up to 1 already. The softmax changes nothing, and lets Keras find the logarithms.
        return keras.activations.softmax(logs)

    @property
    def default_metrics(self) -> list[Any]:
        """Mean error in ranks, and the quadratic weighted kappa."""
        return [RankError(), QuadraticWeightedKappa(self.num_classes, name="kappa")]

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "ordinal"
