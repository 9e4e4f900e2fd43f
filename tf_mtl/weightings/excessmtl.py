"""ExcessMTL: more weight for the tasks that are far from their optimum, however noisy they are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.method_arguments import check_number
from tf_mtl.weightings.gradient_weighting import GradientWeighting
from tf_mtl.weightings.tasks import Tasks


@keras.saving.register_keras_serializable(package="tf_mtl")
class ExcessMTL(GradientWeighting):
    """λ_t L_t with λ ← λ exp(η E_t / E_t¹), normalised to sum to T; E is the excess risk.

    A loss is large because the task is badly trained or because its labels are noisy. The excess
    over what can be reached tells these apart. It is estimated by E_t = Σ_j g_tj² / h_tj: a step
    of Newton's method with the Hessian h_tj = √(Σ g_tj²), the sum taken over all steps so far. E_t¹
    is the task's first one, so that the scales of the losses do not matter.

    Reference: He et al., "Robust Multi-Task Learning with Excess Risks", ICML 2024, algorithm 1,
    with g the gradient by the shared variables. As in the authors' code, the weights sum to T (in
    the paper to 1), and the first step, in which all ratios are 1, leaves them alone. Deviations:
    there is no ε under the root; an entry whose gradient was always 0 adds nothing; absent tasks
    keep their share, and those present divide the rest. It keeps T copies of the shared variables,
    and needs T backward passes.

    Args:
        robust_step_size: η.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: if `robust_step_size` is negative.

    >>> weighting = ExcessMTL(robust_step_size=1.0)
    >>> for gradients in ([[1.0, 0.0], [0.0, 3.0]], [[1.0, 0.0], [0.0, 0.0]]):
    ...     weighting.look([keras.ops.array(gradients)])
    >>> weighting(keras.ops.array([1.0, 1.0])).numpy().round(3)
    array([1.34, 0.66], dtype=float32)
    """

    def __init__(self, robust_step_size: float = 1e-2, **options: Any) -> None:
        super().__init__(**options)
        check_number("robust_step_size", robust_step_size)
        self.robust_step_size = robust_step_size

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "robust_step_size": self.robust_step_size}

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        keys = ("logits", "unit", "first_excess")
        return {key: np.zeros(tasks, "float32") for key in keys}

    def _first_rows(self, shapes: list[tuple[int, int]]) -> dict[str, np.ndarray]:
        return {f"squares_{i}": np.zeros(shape, "float32") for i, shape in enumerate(shapes)}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        return tasks.count * tasks.softmax(state["logits"]) * tasks.losses

    def _look(self, blocks: list[Any], present: Any, state: dict[str, Any]) -> dict[str, Any]:
        # Squares leave the range of float32 unless gradients are told in units of their first one.
        largest = [tf.reduce_max(tf.abs(block), axis=1) for block in blocks]
        unit = tf.where(state["unit"] > 0.0, state["unit"], tf.reduce_max(tf.stack(largest), 0))
        excess = tf.zeros_like(unit)
        for i, block in enumerate(blocks):
            squares = tf.square(tf.math.divide_no_nan(block, unit[:, None]))
            state[f"squares_{i}"] += squares
            hessian = tf.sqrt(state[f"squares_{i}"])
            excess += tf.reduce_sum(tf.math.divide_no_nan(squares, hessian), axis=1)
        first = tf.where(state["first_excess"] > 0.0, state["first_excess"], excess)
        step = self.robust_step_size * tf.math.divide_no_nan(excess, first)
        tasks = Tasks(tf.ones_like(excess), present)
        logits = tasks.multiply(state["logits"], step)
        return {**state, "unit": unit, "first_excess": first, "logits": logits}
