"""Krum: the gradient that lies closest to its neighbours."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.whole_numbers import check_whole


@keras.saving.register_keras_serializable(package="tf_mtl")
class Krum(GramianAggregator):
    """The mean of the m gradients whose nearest neighbours are closest: outliers have no say.

    A gradient's score is the sum of its squared distances to its T - f - 2 nearest others.

    Reference: Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient
    Descent", NIPS 2017, section 4. (TorchJD sums distances that are not squared.) T is the number
    of present tasks; with fewer than f + 3 of them one neighbour is looked at. Gradients that tie
    for the last place are averaged, so that the order of the tasks does not matter.

    Args:
        num_byzantine: f, how many gradients may be arbitrary.
        num_selected: m, how many gradients are averaged.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = Krum()(keras.ops.array([[1.0, 0.0], [1.1, 0.0], [1.0, 0.3], [-9.0, 5.0]]))
    >>> g.numpy()
    array([1.05, 0.  ], dtype=float32)
    """

    def __init__(self, num_byzantine: int = 1, num_selected: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.num_byzantine = check_whole(num_byzantine, "num_byzantine", 0)
        self.num_selected = check_whole(num_selected, "num_selected")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {"num_byzantine": self.num_byzantine, "num_selected": self.num_selected}
        return {**super().get_config(), **config}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        lengths, present = rows.lengths, rows.present
        differences = (lengths[:, None] - lengths[None, :]) ** 2
        distances = differences + 2.0 * lengths[:, None] * lengths[None, :] * (1.0 - rows.cosines)
        both = present[:, None] * present[None, :] * (1.0 - tf.eye(rows.tasks, dtype=tf.float64))
        far = tf.constant(float("inf"), tf.float64)
        sorted_distances = tf.sort(tf.where(both > 0, distances, far), axis=1)
        # Infinite distances, to absent tasks and to itself, are last and never counted.
        nearest = tf.maximum(rows.count - self.num_byzantine - 2.0, 1.0)
        nearest = tf.minimum(nearest, rows.count - 1.0)
        counted = tf.range(rows.tasks, dtype=tf.float64)[None] < nearest
        scores = tf.reduce_sum(tf.where(counted, sorted_distances, 0.0), 1)
        scores = tf.where(present > 0, scores, far)

        place = tf.minimum(tf.cast(rows.count, tf.int32), self.num_selected) - 1
        last = tf.gather(tf.sort(scores), place)
        noise = rows.noise * tf.reduce_max(lengths * present) ** 2
        selected = tf.cast(scores <= last + noise, tf.float64) * present
        return tf.math.divide_no_nan(selected, tf.reduce_sum(selected))
