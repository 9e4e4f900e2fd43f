"""A stack of dense layers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from .arguments import check_dropout, widths
from .body import StackedBody
from .flatten import flattened


@keras.saving.register_keras_serializable(package="tf_mtl")
class MLP(StackedBody):
    """Dense layers, each with an activation and, if asked for, batch normalisation and dropout.

    Args:
        units: Width of each layer, at least one.
        activation: Keras activation of every layer.
        dropout: Share of units dropped after each layer, from 0 to below 1.
        normalization: Whether each layer is followed by batch normalisation.
        regularizer: Keras regulariser of the kernels, by name, or None.

    Raises:
        ValueError: If there is no layer, a width below 1, or `dropout` outside its range.

    >>> inputs = keras.Input((8, 8, 1))
    >>> MLP([64, 32])(inputs).shape
    (None, 32)
    """

    def __init__(
        self,
        units: Sequence[int] = (64, 64),
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: bool = False,
        regularizer: Any = None,
    ) -> None:
        self.units = widths(units, "units")
        self.activation = activation
        self.dropout = check_dropout(dropout)
        self.normalization = normalization
        self.regularizer = regularizer

    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns features `[B, units[-1]]`; several inputs are flattened and joined.

        Args:
            inputs: Keras tensor, or a dictionary or list of them.
            name: Prefix of the layers' names.
        """
        features = inputs
        for block in self.blocks():
            features = block(features, name=name or "mlp")
        return features

    def blocks(self) -> list[Callable[..., Any]]:
        """Returns one block for each layer."""
        return [functools.partial(self._block, i) for i in range(len(self.units))]

    def _block(self, i: int, inputs: Any, name: str) -> Any:
        features = keras.layers.Dense(
            self.units[i],
            activation=None if self.normalization else self.activation,
            kernel_regularizer=self.regularizer,
            name=f"{name}_dense_{i}",
        )(flattened(inputs, name))
        if self.normalization:
            features = keras.layers.BatchNormalization(name=f"{name}_normalization_{i}")(features)
            features = keras.layers.Activation(self.activation, name=f"{name}_activation_{i}")(
                features
            )
        if self.dropout:
            features = keras.layers.Dropout(self.dropout, name=f"{name}_dropout_{i}")(features)
        return features
