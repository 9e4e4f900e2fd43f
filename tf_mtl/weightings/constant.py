"""Constant: fixed weights."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_numbers
from tf_mtl.weightings.tasks import Tasks, per_task
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class Constant(LossWeighting):
    """λ_t L_t with λ fixed: the baseline, and all that Keras' own `loss_weights` can do.

    With `normalize=True` the weights of the present tasks sum to 1, so that a learning rate found
    for one task suits any number of them.

    Reference: linear scalarization; Kurin et al., "In Defense of the Unitary Scalarization for
    Deep Multi-Task Learning", NeurIPS 2022, shows how far weights of 1 go.

    Args:
        weights: λ, `{task: number}` or a list (default: 1 each).
        normalize: divide by the sum of the weights of the present tasks.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: if `weights` are negative, all zero or not one for each task.

    >>> Constant([1.0, 3.0], normalize=True)(keras.ops.array([2.0, 4.0])).numpy()
    array([0.5, 3. ], dtype=float32)
    """

    def __init__(
        self, weights: PerTask | None = None, normalize: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.task_weights = check_numbers("weights", weights)
        self.normalize = normalize

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {"weights": self.task_weights, "normalize": self.normalize}
        return {**super().get_config(), **config}

    def _given(self) -> dict[str, Any]:
        return {"weights": self._in_order("weights", self.task_weights)}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        weights = per_task(self._given()["weights"], tf.ones_like(tasks.losses))
        if self.normalize:
            weights = tf.math.divide_no_nan(weights, tasks.sum(weights))
        return weights * tasks.losses
