"""A small convolutional network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from .arguments import check_dropout, widths
from .body import StackedBody


@keras.saving.register_keras_serializable(package="tf_mtl")
class CNN(StackedBody):
    """Convolutions with pooling, then dense layers.

    Each stage is a convolution (3 × 3, same padding), its activation and max pooling by 2, as long
    as the image has at least two pixels left.

    Args:
        filters: Number of filters of each stage, at least one stage.
        units: Widths of the dense layers behind; empty for global average pooling.
        kernel_size: Side of the convolutions in pixels.
        activation: Keras activation of every layer.
        dropout: Share of units dropped before each dense layer, from 0 to below 1.
        regularizer: Keras regulariser of the kernels, by name, or None.

    Raises:
        ValueError: If there is no stage, `dropout` is outside its range, or the input is no image.

    >>> CNN([16, 32], units=[64])(keras.Input((8, 8, 1))).shape
    (None, 64)
    """

    def __init__(
        self,
        filters: Sequence[int] = (32, 64),
        units: Sequence[int] = (128,),
        kernel_size: int = 3,
        activation: str = "relu",
        dropout: float = 0.0,
        regularizer: Any = None,
    ) -> None:
        self.filters = widths(filters, "filters")
        self.units = widths(units, "units", least=0)
        self.kernel_size = kernel_size
        self.activation = activation
        self.dropout = check_dropout(dropout)
        self.regularizer = regularizer

    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns features `[B, units[-1]]` of an image `[B, height, width, channels]`.

        Args:
            inputs: Keras tensor.
            name: Prefix of the layers' names.
        """
        if not isinstance(inputs, keras.KerasTensor) or len(inputs.shape) != 4:
            shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), inputs)
            raise ValueError(
                "CNN expects one image [B, height, width, channels]. Received the shape "
                f"{shapes}. Add the axis of channels, or use MLP for inputs that are no images."
            )
        features = inputs
        for block in self.blocks():
            features = block(features, name=name or "cnn")
        return features

    def blocks(self) -> list[Callable[..., Any]]:
        """Returns one block for each convolution and each dense layer."""
        return [
            *(functools.partial(self._convolution, i) for i in range(len(self.filters))),
            *(functools.partial(self._dense, i) for i in range(len(self.units))),
        ]

    def _convolution(self, i: int, inputs: Any, name: str) -> Any:
        features = keras.layers.Conv2D(
            self.filters[i],
            self.kernel_size,
            padding="same",
            activation=self.activation,
            kernel_regularizer=self.regularizer,
            name=f"{name}_convolution_{i}",
        )(inputs)
        if all(side is None or side >= 2 for side in features.shape[1:3]):
            features = keras.layers.MaxPooling2D(name=f"{name}_pooling_{i}")(features)
        if i + 1 == len(self.filters) and not self.units:
            features = keras.layers.GlobalAveragePooling2D(name=f"{name}_average")(features)
        return features

    def _dense(self, i: int, inputs: Any, name: str) -> Any:
        features = inputs
        if len(features.shape) == 4 and None in features.shape[1:3]:
            features = keras.layers.GlobalAveragePooling2D(name=f"{name}_average")(features)
        elif len(features.shape) == 4:
            features = keras.layers.Flatten(name=f"{name}_flatten")(features)
        if self.dropout:
            features = keras.layers.Dropout(self.dropout, name=f"{name}_dropout_{i}")(features)
        return keras.layers.Dense(
            self.units[i],
            activation=self.activation,
            kernel_regularizer=self.regularizer,
            name=f"{name}_dense_{i}",
        )(features)
