"""SDMGrad: MGDA's direction, kept close to the mean."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.compiled import compiled
from tf_mtl.aggregators.gramian import Rows, divide
from tf_mtl.aggregators.preference import PreferenceAggregator
from tf_mtl.aggregators.simplex import project_simplex
from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_number
from tf_mtl.whole_numbers import check_whole


@keras.saving.register_keras_serializable(package="tf_mtl")
class SDMGrad(PreferenceAggregator):
    """g = (Jᵀw + λ Jᵀp) / (1 + λ), w on the simplex following the descent of ½‖Jᵀ(w + λp)‖².

    λ = 0 tends to MGDA, λ → ∞ to the preferred direction Jᵀp. w goes on from step to step, by some
    iterations of projected gradient descent with momentum.

    Reference: Xiao, Ban and Ji, "Direction-oriented Multi-objective Learning: Simple and Provable
    Stochastic Algorithms", NeurIPS 2023, algorithm 1. The paper estimates the Gramian from two
    independent batches and the gradient from a third; here all come from the one batch of the
    step. As in the authors' code, the Gramian is divided by the squared mean norm of the rows.
    Their step of 10 is far beyond what the descent bears: it throws w from corner to corner, so
    that rounding decides. Here a step is at most one over the largest eigenvalue (its bound).

    Args:
        lambda_: λ, the pull of the preferred direction.
        learning_rate: longest step of the descent of w.
        momentum: its momentum, in [0, 1).
        iterations: how many such steps at each training step.
        preference: p, `{task: number}` or a list (default: the mean over the present tasks).
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = SDMGrad()(keras.ops.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> g.numpy().round(4)
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(
        self,
        lambda_: float = 0.3,
        learning_rate: float = 10.0,
        momentum: float = 0.5,
        iterations: int = 20,
        preference: PerTask | None = None,
        **options: Any,
    ) -> None:
        super().__init__(preference=preference, **options)
        check_number("lambda_", lambda_)
        check_number("learning_rate", learning_rate, high=float("inf"))
        check_number("momentum", momentum, 0.0, 1.0, exclude=[1.0])
        self.lambda_ = lambda_
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.iterations = check_whole(iterations, "iterations")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {
            "lambda_": self.lambda_,
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "iterations": self.iterations,
        }
        return {**super().get_config(), **config}

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        simplex = np.full(tasks, 1.0 / tasks, "float32")
        return {**super()._first_state(tasks, sizes), "simplex": simplex}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        gramian = divide(rows.gramian, rows.mean(rows.lengths) ** 2)
        pull = self.lambda_ * self._preferred(rows, 1.0 / rows.count)
        settings = tf.constant([self.learning_rate, self.momentum, self.iterations], tf.float64)
        start = tf.cast(state["simplex"], tf.float64)
        simplex = _descend(gramian, start, pull, rows.present, settings)
        state["simplex"] = keep_absent(simplex, start, rows.present)
        return (simplex + pull) / (1.0 + self.lambda_)


def keep_absent(simplex: Any, before: Any, present: Any) -> Any:
    """Returns weights of which the absent tasks keep theirs and the others share the rest."""
    rest = tf.reduce_sum(before * present)
    return before * (1.0 - present) + simplex * rest


@compiled
def _descend(gramian: Any, start: Any, pull: Any, present: Any, settings: Any) -> Any:
    steepest = tf.reduce_max(tf.reduce_sum(tf.abs(gramian), axis=1))
    rate = tf.minimum(settings[0], tf.math.divide_no_nan(tf.ones_like(steepest), steepest))
    momentum = settings[1]

    def iterate(k: Any, simplex: Any, velocity: Any) -> tuple[Any, Any, Any]:
        velocity = momentum * velocity + tf.linalg.matvec(gramian, simplex + pull)
        return k + 1.0, project_simplex(simplex - rate * velocity, present), velocity

    rest = tf.reduce_sum(start * present)
    simplex = tf.math.divide_no_nan(start * present, rest)
    first = (tf.constant(0.0, tf.float64), simplex, tf.zeros_like(simplex))
    return tf.while_loop(lambda k, *_: k < settings[2], iterate, first)[1]
