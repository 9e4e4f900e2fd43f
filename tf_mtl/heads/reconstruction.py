"""The input again, from what the trunk has kept of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole, is_whole
from .base import BaseHead
from .labels import FloatLabels, LabelRule


@keras.saving.register_keras_serializable(package="tf_mtl")
class Reconstruction(BaseHead):
    """Restores vectors `[d]` or images `[height, width, channels]` from the features.

    An auxiliary task that needs no labels: the label is the input, so that rows without any other
    label still teach the trunk what the data look like. Give it a small loss weight.

        train.map(lambda x, y: (x, {**y, "restored": x}))

    The decoder of a vector is a chain of dense layers, that of an image begins with a small
    image and doubles it with each layer, a transposed convolution; what exceeds the shape is cut
    off.

    Labels are numbers, `[B, *shape]`. Missing: NaN, element by element.

    Args:
        shape: Shape of one row: `[d]` or `[height, width, channels]`.
        widths: Units or filters of the hidden layers, from the features to the output.
        activation: Of the output: "sigmoid" for values between 0 and 1.
        loss: A Keras loss of the values.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the shape has another number of axes or a size below 1, or there is a width
            below 1.

    Call arguments:
        features: `[B, ...]`, flattened; all sizes known.

    Returns:
        Values, float32 `[B, *shape]`.

    >>> Reconstruction((8, 8, 1))(keras.ops.ones((2, 16))).shape
    TensorShape([2, 8, 8, 1])
    """

    def __init__(
        self,
        shape: Sequence[int],
        widths: Sequence[int] = (64, 32),
        activation: Any = "linear",
        loss: Any = "mean_squared_error",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        sizes = list(shape) if isinstance(shape, Iterable) else []
        if len(sizes) not in (1, 3) or not all(is_whole(size) and size > 0 for size in sizes):
            raise ValueError(
                "Reconstruction restores vectors, shape=[d], and images, shape=[height, width, "
                f"channels]. Received: shape={shape!r}."
            )
        self.shape = [int(size) for size in sizes]
        self.widths = [check_whole(width, "widths") for width in widths]
        self.activation = activation
        self.loss = loss
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy, name="flatten")
        self.decoder = self._vector_layers() if len(self.shape) == 1 else self._image_layers()

    def _vector_layers(self) -> list[keras.layers.Layer]:
        dtype = self.dtype_policy
        hidden = [
            keras.layers.Dense(width, activation="relu", dtype=dtype, name=f"dense_{i}")
            for i, width in enumerate(self.widths)
        ]
        last = keras.layers.Dense(
            self.shape[0], activation=self.activation, dtype=dtype, name="values"
        )
        return [*hidden, last]

    def _image_layers(self) -> list[keras.layers.Layer]:
        dtype = self.dtype_policy
        factor = 2 ** len(self.widths)
        height, width = (math.ceil(size / factor) for size in self.shape[:2])
        first = self.widths[0] if self.widths else self.shape[2]
        surplus = [
            (small * factor - size)
            for small, size in zip((height, width), self.shape[:2], strict=True)
        ]
        doubling = [
            keras.layers.Conv2DTranspose(
                filters, 3, strides=2, padding="same", activation="relu", dtype=dtype,
                name=f"convolution_{i}",
            )
            for i, filters in enumerate(self.widths)
        ]  # fmt: skip
        return [
            keras.layers.Dense(
                height * width * first, activation="relu", dtype=dtype, name="small_values"
            ),
            keras.layers.Reshape((height, width, first), dtype=dtype, name="small_image"),
            *doubling,
            keras.layers.Cropping2D(
                [(extra // 2, extra - extra // 2) for extra in surplus], dtype=dtype, name="cut"
            ),
            keras.layers.Conv2D(
                self.shape[2], 3, padding="same", activation=self.activation, dtype=dtype,
                name="values",
            ),
        ]  # fmt: skip

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates the decoder."""
        sizes = [size for size in features_shape[1:] if size is not None]
        if len(sizes) != len(features_shape) - 1 or not sizes:
            raise ValueError(
                "Reconstruction needs features whose sizes are all known. Received features of "
                f"shape {tuple(features_shape)}. Give the trunk a last layer that averages."
            )
        shape: Any = (features_shape[0], math.prod(sizes))
        for layer in self.decoder:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, features: Any) -> Any:
        """Returns the restored values."""
        values = self.flatten(features)
        for layer in self.decoder:
            values = layer(values)
        return values

    @property
    def default_loss(self) -> Any:
        """The loss given."""
        return self.loss

    @property
    def default_metrics(self) -> list[Any]:
        """Mean absolute error."""
        return [keras.metrics.MeanAbsoluteError(name="mae")]

    @property
    def label_rule(self) -> LabelRule:
        """Numbers, NaN where missing."""
        return FloatLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "reconstruction"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "shape": self.shape,
            "widths": self.widths,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
            "loss": keras.saving.serialize_keras_object(self.loss),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns the head of a config."""
        activation = keras.activations.get(config["activation"])
        return super().from_config({**config, "activation": activation})
