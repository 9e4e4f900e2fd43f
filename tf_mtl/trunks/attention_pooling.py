"""A sequence or a map to one vector, by attention."""

from __future__ import annotations

from typing import Any

import keras

from ..whole_numbers import check_whole
from .body import Body
from .tokens import Shape


@keras.saving.register_keras_serializable(package="tf_mtl")
class AttentionPooling(Body):
    """What a learnt query q finds at the positions of a sequence or a map, `[B, d]`.

        z = attention of several heads (query q, keys and values h),   h [B, L, d]

    An average counts each word of a text and each place of an image alike; this one learns which of
    them matter. As a tower, `HardSharing(body, towers={"intent": AttentionPooling()})`, it serves
    one task while others go on with the positions; `TaskAttention` has a query for each task.

    Args:
        num_heads: Number of heads.
        width: Width of a head; None for d / num_heads.

    Raises:
        ValueError: If an argument is below 1, or what is pooled has no positions.

    Reference: J. Lee et al., Set Transformer, ICML 2019, section 3.2, with one seed and without its
    feed-forward layers. A mask of padding is heeded.

    >>> AttentionPooling(num_heads=2)(keras.Input((10, 8))).shape
    (None, 8)
    """

    def __init__(self, num_heads: int = 4, width: int | None = None) -> None:
        self.num_heads = check_whole(num_heads, "num_heads")
        self.width = None if width is None else check_whole(width, "width")

    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns features `[B, d]`.

        Args:
            inputs: Keras tensor `[B, L, d]` or `[B, height, width, d]`.
            name: Prefix of the layers' names.
        """
        name = name or "pooling"
        features = positions(inputs, "AttentionPooling", f"{name}_positions")
        width = self.width or max(1, features.shape[-1] // self.num_heads)
        return QueryAttention(self.num_heads, width, name=f"{name}_attention")(features)


def positions(features: Any, what: str, name: str) -> Any:
    """Returns a sequence `[B, L, d]` of a sequence or a map.

    Args:
        features: Keras tensor.
        what: What attends to it, for the error.
        name: Name of a layer.

    Raises:
        ValueError: If it has no positions.
    """
    if len(features.shape) not in (3, 4):
        raise ValueError(
            f"{what} attends to positions: the body's features must be [B, L, d] or [B, height, "
            f"width, d]. Received the shape {tuple(features.shape)}. Leave out the pooling of the "
            "body."
        )
    if len(features.shape) == 4:
        features = keras.layers.Reshape((-1, features.shape[-1]), name=name)(features)
    return features


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
