"""Vectors that are near each other for rows of one group."""

from __future__ import annotations

from typing import Any

import keras

from ..losses import SupervisedContrastive, unit_vectors
from ..metrics import RecallAtOne
from ..whole_numbers import check_whole
from .base import BaseHead, pool, pooled_shape
from .labels import LabelRule
from .row_labels import GroupLabels


@keras.saving.register_keras_serializable(package="tf_mtl")
class Embedding(BaseHead):
    """Unit vectors for search: rows of one group lie near each other, others far.

    For groups that are too many to have a class each, or that come after training: persons,
    products, songs. Similarity is the scalar product of two outputs.

    The loss compares the rows of a batch with each other. So batches need several rows of a group;
    a row whose label is missing, or whose weight is 0, takes no part in the comparison at all, and
    other weights of the batch count by their mean. Under a distribution strategy the rows of one
    replica are compared with each other, and the step is not exactly that of one device.

    Labels are numbers of groups, whole and from 0 up, `[B]` or `[B, 1]`. Missing: -1 or NaN.

    Args:
        units: Dimensions of the vectors.
        loss: A loss of a batch of embeddings, `tf_mtl.losses.BatchHardTriplet()` for instance;
            None for `tf_mtl.losses.SupervisedContrastive()`.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `units` is less than 1.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.

    Returns:
        Vectors of length 1, float32 `[B, units]`.

    >>> Embedding(16)(keras.ops.ones((2, 8))).shape
    TensorShape([2, 16])
    """

    def __init__(
        self, units: int = 64, loss: Any = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.units = check_whole(units, "units")
        self.loss = loss
        self.projection = keras.layers.Dense(self.units, dtype=self.dtype_policy, name="projection")

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the projection."""
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any) -> Any:
        """Returns vectors of length 1."""
        return unit_vectors(self.projection(pool(features)))

    @property
    def default_loss(self) -> Any:
        """The loss given, or the supervised contrastive one."""
        return SupervisedContrastive() if self.loss is None else self.loss

    @property
    def default_metrics(self) -> list[Any]:
        """How often the nearest row of the batch is of the same group."""
        return [RecallAtOne()]

    @property
    def label_rule(self) -> LabelRule:
        """Numbers of groups."""
        return GroupLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "embedding"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "loss": keras.saving.serialize_keras_object(self.loss),
        }
