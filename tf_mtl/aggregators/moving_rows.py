"""Moving averages of the T gradients themselves, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


def first_average(tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
    """Returns the state of a moving average of a Jacobian with blocks of these sizes."""
    if None in sizes:
        raise ValueError(
            "This method averages the gradients themselves and needs the Jacobian, of known shape: "
            "it cannot be told from a Gramian."
        )
    averages = {f"average_{i}": np.zeros((tasks, n), "float32") for i, n in enumerate(sizes)}
    return {**averages, "updates": np.zeros(tasks, "float32")}


def move_average(blocks: list[Any], rate: Any, state: dict[str, Any]) -> tuple[list[Any], Any]:
    """Returns the average's blocks for the present tasks, moved by `rate`, and who is present.

    A task's average starts from its first gradient. `rate`, `[T]`, may depend on
    `state["updates"]`, how often each task was seen before.
    """
    present = tf.reduce_any(
        tf.stack([tf.reduce_any(tf.not_equal(block, 0.0), axis=1) for block in blocks]), axis=0
    )
    new = present & (state["updates"] == 0)
    rate = tf.where(new, 1.0, tf.where(present, tf.cast(rate, tf.float32), 0.0))[:, None]
    averages = []
    for i, block in enumerate(blocks):
        before = state[f"average_{i}"]
        after = before + rate * tf.where(rate > 0, tf.cast(block, tf.float32) - before, 0.0)
        state[f"average_{i}"] = after
        averages.append(tf.where(present[:, None], after, 0.0))
    state["updates"] += tf.cast(present, tf.float32)
    return averages, present
