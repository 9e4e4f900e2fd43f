"""A query of each task to shared features at many positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .copies import copy_of
from .tokens import Shape
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class TaskAttention(Trunk):
    """One body; each task attends to the positions of its features with a learnt query q_t.

        z_t = attention of several heads (query q_t, keys and values h),   h [B, L, d]

    so that every task reads out of a sequence or a map what matters to it, where hard sharing
    gives all of them the same average. Shared are the variables of the body, and nothing else.

    Args:
        body: What the tasks share, from inputs to a sequence `[B, L, d]` or maps
            `[B, height, width, d]`: a layer, model or callable, a pretrained backbone without
            pooling for instance.
        num_heads: Number of heads.
        width: Width of a head; None for d / num_heads.

    Raises:
        ValueError: If an argument is below 1, or the body's features have no positions.

    Reference: J. Lee et al., Set Transformer, ICML 2019 (pooling by attention with a
    learnt query), with one query for each task. A mask of padding is heeded.

    >>> body = keras.layers.Conv1D(8, 3, padding="same")
    >>> features = TaskAttention(body, num_heads=2)(keras.Input((10, 3)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(self, body: Any, num_heads: int = 4, width: int | None = None) -> None:
        self.body = body
        self.num_heads = check_whole(num_heads, "num_heads")
        self.width = None if width is None else check_whole(width, "width")

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        shared = copy_of(self.body, inputs, "shared")
        if len(shared.shape) not in (3, 4):
            raise ValueError(
                "TaskAttention attends to positions: the body's features must be [B, L, d] or [B, "
                f"height, width, d]. Received the shape {tuple(shared.shape)}. Leave out the "
                "pooling of the body."
            )
        if len(shared.shape) == 4:
            shared = keras.layers.Reshape((-1, shared.shape[-1]), name="positions")(shared)
        width = self.width or max(1, shared.shape[-1] // self.num_heads)
        return {
            task: QueryAttention(self.num_heads, width, name=f"{task}_attention")(shared)
            for task in tasks
        }


@keras.saving.register_keras_serializable(package="tf_mtl")
class QueryAttention(keras.layers.Layer):
    """Attention to a sequence with one learnt query.

    Args:
        num_heads: Number of heads.
        width: Width of a head.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: `[B, L, d]`, with a mask of padding or without.

    Returns:
        `[B, d]`.
    """

    def __init__(self, num_heads: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_heads = num_heads
        self.width = width
        self.attention = keras.layers.MultiHeadAttention(
            num_heads, width, dtype=self.dtype_policy, name="attention"
        )

    def build(self, features_shape: Shape) -> None:
        """Creates the query and the projections."""
        self.query = self.add_weight(
            name="query",
            shape=(1, 1, features_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=features_shape[-1] ** -0.5),
        )
        query_shape = (features_shape[0], 1, features_shape[-1])
        self.attention.build(query_shape, features_shape)

    def call(self, features: Any, mask: Any = None) -> Any:
        """Returns what the query finds."""
        shape = (keras.ops.shape(features)[0], 1, features.shape[-1])
        query = keras.ops.broadcast_to(self.query, shape)
        attention_mask = None if mask is None else keras.ops.expand_dims(mask, 1)
        # A copy: Keras' attention takes the mask off what it reads, and other tasks read it too.
        features = keras.ops.copy(features)
        return self.attention(query, features, attention_mask=attention_mask)[:, 0]

    def compute_mask(self, features: Any, previous_mask: Any) -> None:
        """A single vector has no padding."""

    def compute_output_shape(self, features_shape: Shape) -> Shape:
        """The features without their axis of positions."""
        return (features_shape[0], features_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_heads": self.num_heads, "width": self.width}
