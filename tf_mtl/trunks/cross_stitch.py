"""Cross-stitch networks: one network for each task, mixed behind every block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from .blocks import blocks_of, columns_of
from .masked_layers import KeepsMask
from .mixing import Shape, check_equal_shapes, check_share, first_shares, weighted_sum
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class CrossStitch(Trunk):
    """A body for each task; behind each block, every task takes a learnt mix of all of them.

    With x_s the features of task s behind a block, task t goes on with

        x̃_t = Σ_s α_ts x_s          (equation 1 of the paper, for T tasks)

    Shared are all blocks and units but the last units: what task t mixes at the end is its own.

    Args:
        body: What each task has a copy of: a list of units, MLP, CNN, or a list of blocks (layers,
            models, bodies, callables). A single layer or model is one block; `cut` cuts a model.
        own: What a task takes of itself at the start, from 0 to 1; the others share the rest.
        by_channel: Whether α is a vector over the channels (the paper's units), or a number.

    Raises:
        ValueError: If `own` is outside its range, or the features of the tasks differ in shape.

    Reference: I. Misra, A. Shrivastava, A. Gupta, M. Hebert, Cross-stitch Networks for Multi-task
    Learning, CVPR 2016, figure 3. The paper starts from networks trained for each task, and
    trains α at a rate 10² to 10³ times that of the network; here α has the optimizer's rate.

    >>> features = CrossStitch([16, 8])(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(self, body: Any, own: float = 0.9, by_channel: bool = True) -> None:
        check_share(own)
        self.body = body
        self.own = own
        self.by_channel = by_channel

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        features = dict.fromkeys(tasks, inputs)
        for i, block in enumerate(blocks_of(self.body)):
            columns = list(columns_of(block, features).values())
            features = {
                task: CrossStitchUnit(
                    t, self.own, self.by_channel, name=f"{task}_cross_stitch_{i}"
                )(columns)
                for t, task in enumerate(tasks)
            }
        return features


@keras.saving.register_keras_serializable(package="tf_mtl")
class CrossStitchUnit(KeepsMask):
    """The sum of the features of all tasks with the learnt weights of one of them.

    Args:
        index: Position of the task that the unit serves.
        own: First weight of the task's own features; the others share 1 - own.
        by_channel: Whether there is a weight for each channel, or one for all.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: List of T tensors `[B, ..., d]` of equal shape.

    Returns:
        `[B, ..., d]`.

    >>> unit = CrossStitchUnit(0, own=0.75)
    >>> float(unit([keras.ops.ones((1, 1)), keras.ops.zeros((1, 1))])[0, 0])
    0.75
    """

    def __init__(
        self, index: int, own: float = 0.9, by_channel: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.index = index
        self.own = own
        self.by_channel = by_channel

    def build(self, features_shape: Sequence[Shape]) -> None:
        """Creates the weights α `[T, d]`, or `[T, 1]`."""
        check_equal_shapes(features_shape, self.name)
        number = len(features_shape)
        shares = first_shares(number, self.index, self.own)[:, None]
        channels = features_shape[0][-1] if self.by_channel else 1
        self.alpha = self.add_weight(
            name="alpha",
            shape=(number, channels),
            initializer=lambda shape, dtype: keras.ops.cast(np.broadcast_to(shares, shape), dtype),
        )

    def call(self, features: Sequence[Any]) -> Any:
        """Returns the mix of the features."""
        return weighted_sum(features, self.alpha)

    def compute_output_shape(self, features_shape: Sequence[Shape]) -> Shape:
        """The shape of the features of one task."""
        return features_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "index": self.index,
            "own": self.own,
            "by_channel": self.by_channel,
        }
