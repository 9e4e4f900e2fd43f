"""What a balanced step found out about the tasks, kept for logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .gradients import Gradients


class Records:
    """The last step's gradient norms and cosines, if the aggregator computed them.

    Args:
        tasks: The tasks in the order of the losses.
        weighted: Whether a weighting weighs the losses.
    """

    def __init__(self, tasks: Sequence[str], weighted: bool) -> None:
        self.tasks = list(tasks)
        self.weighted = weighted
        number = len(self.tasks)
        self.norms = _variable([number], "gradient_norms")
        self.cosines = _variable([number, number], "gradient_cosines")

    def write(self, weights: Any, gradients: Gradients) -> dict[str, Any]:
        """Keeps norms and cosines, and returns the logs `{task}_weight` of a step.

        Args:
            weights: `[T]` weights of the losses.
            gradients: What was made of the losses' gradients.
        """
        if gradients.rows is not None:
            self.norms.assign(tf.cast(gradients.rows.norms, "float32"))
            self.cosines.assign(tf.cast(gradients.rows.cosines, "float32"))
        if gradients.weights is None and gradients.combined and not self.weighted:
            return {}  # nothing weighs the tasks
        if gradients.weights is not None:
            weights = weights * tf.cast(gradients.weights, weights.dtype)
        return {
            f"{task}_weight": weight
            for task, weight in zip(self.tasks, tf.unstack(weights), strict=True)
        }

    def read(self) -> tuple[list[str], Any, Any]:
        """Returns the tasks, norms `[T]` and cosines `[T, T]` of the last step.

        Raises:
            ValueError: If no step has computed them.
        """
        norms, cosines = np.asarray(self.norms), np.asarray(self.cosines)
        if np.isnan(cosines).all():
            raise ValueError(
                "No norms and cosines were computed in training: the aggregator does not look at "
                "them in each step. Pass a batch: TaskGradients(data=(x, y))."
            )
        return self.tasks, norms, cosines


def _variable(shape: list[int], name: str) -> tf.Variable:
    return tf.Variable(
        tf.fill(shape, float("nan")),
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        name=name,
    )
