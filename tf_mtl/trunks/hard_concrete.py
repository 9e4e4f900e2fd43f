"""The gate of SNR: connections that are switched on or off, and learnt by gradients."""

from __future__ import annotations

import math
from typing import Any

import keras

# Temperature and stretch as in Louizos, Welling and Kingma, Learning Sparse Neural Networks
# through L0 Regularization, ICLR 2018, section 4.1.
_TEMPERATURE, _LOW, _HIGH = 2 / 3, -0.1, 1.1


@keras.saving.register_keras_serializable(package="tf_mtl")
class HardConcreteGate(keras.layers.Layer):
    """Gate values from 0 to 1, both ends included, that are drawn in training.

    z = clip(s (ζ − γ) + γ, 0, 1) with s = σ((ln u − ln(1 − u) + ln α) / β). In training, u is
    uniform and drawn once a step for each connection; else s = σ(ln α). β = 2/3, γ = −0.1, ζ = 1.1.

    Args:
        num_experts: Number of connections.
        l0_regularization: Weight of the expected number of open connections among the losses of the
            model, Σ σ(ln α − β ln(−γ / ζ)). 0 for none.
        seed: Seed of the draws.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        features: Any tensor of B examples.
        training: Whether the gates are drawn.

    Returns:
        `[B, num_experts]`, the same for all examples.

    >>> HardConcreteGate(2)(keras.ops.ones((3, 5))).numpy().round(1).tolist()
    [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """

    def __init__(
        self,
        num_experts: int,
        l0_regularization: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_experts = num_experts
        self.l0_regularization = l0_regularization
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, features_shape: Any) -> None:
        """Makes ln α: near 0, every connection half open."""
        self.log_alpha = self.add_weight(
            shape=(self.num_experts,),
            initializer=keras.initializers.RandomNormal(stddev=0.01),
            dtype="float32",
            name="log_alpha",
        )

    def call(self, features: Any, training: bool = False) -> Any:
        """Returns the gate values."""
        log_alpha = keras.ops.convert_to_tensor(self.log_alpha, "float32")
        if training:
            u = keras.random.uniform((self.num_experts,), seed=self.seed_generator, dtype="float32")
            noise = keras.ops.log(u) - keras.ops.log1p(-u)  # −∞ for a draw of 0: closed
            s = keras.ops.sigmoid((noise + log_alpha) / _TEMPERATURE)
        else:
            s = keras.ops.sigmoid(log_alpha)
        if self.l0_regularization:
            shift = _TEMPERATURE * math.log(-_LOW / _HIGH)
            expected = keras.ops.sum(keras.ops.sigmoid(log_alpha - shift))
            self.add_loss(self.l0_regularization * expected)
        z = keras.ops.clip(s * (_HIGH - _LOW) + _LOW, 0, 1)
        batch = keras.ops.shape(features)[0]
        return keras.ops.broadcast_to(
            keras.ops.cast(z, self.compute_dtype), (batch, self.num_experts)
        )

    def compute_mask(self, features: Any, previous_mask: Any) -> None:
        """Gates have no padding."""

    def compute_output_shape(self, features_shape: Any) -> Any:
        """Returns `(B, num_experts)`."""
        return (features_shape[0], self.num_experts)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_experts": self.num_experts,
            "l0_regularization": self.l0_regularization,
            "seed": self.seed,
        }
