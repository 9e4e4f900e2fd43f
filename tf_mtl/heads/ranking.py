"""The order of the items of a list."""

from __future__ import annotations

from typing import Any

import keras

from ..names import check_known
from ..whole_numbers import check_whole
from .base import BaseHead
from .labels import LabelRule
from .row_labels import RelevanceLabels

_LOSSES = {"pairwise": "PairwiseLogisticLoss", "listwise": "ListMLELoss"}


@keras.saving.register_keras_serializable(package="tf_mtl")
class Ranking(BaseHead):
    """Scores by which the items of a list are put in order: search results, offers, candidates.

    Every row is a list of items, each with features of its own. Losses and metrics are those of
    keras-rs: "pairwise" compares every two items (RankNet's logistic loss), "listwise" takes the
    likelihood of the whole order (ListMLE).

    Labels say how relevant each item is, numbers from 0 up, `[B, items]`. Shorter lists are padded:
    -1 or NaN marks an item that does not count. A list without any item is missing.

    Needs keras-rs: `pip install 'tf_mtl[ranking]'`.

    References: C. Burges et al., Learning to rank using gradient descent, ICML 2005; F. Xia et
    al., Listwise approach to learning to rank, ICML 2008.

    Args:
        loss: "pairwise" or "listwise".
        k: Items at the top of a list that count for the metric; None for all.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: For an unknown loss, a `k` below 1, or features that are no lists.
        ImportError: From `compile`, if keras-rs is not installed.

    Call arguments:
        features: `[B, items, d]`.

    Returns:
        Scores, float32 `[B, items]`; the higher, the nearer to the top.

    >>> Ranking()(keras.ops.ones((2, 10, 8))).shape
    TensorShape([2, 10])
    """

    def __init__(
        self,
        loss: str = "pairwise",
        k: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_known([loss], _LOSSES, "ranking loss")
        self.loss = loss
        self.k = None if k is None else check_whole(k, "k", hint="None takes whole lists.")
        self.projection = keras.layers.Dense(1, dtype=self.dtype_policy, name="score")

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        if len(features_shape) != 3 or features_shape[-1] is None:
            raise ValueError(
                "Ranking needs features of shape [B, items, d] with a known d. Received features "
                f"of shape {tuple(features_shape)}. Use a trunk that keeps the items apart: Keras' "
                "Dense layers work on the last axis."
            )
        self.projection.build(features_shape)

    def call(self, features: Any) -> Any:
        """Returns the score of each item."""
        return keras.ops.squeeze(self.projection(features), axis=-1)

    @property
    def default_loss(self) -> Any:
        """The pairwise or listwise loss of keras-rs."""
        return getattr(_keras_rs().losses, _LOSSES[self.loss])()

    @property
    def default_metrics(self) -> list[Any]:
        """Normalised discounted cumulative gain, ties in a fixed order."""
        return [_keras_rs().metrics.NDCG(k=self.k, shuffle_ties=False, name="ndcg")]

    @property
    def label_rule(self) -> LabelRule:
        """Relevance from 0 up, -1 or NaN where there is no item."""
        return RelevanceLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "ranking"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "loss": self.loss, "k": self.k}


def _keras_rs() -> Any:
    try:
        import keras_rs
    except ImportError as error:
        raise ImportError(
            "Losses and metrics of Ranking come from keras-rs: pip install 'tf_mtl[ranking]'."
        ) from error
    return keras_rs
