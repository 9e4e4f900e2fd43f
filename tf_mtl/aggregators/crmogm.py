"""CR-MOGM: smooth the weights of any other method."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows, quadratic
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.method_arguments import check_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class CRMOGM(GramianAggregator):
    """g = Jᵀλ with λ ← α λ + (1 - α) times the weights of another method.

    A moving average of the weights removes the bias that solving on noisy batches gives them.

    Reference: Zhou et al., "On the Convergence of Stochastic Multi-Objective Gradient Manipulation
    and Beyond", NeurIPS 2022, algorithm 1. α is constant, where the paper lets it grow towards 1;
    λ starts from the first weights of each task.

    Args:
        aggregator: the method to smooth: its name, config or an instance (default: `MGDA`). It
            has to be a `GramianAggregator`, with `wrt`, `every` and `groups` as they are.
        alpha: α, the part of the weights that is kept.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.

    >>> g = CRMOGM("mgda", alpha=0.5)(keras.ops.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    >>> g.numpy().round(4) + 0.0
    array([0., 1., 1.], dtype=float32)
    """

    def __init__(self, aggregator: Any = "mgda", alpha: float = 0.9, **options: Any) -> None:
        super().__init__(**options)
        check_number("alpha", alpha, 0.0, 1.0)
        from tf_mtl.aggregators import get  # which itself lists this class

        inner = get(aggregator)
        if not isinstance(inner, GramianAggregator):
            raise ValueError(
                "`aggregator` must be a method with weights, a `GramianAggregator`. "
                f"Received: aggregator={aggregator!r}. Try 'mgda'."
            )
        for option, usual in (("wrt", "parameters"), ("every", 1), ("groups", "all")):
            if getattr(inner, option) != usual:
                raise ValueError(
                    "The method that CRMOGM smooths is asked in each step for what CRMOGM is. "
                    f"Received: aggregator={type(inner).__name__}({option}="
                    f"{getattr(inner, option)!r}). Give `{option}` to CRMOGM."
                )
        self.aggregator = inner
        self.alpha = alpha

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        inner = keras.saving.serialize_keras_object(self.aggregator)
        return {**super().get_config(), "aggregator": inner, "alpha": self.alpha}

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        self.aggregator.task_names = self.task_names
        self.aggregator._check_given(tasks)
        inner = self.aggregator._first_state(tasks, sizes)
        smooth = {"smooth": np.zeros(tasks, "float32"), "seen": np.zeros(tasks, "float32")}
        first = {**super()._first_state(tasks, sizes), **smooth}
        return {**first, **{f"inner_{key}": value for key, value in inner.items()}}

    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        inner = {key[6:]: value for key, value in state.items() if key.startswith("inner_")}
        weights = self.aggregator._solution(rows, losses, inner)
        shortening = self.aggregator._shortening(
            tf.sqrt(quadratic(rows.cosines, weights * rows.norms))
        )
        weights = weights if shortening is None else shortening * weights
        inner["step"] += 1
        state.update({f"inner_{key}": value for key, value in inner.items()})
        before = tf.cast(state["smooth"], tf.float64)
        smooth = tf.where(
            state["seen"] > 0, self.alpha * before + (1.0 - self.alpha) * weights, weights
        )
        state["smooth"] = tf.where(rows.present > 0, smooth, before)
        state["seen"] = tf.maximum(tf.cast(rows.present, tf.float32), state["seen"])
        return smooth * rows.present
