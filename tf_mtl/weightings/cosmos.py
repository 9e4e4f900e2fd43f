"""COSMOS: a weighted sum, rewarded for pointing where the preference points."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_number, check_numbers
from tf_mtl.weightings.tasks import Tasks, per_task
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class COSMOS(LossWeighting):
    """Σ_t p_t L_t - λ cos(L, p): spreads the solutions for different p along the Pareto front.

    λ is in the units of the losses, as the cosine has none.

    Reference: Ruchte and Grabocka, "Scalable Pareto Front Approximation for Deep Multi-Objective
    Learning", ICDM 2021, equation 7. The paper draws p anew for each batch and feeds it to the
    network; here p is fixed and the network does not see it. The weighted losses are equal shares
    of the value.

    Args:
        lambda_: λ, the reward of the cosine.
        preference: p, `{task: number}` or a list (default: 1/T over the present tasks).
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: if `lambda_` or `preference` are negative, or `preference` has no number for
            each task.

    >>> keras.ops.sum(COSMOS(2.0)(keras.ops.array([3.0, 3.0]))).numpy().round(4)
    np.float32(1.0)
    """

    def __init__(
        self, lambda_: float = 1.0, preference: PerTask | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        check_number("lambda_", lambda_)
        self.lambda_ = lambda_
        self.preference = check_numbers("preference", preference)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "lambda_": self.lambda_, "preference": self.preference}

    def _given(self) -> dict[str, Any]:
        return {"preference": self._in_order("preference", self.preference)}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        preference = per_task(self._given()["preference"], tasks.mask / tasks.count)
        product = tasks.sum(preference * tasks.losses)
        lengths = tasks.length(preference) * tasks.length(tasks.losses)
        cosine = tf.math.divide_no_nan(product, lengths)
        return tasks.shares(product - self.lambda_ * cosine)
