"""What a loss weighting makes of the losses of a step, and the weights that follow."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ..weightings import LossWeighting


class Weighed(NamedTuple):
    """What a weighting makes of the losses of a step.

    Attributes:
        weights: `[T]`, by which the losses count.
        total: The weighted loss, as it is displayed and as a weighting differentiates it.
        of_weighting: Gradients of `total` by what the weighting learns.
    """

    weights: tf.Tensor
    total: tf.Tensor
    of_weighting: list[tf.Tensor]


def weighed_by(weighting: LossWeighting, losses: tf.Tensor, present: tf.Tensor) -> Weighed:
    """Returns what a weighting makes of losses: its derivatives are their weights.

    Args:
        weighting: Built for T tasks.
        losses: `[T]`, of the global batch.
        present: `[T]`, which tasks have a label in it.
    """
    trained = [variable.value for variable in weighting.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(losses)
        total = tf.reduce_sum(weighting(losses, present))
    weights, *of_weighting = tape.gradient(
        total, [losses, *trained], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return Weighed(weights, total, of_weighting)
