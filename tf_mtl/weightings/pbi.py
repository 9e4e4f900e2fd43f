"""PBI: distance along a preferred direction, and a penalty for leaving it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_number, check_numbers
from tf_mtl.weightings.tasks import Tasks, per_task
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class PBI(LossWeighting):
    """d_1 + θ d_2, d_1 = L·p / ‖p‖ and d_2 = ‖L - d_1 p / ‖p‖‖: penalty boundary intersection.

    The losses are driven towards 0 and, the harder the larger θ, towards the ray p. A task that
    is ahead of the ray may get a negative weight.

    Reference: Zhang and Li, "MOEA/D: A Multiobjective Evolutionary Algorithm Based on
    Decomposition", IEEE Transactions on Evolutionary Computation 2007, section III; the ideal
    point is 0. The weighted losses are equal shares of the value. On the ray, where d_2 has no
    derivative, it counts as constant.

    Args:
        theta: θ, the penalty.
        preference: p, `{task: number}` or a list (default: 1 each).
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: if `theta` or `preference` are negative, or `preference` has no number for
            each task.

    >>> value = keras.ops.sum(PBI(preference=[1.0, 2.0])(keras.ops.array([1.0, 2.0])))
    >>> value.numpy().round(4)
    np.float32(2.2361)
    """

    def __init__(
        self, theta: float = 5.0, preference: PerTask | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        check_number("theta", theta)
        self.theta = theta
        self.preference = check_numbers("preference", preference)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "theta": self.theta, "preference": self.preference}

    def _given(self) -> dict[str, Any]:
        return {"preference": self._in_order("preference", self.preference)}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        preference = per_task(self._given()["preference"], tf.ones_like(tasks.losses))
        ray = tf.math.divide_no_nan(preference, tasks.length(preference))
        along = tasks.sum(tasks.losses * ray)
        aside = tasks.length(tasks.losses - along * ray)
        return tasks.shares(along + self.theta * aside)
