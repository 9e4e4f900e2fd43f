"""How long until an event, where some rows have not had it yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from ..losses import DiscreteHazard, checked_edges, survival_curve
from ..metrics import ConcordanceIndex
from ..whole_numbers import check_whole
from .base import BaseHead, pool, pooled_shape
from .labels import LabelRule
from .row_labels import SurvivalLabels


@keras.saving.register_keras_serializable(package="tf_mtl")
class Survival(BaseHead):
    """Survival curve over K bins of time, learnt from rows that may be censored.

    A censored row is one whose event has not come while it was observed. It says that the time is
    longer, which a regression could neither use nor leave out without bias. The head has one
    hazard for each bin (the probability of the event there for those who reached it) and needs
    no assumption on how hazards change in time.

    Labels are pairs `[B, 2]`: the duration, or the number of its bin, and 1 for an event or 0 where
    censored. Missing: NaN or -1 in either, for neither can be negative.

    Args:
        num_bins: Number of bins K, if labels hold numbers of bins from 0 to K − 1.
        edges: Upper ends of the bins, increasing from above 0, if labels hold durations, in
            the same unit. A duration equal to an edge belongs to the bin that ends there; a row
            censored in the second half of a bin counts as one that survived it.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If there is neither or both of `num_bins` and `edges`, or the edges do not
            increase.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.

    Returns:
        Probability of no event until the end of each bin, float32 `[B, K]`, falling.

    >>> head = Survival(edges=[1.0, 2.0, 5.0])  # years
    >>> print(head(keras.ops.zeros((1, 8))).numpy().round(3))  # hazards of 1/4 at first
    [[0.75  0.562 0.422]]
    """

    def __init__(
        self,
        num_bins: int | None = None,
        edges: Sequence[float] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if (num_bins is None) == (edges is None):
            raise ValueError(
                "Survival needs `num_bins`, where labels hold numbers of bins, or `edges`, where "
                f"they hold durations. Received: num_bins={num_bins}, edges={edges}."
            )
        self.edges = checked_edges(edges)
        self.num_bins = None if num_bins is None else check_whole(num_bins, "num_bins")
        self.projection = keras.layers.Dense(
            self._size,
            bias_initializer=keras.initializers.Constant(-math.log(self._size)),
            dtype=self.dtype_policy,
            name="hazards",
        )

    @property
    def _size(self) -> int:
        return self.num_bins or len(self.edges or ())

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any) -> Any:
        """Returns the survival curve."""
        return survival_curve(self.projection(pool(features)))

    @property
    def default_loss(self) -> Any:
        """The likelihood of discrete hazards."""
        return DiscreteHazard(self.edges)

    @property
    def default_metrics(self) -> list[Any]:
        """Concordance index."""
        return [ConcordanceIndex(self._size, self.edges)]

    @property
    def label_rule(self) -> LabelRule:
        """Pairs (time, event)."""
        return SurvivalLabels(self.num_bins)

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "survival"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_bins": self.num_bins, "edges": self.edges}
