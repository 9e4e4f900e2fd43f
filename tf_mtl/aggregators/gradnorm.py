"""GradNorm: learn loss weights that make the tasks train at similar rates."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows, divide
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.method_arguments import check_number

BETA_1, BETA_2 = 0.9, 0.999


@keras.saving.register_keras_serializable(package="tf_mtl")
class GradNorm(GramianAggregator):
    """g = Σ w_t g_t with learned w_t that sum to T: tasks that lag behind get longer gradients.

    After each step w descends Σ_t |w_t ‖g_t‖ - N r_t^α|, N being the mean weighted norm and r_t
    the task's loss relative to its first one, over the mean of these.

    Reference: Chen et al., "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep
    Multitask Networks", ICML 2018, algorithm 1. The norms are those over all rows given, where
    the paper takes the last shared layer. w has an Adam of its own (β 0.9 and 0.999, no ε, so the
    size of the gradients does not matter) instead of the model's optimizer, stays positive, and
    is scaled so that the present tasks' sum is what it was. Without losses, r is 1; a loss below 0,
    for which the paper has no rate, counts as 0, the fastest.

    Args:
        alpha: α, how strongly lagging tasks are favoured; 0 makes all norms equal.
        learning_rate: rate of the weights.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = GradNorm()(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy()
    array([2., 2., 2.], dtype=float32)
    """

    def __init__(self, alpha: float = 1.5, learning_rate: float = 0.025, **options: Any) -> None:
        super().__init__(**options)
        check_number("alpha", alpha)
        check_number("learning_rate", learning_rate)
        self.alpha = alpha
        self.learning_rate = learning_rate

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {"alpha": self.alpha, "learning_rate": self.learning_rate}
        return {**super().get_config(), **config}

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        zeros = np.zeros(tasks, "float32")
        first = {**super()._first_state(tasks, sizes), "learned": np.ones(tasks, "float32")}
        names = ("first_losses", "moment_1", "moment_2", "updates")
        return {**first, **dict.fromkeys(names, zeros)}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        old = {key: tf.cast(value, tf.float64) for key, value in state.items()}
        weights, present = old["learned"], rows.present
        first = old["first_losses"]
        rates = present
        if losses is not None:
            losses = tf.maximum(tf.cast(losses, tf.float64), 0.0)
            first = tf.where((first == 0.0) & (present > 0), losses, first)
            ratios = divide(losses, first)
            rates = divide(ratios, rows.mean(ratios)) * present
        norms = weights * rows.norms
        mean = rows.mean(norms)
        slope = tf.sign(norms - mean * rates**self.alpha) * divide(rows.norms, mean) * present

        updates = old["updates"] + present
        moment_1 = BETA_1 * old["moment_1"] + (1.0 - BETA_1) * slope
        moment_2 = BETA_2 * old["moment_2"] + (1.0 - BETA_2) * slope**2
        mean_slope = divide(moment_1, 1.0 - BETA_1**updates)
        mean_square = divide(moment_2, 1.0 - BETA_2**updates)
        step = divide(mean_slope, tf.sqrt(mean_square))
        learned = tf.maximum(weights - self.learning_rate * step, 0.01 * weights)
        learned *= divide(tf.reduce_sum(weights * present), tf.reduce_sum(learned * present))
        new = {
            "learned": learned,
            "first_losses": first,
            "moment_1": moment_1,
            "moment_2": moment_2,
            "updates": updates,
        }
        state.update({key: tf.where(present > 0, value, old[key]) for key, value in new.items()})
        return weights * present
