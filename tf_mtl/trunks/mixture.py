"""The sum of experts that a gate asks for."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras

from .masked_layers import with_mask_of


@keras.saving.register_keras_serializable(package="tf_mtl")
class Mixture(keras.layers.Layer):
    """Sum of the experts' outputs, each times its gate value: y = Σ_e g_e · f_e(x).

    All gated trunks mix with this layer, so that `tf_mtl.evaluation.gates` finds the gates in the
    graph of any model. The sum is taken expert by expert: half the time of stacking the
    experts for one batched matrix product, on a CPU.

    Args:
        experts: Names of the experts, in the order of the gate values.
        tasks: Names of the tasks that the mixture serves; none within a trunk of several levels.
        level: Number of the level within the trunk, from the inputs up.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        gates: `[B, num_experts]`.
        outputs: The experts' outputs, a list of tensors `[B, ...]` of one shape.

    >>> mixture = Mixture(experts=["a", "b"])
    >>> outputs = [keras.ops.array([[1.0, 0.0]]), keras.ops.array([[0.0, 2.0]])]
    >>> mixture(keras.ops.array([[0.25, 0.75]]), outputs).numpy().tolist()
    [[0.25, 1.5]]
    """

    def __init__(
        self,
        experts: Sequence[str],
        tasks: Sequence[str] = (),
        level: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.experts = list(experts)
        self.tasks = list(tasks)
        self.level = level

    def call(self, gates: Any, outputs: Sequence[Any]) -> Any:
        """Returns the weighted sum, of the shape of each output."""
        ones = (1,) * (len(outputs[0].shape) - 1)
        weights = keras.ops.split(gates, len(outputs), axis=-1)
        total = functools.reduce(
            keras.ops.add,
            [
                keras.ops.reshape(weight, (-1, *ones)) * output
                for weight, output in zip(weights, outputs, strict=True)
            ],
        )
        return with_mask_of(outputs, total)

    def compute_output_shape(self, gates_shape: Any, outputs_shape: Any) -> Any:
        """Returns the shape of one output."""
        return tuple(outputs_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "experts": self.experts,
            "tasks": self.tasks,
            "level": self.level,
        }
