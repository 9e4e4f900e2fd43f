"""GradDrop: let each coordinate of the gradient pick a sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.aggregator import Aggregator, Answer
from tf_mtl.aggregators.draws import uniforms
from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_number, check_seed


@keras.saving.register_keras_serializable(package="tf_mtl")
class GradDrop(Aggregator):
    """The sum of the gradients, in each coordinate only of those with the sign that was drawn.

    The positive sign is drawn with the probability P = ½ (1 + Σ_t g_t / Σ_t |g_t|), coordinate by
    coordinate, so that conflicting updates become one of their sides at random.

    Reference: Chen et al., "Just Pick a Sign: Optimizing Deep Multitask Models with Gradient Sign
    Dropout", NeurIPS 2020, algorithm 1, lines 10 to 15, with the identity for f and on gradients
    of the parameters, where the paper takes those at a layer's output. Draws depend on the seed
    and the step alone.

    Args:
        leak: part of each gradient that always passes: one number, or one for each task,
            `{task: number}` or a list.
        seed: seed of the draws.
        **options: `groups` and `name`, as every `Aggregator`; `wrt` and `every` cannot be changed.

    >>> g = GradDrop()(keras.ops.array([[-4.0, 1.0, 1.0], [-6.0, 1.0, 1.0]]))
    >>> g.numpy()
    array([-10.,   2.,   2.], dtype=float32)
    """

    first_block = 0

    def __init__(self, leak: float | PerTask = 0.0, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.leak = dict(leak) if isinstance(leak, Mapping) else np.asarray(leak).tolist()
        for value in tf.nest.flatten(self.leak):
            check_number("leak", value, 0.0, 1.0)
        check_seed(seed)
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "leak": self.leak, "seed": self.seed}

    def _given(self) -> dict[str, Any]:
        return {"leak": self._in_order("leak", self.leak)}

    def _build_layers(self, shapes: Sequence[Any]) -> None:
        super()._build_layers(shapes)
        first = 0
        for part, shape in zip(self._parts, shapes, strict=True):
            part.first_block = first  # no two layers draw the same numbers
            first += len(tf.nest.flatten(shape)) // 2

    def _aggregate(self, blocks: list[Any], losses: Any, gramian: Any, state: Any) -> Answer:
        gradient, leak = [], self._given()["leak"]
        for number, block in enumerate(blocks, start=self.first_block):
            drawn = uniforms(block.shape[1:], self.seed + number * 2**32, state["step"])
            gradient.append(drop_signs(block, drawn, leak))
        return Answer(gradient)


def drop_signs(block: Any, drawn: Any, leak: float | Sequence[float]) -> Any:
    """Returns the sum of the rows with the drawn sign: positive where P exceeds what was
    drawn from [0, 1).
    """
    rows = tf.cast(block, drawn.dtype)
    total, absolute = tf.reduce_sum(rows, 0), tf.reduce_sum(tf.abs(rows), 0)
    positive = 0.5 + 0.5 * tf.math.divide_no_nan(total, absolute) > drawn
    passes = (positive & (rows > 0)) | (~positive & (rows < 0))
    leak = tf.reshape(tf.constant(leak, rows.dtype), [-1, 1])
    return tf.cast(tf.reduce_sum(tf.where(passes, rows, leak * rows), 0), block.dtype)
