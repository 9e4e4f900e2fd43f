"""The gate of DSelect-k: it picks k of the experts, and is differentiable."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="tf_mtl")
class SparseGate(keras.layers.Layer):
    """Gate values of which at most `num_selected` are not zero once the selectors have settled.

    A selector has a number z_j for each binary digit of an expert's number; it gives the expert
    with digits b the weight r_b = Π_j (S(z_j) if b_j else 1 − S(z_j)). The smooth step S is 0 up to
    −1/2, 1 from 1/2, and −2 z³ + 3/2 z + 1/2 between, so that a selector comes to pick one expert
    exactly. The gate is Σ_i softmax(α)_i r(z^i) over the selectors i. It sums to 1.

    Args:
        num_experts: Number of experts.
        num_selected: Number of selectors (k), the most experts that are used at a time.
        per_example: Whether z and α are linear in the features, so that every example picks its own
            experts, or variables, so that the task picks them for all examples.
        entropy_regularization: Weight of the selectors' mean entropy, added to the losses of the
            model; it speeds up the settling. 0 for none.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        features: `[B, d]`.

    Returns:
        `[B, num_experts]`.

    >>> gate = SparseGate(num_experts=3)
    >>> gates = gate(keras.ops.ones((2, 5)))
    >>> keras.ops.sum(gates, axis=-1).numpy().round(6).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        num_experts: int,
        num_selected: int = 2,
        per_example: bool = True,
        entropy_regularization: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_experts = num_experts
        self.num_selected = num_selected
        self.per_example = per_example
        self.entropy_regularization = entropy_regularization
        self._digits = (num_experts - 1).bit_length()

    def build(self, features_shape: Any) -> None:
        """Makes the selectors: start values are small, so that no expert is cut off yet."""
        width = (features_shape[-1],) if self.per_example else ()
        small = keras.initializers.RandomUniform(-0.01, 0.01)
        spread = keras.initializers.RandomUniform(-0.05, 0.05)
        self.selectors = self.add_weight(
            shape=(*width, self.num_selected * self._digits), initializer=small, name="selectors"
        )
        if self.num_selected > 1:
            self.logits = self.add_weight(
                shape=(*width, self.num_selected), initializer=spread, name="logits"
            )

    def call(self, features: Any) -> Any:
        """Returns the gate values."""
        # In float32: smooth steps near 0 are rounded away in halves, and the entropy's gradient,
        # 1 / share, becomes infinite.
        z = self._exact(self._linear(features, self.selectors))
        chosen = self._chosen(keras.ops.reshape(z, (-1, self.num_selected, 1, self._digits)))
        if self.entropy_regularization:
            entropy = keras.ops.mean(keras.ops.sum(_entropy(chosen), axis=(1, 2)))
            entropy = keras.ops.cast(entropy, "float32")  # beside losses of other dtypes
            self.add_loss(self.entropy_regularization * entropy)
        if self.num_selected == 1:
            return keras.ops.cast(chosen[:, 0], self.compute_dtype)
        weights = keras.ops.softmax(self._exact(self._linear(features, self.logits)), axis=-1)
        gates = keras.ops.sum(weights[:, :, None] * chosen, axis=1)
        return keras.ops.cast(gates, self.compute_dtype)

    def _exact(self, numbers: Any) -> Any:
        """Returns halves as float32, and everything else as it is."""
        return keras.ops.cast(numbers, keras.backend.result_type(numbers.dtype, "float32"))

    def _linear(self, features: Any, variable: Any) -> Any:
        """Returns a number for each example and column of the variable."""
        if self.per_example:
            return keras.ops.matmul(features, variable)
        return keras.ops.ones_like(features[:, :1]) * variable

    def _chosen(self, z: Any) -> Any:
        """Returns each selector's weights of the experts, `[B, num_selected, num_experts]`."""
        numbers = np.arange(2**self._digits)
        codes = (numbers[:, None] >> np.arange(self._digits)) & 1
        step = smooth_step(z)
        of_code = keras.ops.prod(keras.ops.where(codes == 1, step, 1 - step), axis=-1)
        more = len(numbers) - self.num_experts  # numbers that are left over name an expert again
        if not more:
            return of_code
        first, again = of_code[..., : self.num_experts], of_code[..., self.num_experts :]
        return first + keras.ops.pad(again, ((0, 0), (0, 0), (0, self.num_experts - more)))

    def compute_output_shape(self, features_shape: Any) -> Any:
        """Returns `(B, num_experts)`."""
        return (features_shape[0], self.num_experts)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_experts": self.num_experts,
            "num_selected": self.num_selected,
            "per_example": self.per_example,
            "entropy_regularization": self.entropy_regularization,
        }


def smooth_step(z: Any) -> Any:
    """Returns 0 up to −1/2, 1 from 1/2, and the cubic that joins them smoothly between.

    >>> smooth_step(keras.ops.array([-1.0, 0.0, 0.25, 0.5])).numpy().tolist()
    [0.0, 0.5, 0.84375, 1.0]
    """
    z = keras.ops.clip(z, -0.5, 0.5)
    return -2 * z * z * z + 1.5 * z + 0.5


def _entropy(share: Any) -> Any:
    """Returns −p ln p, 0 at 0, with a finite gradient there."""
    positive = share > 0
    return keras.ops.where(positive, -share * keras.ops.log(keras.ops.where(positive, share, 1)), 0)
