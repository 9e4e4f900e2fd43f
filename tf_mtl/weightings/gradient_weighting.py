"""Weightings that look at the tasks' gradients before they weigh the losses."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_mtl.weightings.weighting import LossWeighting


class GradientWeighting(LossWeighting):
    """A weighting that needs the T gradients of the unweighted losses by the shared variables.

    In each step it first looks at them, and then weighs the losses. A training step takes T
    backward passes and weighs what they gave, so that it takes no other pass.
    """

    def look(self, blocks: Sequence[Any], present: Any = None) -> None:
        """Looks at the gradients of a step; nothing moves where one of them is not finite.

        Args:
            blocks: list of `[T, n_i]` gradients of the global batch, one for each shared variable.
            present: `[T]` bool, False for a task without a labelled row in this batch. What is
                remembered of absent tasks stays as it was.

        Raises:
            ValueError: if the method was built for gradients of other shapes, or for losses alone.
        """
        blocks = [tf.cast(block, tf.float32) for block in blocks]
        shapes = [tuple(block.shape) for block in blocks]
        if not self.built:
            self.build(shapes)
        self._check_shapes(shapes)
        before = self.read_state()
        here = tf.ones([shapes[0][0]], tf.bool) if present is None else tf.cast(present, tf.bool)
        after = self._look(blocks, here, dict(before))
        finite = [tf.reduce_all(tf.math.is_finite(block)) for block in blocks]
        moves = here & tf.reduce_all(finite)
        for key, value in after.items():
            if value is not before[key]:
                moving = tf.reshape(moves, [-1] + [1] * (value.shape.rank - 1))
                self._state[key].assign(tf.where(moving, value, before[key]))

    @abc.abstractmethod
    def _look(self, blocks: list[Any], present: Any, state: dict[str, Any]) -> dict[str, Any]:
        """Returns the state, `[T]` or `[T, n_i]`, after a look at float32 gradients."""

    def _check_shapes(self, shapes: list[tuple[int, int]]) -> None:
        expected = self._first_rows(shapes)
        found = {key: tuple(value.shape) for key, value in self._state.items()}
        if any(found.get(key) != value.shape for key, value in expected.items()):
            raise ValueError(
                f"This {type(self).__name__} was built for gradients of other shapes, or for "
                f"losses alone. Received blocks of the shapes {shapes}. Make a new one and let it "
                "look at gradients before it weighs losses."
            )
