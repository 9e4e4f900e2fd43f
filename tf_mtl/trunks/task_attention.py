"""A query of each task to shared features at many positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .attention_pooling import AttentionPooling, positions
from .copies import copy_of
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
        shared = positions(copy_of(self.body, inputs, "shared"), "TaskAttention", "positions")
        pooling = AttentionPooling(self.num_heads, self.width)
        return {task: pooling(shared, task) for task in tasks}
