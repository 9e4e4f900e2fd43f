"""GO4Align: groups of tasks that share a weight, so that all of them learn at one pace."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.method_arguments import check_number
from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting
from tf_mtl.whole_numbers import check_whole


@keras.saving.register_keras_serializable(package="tf_mtl")
class GO4Align(LossWeighting):
    """λ_g L_t with λ_g the mean of γ over the group g of task t, and γ_t = p_t Σ_s L_s / L_t.

    1 / L_t balances the scales of the losses. p ← p exp(-β L), normalised, in each step: a task
    whose risk has stayed high counts less. The groups are the k-means clusters of γ, anew in each
    step; tasks with alike indicators share a weight.

    Reference: Shen et al., "GO4Align: Group Optimization for Multi-Task Alignment", NeurIPS 2024;
    the formulas are those of the authors' code (`GO4ALIGN`). Deviations: k-means of T numbers is
    solved exactly, where the code starts at random; a loss that is not positive counts as absent;
    absent tasks keep their share of p, and those present divide the rest. β is in units of
    1 / loss, so the scales of the losses matter where β L is not small.

    Args:
        num_groups: number of groups; with T or more each task has a weight of its own.
        robust_step_size: β.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: if `num_groups` is no whole number above 0, or `robust_step_size` is negative.

    >>> weighting = GO4Align(num_groups=2, robust_step_size=0.0)
    >>> weighting(keras.ops.array([1.0, 1.25, 10.0])).numpy().round(3)
    array([3.675, 4.594, 4.083], dtype=float32)
    """

    def __init__(self, num_groups: int = 2, robust_step_size: float = 1e-4, **options: Any) -> None:
        super().__init__(**options)
        check_number("robust_step_size", robust_step_size)
        self.num_groups = check_whole(num_groups, "num_groups")
        self.robust_step_size = robust_step_size

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {"num_groups": self.num_groups, "robust_step_size": self.robust_step_size}
        return {**super().get_config(), **config}

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        return {"logits": np.zeros(tasks, "float32")}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        tasks = tasks.positive()
        detached = tasks.detached()
        p = tasks.softmax(self._remember(detached, state)["logits"])
        indicators = p * tasks.sum(detached.losses) / detached.losses
        return group_means(indicators, tasks.mask, self.num_groups) * tasks.losses

    def _remember(self, tasks: Tasks, state: dict[str, Any]) -> dict[str, Any]:
        tasks = tasks.positive()
        step = -self.robust_step_size * tasks.losses
        return {"logits": tasks.multiply(state["logits"], step)}


def group_means(values: Any, mask: Any, groups: int) -> Any:
    """Returns for each of `[T]` numbers the mean of its k-means cluster, and 0 for those masked.

    Clusters of numbers are intervals of the sorted numbers, so the best ones are found by dynamic
    programming over where they end, in `groups` operations on `[T + 1, T + 1]`.

    >>> group_means([1.0, 9.0, 2.0, 8.0, 4.0], [1.0, 1.0, 1.0, 1.0, 0.0], 2).numpy()
    array([1.5, 8.5, 1.5, 8.5, 0. ], dtype=float32)
    """
    values, mask = tf.cast(values, tf.float64), tf.cast(mask, tf.float64)
    center = tf.math.divide_no_nan(tf.reduce_sum(mask * values), tf.reduce_sum(mask))
    order = tf.argsort(values, stable=True)
    x, m = tf.gather(values - center, order), tf.gather(mask, order)
    counts, sums, squares = (_over_intervals(terms) for terms in (m, m * x, m * x * x))
    cost = tf.maximum(squares - tf.math.divide_no_nan(sums * sums, counts), 0.0)
    bounds = tf.range(tf.size(x) + 1)
    cost = tf.where(bounds[:, None] > bounds[None, :], tf.constant(np.inf, cost.dtype), cost)

    best, starts = cost[0], []  # best[j]: of the first j numbers
    for _ in range(groups - 1):
        starts.append(tf.argmin(best[:, None] + cost, axis=0, output_type=tf.int32))
        best = tf.reduce_min(best[:, None] + cost, axis=0)

    means, position = tf.zeros_like(x), tf.range(tf.size(x))
    end = tf.size(x)
    for number in reversed(range(groups)):
        start = tf.gather(starts[number - 1], end) if number else tf.constant(0)
        mean = tf.math.divide_no_nan(sums[start, end], counts[start, end])
        means = tf.where((position >= start) & (position < end), mean, means)
        end = start
    return tf.cast(mask * (center + tf.gather(means, tf.argsort(order))), tf.float32)


def _over_intervals(terms: Any) -> Any:
    """Returns the sums of the terms i, …, j - 1 as `[T + 1, T + 1]`."""
    sums = tf.concat([tf.zeros([1], terms.dtype), tf.cumsum(terms)], axis=0)
    return sums[None, :] - sums[:, None]
