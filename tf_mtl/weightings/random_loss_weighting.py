"""RandomLossWeighting: new random weights at each step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.method_arguments import check_choice, check_seed
from tf_mtl.weightings.draws import uniforms
from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting

DISTRIBUTIONS = ("normal", "dirichlet")


@keras.saving.register_keras_serializable(package="tf_mtl")
class RandomLossWeighting(LossWeighting):
    """λ_t L_t with λ drawn anew from the simplex at each step: a baseline that is hard to beat.

    `"normal"` takes λ = softmax(z), z ~ N(0, 1); `"dirichlet"` draws evenly from the simplex.

    Reference: Lin et al., "Reasonable Effectiveness of Random Weighting: A Litmus Test for
    Multi-Task Learning", TMLR 2022, section 3. As there, the weights sum to 1. Draws depend on the
    seed and the step alone, so a resumed run goes on as if it had not stopped. Over the present
    tasks they sum to 1 as well.

    Args:
        distribution: `"normal"` or `"dirichlet"`.
        seed: seed of the draws.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: for another distribution, or a seed that is no whole number.

    >>> weighted = RandomLossWeighting(seed=1)(keras.ops.array([1.0, 1.0, 1.0])).numpy()
    >>> bool(abs(weighted.sum() - 1.0) < 1e-6)
    True
    """

    def __init__(self, distribution: str = "normal", seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        check_choice("distribution", distribution, DISTRIBUTIONS)
        check_seed(seed)
        self.distribution = distribution
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {"distribution": self.distribution, "seed": self.seed}
        return {**super().get_config(), **config}

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        return {"step": np.zeros((), "int64")}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        draw = uniforms(tasks.losses.shape[0], self.seed, state["step"])
        if self.distribution == "normal":
            logits = tf.math.ndtri(draw)
        else:  # exponential variables, divided by their sum
            logits = tf.math.log(-tf.math.log(draw))
        return tasks.softmax(logits) * tasks.losses

    def _remember(self, tasks: Tasks, state: dict[str, Any]) -> dict[str, Any]:
        return {"step": state["step"] + 1}
