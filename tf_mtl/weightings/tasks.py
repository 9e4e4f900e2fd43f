"""The tasks of one step: their losses, and which of them are present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Tasks:
    """Losses `[T]` of which only some count; every sum and mean here is over those present.

    Attributes:
        losses: `[T]` float32 losses, 1 where a task is absent.
        present: `[T]` bool.
    """

    losses: Any
    present: Any

    @classmethod
    def of(cls, losses: Any, present: Any = None) -> Tasks:
        """Returns the tasks for losses of any float dtype, whatever the absent ones hold."""
        losses = tf.cast(losses, tf.float32)
        present = tf.ones_like(losses, tf.bool) if present is None else tf.cast(present, tf.bool)
        return cls(tf.where(present, losses, tf.ones_like(losses)), present)

    def detached(self) -> Tasks:
        """Returns the same tasks, with losses that no gradient flows through."""
        return Tasks(tf.stop_gradient(self.losses), self.present)

    def among(self, condition: Any) -> Tasks:
        """Returns the tasks with those absent that do not meet a condition `[T]`."""
        return Tasks.of(self.losses, self.present & condition)

    def positive(self) -> Tasks:
        """Returns the tasks that have a logarithm: a loss of 0 is as low as it gets.

        NaN stays, so that a broken loss shows instead of being left out.
        """
        return self.among(~(self.losses <= 0.0))

    @property
    def mask(self) -> Any:
        """`[T]` 1 for the present tasks and 0 for the others."""
        return tf.cast(self.present, tf.float32)

    @property
    def count(self) -> Any:
        """How many tasks are present, at least 1."""
        return tf.maximum(tf.reduce_sum(self.mask), 1.0)

    def keep(self, values: Any, otherwise: Any = 0.0) -> Any:
        """Returns `[T]` values of the present tasks and `otherwise` for the others."""
        return tf.where(self.present, values, tf.broadcast_to(otherwise, tf.shape(values)))

    def sum(self, values: Any) -> Any:
        """Returns the sum of `[T]` values over the present tasks."""
        return tf.reduce_sum(self.keep(values))

    def mean(self, values: Any) -> Any:
        """Returns the mean of `[T]` values over the present tasks."""
        return self.sum(values) / self.count

    def softmax(self, logits: Any) -> Any:
        """Returns the softmax over the present tasks, 0 for the others."""
        lowest = tf.reduce_min(logits) - 1.0
        powers = tf.exp(logits - tf.reduce_max(self.keep(logits, lowest)))
        return tf.math.divide_no_nan(self.keep(powers), self.sum(powers))

    def log_sum_exp(self, values: Any) -> Any:
        """Returns log Σ exp over the present tasks."""
        lowest = tf.stop_gradient(tf.reduce_min(values))
        highest = tf.stop_gradient(tf.reduce_max(self.keep(values, lowest)))
        powers = tf.exp(self.keep(values, highest) - highest)
        return highest + tf.math.log(tf.maximum(self.sum(powers), 1.0))

    def multiply(self, logits: Any, step: Any) -> Any:
        """Returns logits after p ← p exp(step) in which those absent keep their part of all p."""
        moved = logits + step
        return self.keep(moved + self.log_sum_exp(logits) - self.log_sum_exp(moved), logits)

    def length(self, values: Any) -> Any:
        """Returns the Euclidean norm over the present tasks, with a finite gradient at 0."""
        values = self.keep(values)
        largest = tf.stop_gradient(tf.reduce_max(tf.abs(values)))
        scale = tf.where(largest > 0.0, largest, 1.0)
        squares = tf.reduce_sum(tf.square(values / scale))
        return tf.where(largest > 0.0, scale * tf.sqrt(tf.maximum(squares, 1.0)), 0.0)

    def shares(self, value: Any) -> Any:
        """Returns a single number divided over the present tasks: the sum of the shares is it."""
        return self.mask * value / self.count


def per_task(values: Sequence[float] | None, default: Any) -> Any:
    """Returns numbers as a float32 tensor, or `default` where None is given."""
    return default if values is None else tf.constant(values, tf.float32)
