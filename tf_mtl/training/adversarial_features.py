"""The shared features, shifted to where the losses are high: a regulariser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..keras_internals import keras_mask
from ..whole_numbers import is_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class AdversarialFeatures:
    """Trains the tasks also on shared features that an adversary has shifted.

    With h_i the shared features of example i, g_i the gradient of the sum of the tasks' losses at
    h_i, and l_t(h) the loss of task t, a training step takes as the loss of task t

        l_t(h) + weight · l_t(h + r),      r_i = ε ‖h_i‖ g_i / ‖g_i‖₂

    where nothing is differentiated through r. The tasks thus cannot rely on features that a small
    shift would turn against them. The second term runs what lies behind the shared features only,
    and so costs little where the trunk is large. Weightings and aggregators get the sum of both as
    the loss of a task; a task without labels has neither, and does not move r. Displayed losses of
    tasks and metrics are those of h; `loss` has both terms in training, in evaluation the first.

    Args:
        epsilon: Length of the shift, relative to that of an example's features; above 0.
        weight: What the loss at the shifted features counts, above 0.

    Raises:
        ValueError: If an argument is not above 0.

    References: T. Miyato, A. M. Dai, I. Goodfellow, Adversarial Training Methods for
    Semi-Supervised Text Classification, ICLR 2017, equations 2 and 7; I. Goodfellow et al.,
    Explaining and Harnessing Adversarial Examples, ICLR 2015.
    Deviations: there the word embeddings are shifted, here what the tasks share. Embeddings are
    normalised there; features are not, so that ε is relative here, and a network gains nothing by
    larger features. Each tensor of shared features is shifted by itself. Dropout behind the
    features draws anew for the shifted ones, and batch normalisation there counts them too.

    >>> model.compile("adam", adversary=AdversarialFeatures(epsilon=0.1))  # doctest: +SKIP
    >>> AdversarialFeatures(epsilon=0.1).shifts([tf.constant([[3.0, 4.0]])],
    ...                                         [tf.constant([[0.0, -7.0]])])[0].numpy()
    array([[ 0. , -0.5]], dtype=float32)
    """

    def __init__(self, epsilon: float = 0.05, weight: float = 1.0) -> None:
        for name, value in (("epsilon", epsilon), ("weight", weight)):
            if not is_number(value) or value <= 0:
                raise ValueError(
                    f"AdversarialFeatures needs `{name}` above 0. Received: {name}={value!r}. To "
                    "train without an adversary, compile with adversary=None."
                )
        self.epsilon = epsilon
        self.weight = weight

    def shifts(self, features: Sequence[Any], gradients: Sequence[Any]) -> list[tf.Tensor]:
        """Returns the shift r of each tensor of features.

        Args:
            features: Tensors `[B, ...]`.
            gradients: The gradient at each, times any positive number; None where there is none.
        """
        return [
            tf.zeros_like(each) if gradient is None else self._shift(each, gradient)
            for each, gradient in zip(features, gradients, strict=True)
        ]

    def _shift(self, features: tf.Tensor, gradient: Any) -> tf.Tensor:
        axes = list(range(1, features.shape.rank))
        there = tf.cast(features, tf.float32)
        mask = keras_mask(features)
        if mask is not None:  # padding is no part of the features
            for _ in range(there.shape.rank - mask.shape.rank):
                mask = mask[..., tf.newaxis]
            there = there * tf.cast(mask, tf.float32)
        gradient = tf.cast(tf.convert_to_tensor(gradient), tf.float32)
        # By the largest entry first: squares of small gradients would be 0, and those of float16
        # may have overflowed, where the optimizer lowers its scale and takes no step.
        largest = tf.reduce_max(tf.abs(gradient), axis=axes, keepdims=True)
        scaled = tf.where(tf.math.is_finite(largest), tf.math.divide_no_nan(gradient, largest), 0.0)
        direction = tf.math.divide_no_nan(scaled, _length(scaled, axes))
        shift = self.epsilon * _length(there, axes) * direction
        return tf.stop_gradient(tf.cast(shift, features.dtype))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"epsilon": self.epsilon, "weight": self.weight}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AdversarialFeatures:
        """Returns an object made with the arguments in `config`."""
        return cls(**config)


def check_adversary(adversary: Any) -> None:
    """Raises `ValueError` unless something is an adversary or None."""
    if adversary is not None and not isinstance(adversary, AdversarialFeatures):
        raise ValueError(
            "`adversary` must be tf_mtl.training.AdversarialFeatures(...) or None. Received: "
            f"{adversary!r}."
        )


def _length(values: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(values), axis=axes, keepdims=True))
