"""Uncertainty: a learned variance for each task."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.method_arguments import check_choice
from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting

FORMS = ("kendall", "positive")


@keras.saving.register_keras_serializable(package="tf_mtl")
class Uncertainty(LossWeighting):
    """½ exp(-s_t) L_t + ½ s_t, where s_t = log σ_t² is learned: noisy tasks count less.

    At the optimum exp(s_t) = L_t, so losses of any scale end up alike. The `"positive"` form,
    ½ exp(-s_t) L_t + log(1 + exp(s_t)), never falls below 0.

    Reference: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for
    Scene Geometry and Semantics", CVPR 2018, equation 7; Liebel and Körner, "Auxiliary Tasks in
    Multi-task Learning", 2018, equation 3, for the positive form. s is learned rather than σ, as
    the first paper recommends, and the factor ½ is used for every loss, classification included.

    Args:
        form: `"kendall"` or `"positive"`.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: for another form.

    >>> Uncertainty()(keras.ops.array([1.0, 4.0])).numpy()
    array([0.5, 2. ], dtype=float32)
    """

    def __init__(self, form: str = "kendall", **options: Any) -> None:
        super().__init__(**options)
        check_choice("form", form, FORMS)
        self.form = form

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "form": self.form}

    def _first_trained(self, tasks: int) -> dict[str, np.ndarray]:
        return {"log_variance": np.zeros(tasks, "float32")}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        s = tf.convert_to_tensor(self._trained["log_variance"])
        penalty = 0.5 * s if self.form == "kendall" else tf.math.softplus(s)
        return 0.5 * tf.exp(-s) * tasks.losses + penalty
