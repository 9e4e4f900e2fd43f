"""Layers for padded sequences that Keras has without masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from ..keras_internals import copy_mask, keras_mask
from ..masks import mean_of_steps


class KeepsMask(keras.layers.Layer):
    """Base of layers whose output has the steps of their features, and so their mask.

    Of several inputs the first one that has a mask tells it: features that are mixed come from the
    same steps, and what else a layer reads (a vector of the task) has none.
    """

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns the mask of the features, or None."""
        return next((mask for mask in keras.tree.flatten(previous_mask) if mask is not None), None)


def with_mask_of(features: Sequence[Any], tensor: Any) -> Any:
    """Returns a tensor with the mask of the first of the features that has one.

    For layers whose features are not their first argument, the only one that `compute_mask` sees.
    """
    masked = [each for each in features if keras_mask(each) is not None]
    return copy_mask(masked[0], tensor) if masked else tensor


@keras.saving.register_keras_serializable(package="tf_mtl")
class MaskedModel(keras.Model):
    """A functional model for features with a mask, which its layers heed and hand on themselves.

    Keras' own does the same, but warns that it destroys the mask.
    """

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """The layers within have given the output its mask."""


@keras.saving.register_keras_serializable(package="tf_mtl")
class JoinFeatures(keras.layers.Layer):
    """Concatenates features of the same steps; the mask is that of the first.

    `keras.layers.Concatenate` counts a step as there if any of its inputs has no mask.

    >>> JoinFeatures()(keras.ops.ones((2, 3, 4)), keras.ops.ones((2, 3, 1))).shape
    TensorShape([2, 3, 5])
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, first: Any, second: Any) -> Any:
        """Returns the features side by side."""
        return keras.ops.concatenate([first, second], axis=-1)


@keras.saving.register_keras_serializable(package="tf_mtl")
class AddFeatures(keras.layers.Layer):
    """Adds features of the same steps; the mask is that of the first.

    `keras.layers.Add` joins the masks, which are the same, by an operation without a name of its
    own, which the model's picture shows.

    >>> AddFeatures()(keras.ops.ones((1, 1, 2)), keras.ops.ones((1, 1, 2))).numpy().tolist()
    [[[2.0, 2.0]]]
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, first: Any, second: Any) -> Any:
        """Returns the sum."""
        return first + second


@keras.saving.register_keras_serializable(package="tf_mtl")
class PaddingMask(keras.layers.Layer):
    """Tells which numbers of words are words, and which are padding.

    Args:
        padding: Number that stands behind the end of a text.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        numbers: Whole numbers `[B, steps]`.

    Returns:
        bool `[B, steps]`, false at padding.

    >>> PaddingMask()(keras.ops.array([[7, 2, 0]])).numpy().tolist()
    [[True, True, False]]
    """

    def __init__(self, padding: int = 0, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.padding = padding
        self.built = True

    def call(self, numbers: Any) -> Any:
        """Returns the mask."""
        return keras.ops.not_equal(numbers, self.padding)

    def compute_output_spec(self, numbers: Any) -> keras.KerasTensor:
        """Returns the shape and the type of the mask."""
        return keras.KerasTensor(numbers.shape, "bool")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package="tf_mtl")
class WithMask(keras.layers.Layer):
    """Gives features a mask, which Keras hands on to the layers behind.

    `keras.layers.Embedding(mask_zero=True)` makes its mask by an operation without a name of its
    own, and knows no padding but 0.

    Call arguments:
        inputs: Features `[B, steps, d]`, and the mask, bool `[B, steps]`.

    >>> features = WithMask()([keras.Input((3, 4)), keras.Input((3,), dtype="bool")])
    >>> features.shape
    (None, 3, 4)
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.built = True

    def call(self, inputs: Sequence[Any]) -> Any:
        """Returns the features."""
        return inputs[0]

    def compute_mask(self, inputs: Sequence[Any], previous_mask: Any = None) -> Any:
        """Returns the mask."""
        return inputs[1]

    def compute_output_shape(self, inputs_shape: Any) -> tuple[int | None, ...]:
        """Returns the shape of the features."""
        return tuple(inputs_shape[0])


@keras.saving.register_keras_serializable(package="tf_mtl")
class MaskedConvolution(keras.layers.Layer):
    """`keras.layers.Conv1D` that sees zeros where a sequence is padded, and keeps its mask.

    Padding thus does not change what a convolution makes of the steps beside it.

    Args:
        filters: Number of filters.
        kernel_size: Steps seen at once.
        padding: "same" or "causal"; both keep the number of steps.
        activation: Keras activation.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: For another padding.

    Call arguments:
        features: `[B, steps, d]`.
        mask: bool `[B, steps]`, or None; Keras passes it.

    >>> MaskedConvolution(5)(keras.ops.ones((2, 3, 4))).shape
    TensorShape([2, 3, 5])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        padding: str = "same",
        activation: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if padding not in ("same", "causal"):
            raise ValueError(f"`padding` must be 'same' or 'causal'. Received: {padding!r}.")
        self.supports_masking = True
        self.filters = filters
        self.kernel_size = kernel_size
        self.padding = padding
        self.activation = activation
        self.convolution = keras.layers.Conv1D(
            filters,
            kernel_size,
            padding=padding,
            activation=activation,
            dtype=self.dtype_policy,
            name="convolution",
        )

    def build(self, features_shape: Sequence[int | None]) -> None:
        """Creates the kernel."""
        self.convolution.build(features_shape)

    def call(self, features: Any, mask: Any = None) -> Any:
        """Returns the convolution of the steps that are there."""
        if mask is not None:
            features = features * keras.ops.cast(mask[..., None], features.dtype)
        return self.convolution(features)

    def compute_output_shape(self, features_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the features with another number of them."""
        return (*features_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "padding": self.padding,
            "activation": keras.saving.serialize_keras_object(self.activation),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MaskedConvolution:
        """Returns the layer of a config."""
        activation = keras.saving.deserialize_keras_object(config["activation"])
        return cls(**{**config, "activation": activation})


@keras.saving.register_keras_serializable(package="tf_mtl")
class AddPositions(keras.layers.Layer):
    """Adds sines and cosines of the step to the features, for attention knows no order.

    Nothing is learnt, and so sequences may be longer than those seen in training.

    Reference: Vaswani et al., Attention Is All You Need, 2017, section 3.5. The cosines stand
    behind the sines here, not between them.

    Call arguments:
        features: `[B, steps, d]`, d even.
        start: Number of the first step.

    Raises:
        ValueError: If d is odd.

    >>> AddPositions()(keras.ops.zeros((1, 2, 2)))[0, 0].numpy().tolist()
    [0.0, 1.0]
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.supports_masking = True

    def build(self, features_shape: Sequence[int | None]) -> None:
        """Refuses an odd number of features."""
        if features_shape[-1] is None or features_shape[-1] % 2:
            raise ValueError(
                "AddPositions needs features [B, steps, d] with an even d: a sine and a cosine for "
                f"each frequency. Received the shape {tuple(features_shape)}."
            )

    def call(self, features: Any, start: Any = 0) -> Any:
        """Returns the features with their positions."""
        pairs = features.shape[-1] // 2
        steps = keras.ops.shape(features)[1]
        step = keras.ops.cast(start + keras.ops.arange(steps), "float32")
        rate = keras.ops.exp(-keras.ops.arange(pairs, dtype="float32") / pairs * math.log(10_000))
        angle = step[:, None] * rate
        waves = keras.ops.concatenate([keras.ops.sin(angle), keras.ops.cos(angle)], axis=-1)
        return features + keras.ops.cast(waves, features.dtype)

    def compute_output_shape(self, features_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the features."""
        return tuple(features_shape)


@keras.saving.register_keras_serializable(package="tf_mtl")
class LargestOfSteps(keras.layers.GlobalMaxPooling1D):
    """The largest value at any of the steps that are there; zeros where none is.

    `keras.layers.GlobalMaxPooling1D` looks at padding too.

    >>> embedding = keras.layers.Embedding(9, 1, keras.initializers.Constant(-1), mask_zero=True)
    >>> LargestOfSteps()(embedding(keras.ops.array([[5, 7, 0], [0, 0, 0]]))).numpy().tolist()
    [[-1.0], [0.0]]
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the largest values, `[B, d]`."""
        if mask is None:
            return super().call(inputs)
        there = mask[..., None]
        largest = keras.ops.max(keras.ops.where(there, inputs, -math.inf), axis=1)
        return keras.ops.where(keras.ops.any(there, axis=1), largest, 0)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """A single vector has no padding."""


@keras.saving.register_keras_serializable(package="tf_mtl")
class AverageSteps(keras.layers.GlobalAveragePooling1D):
    """The average of the steps that are there; zeros where none is.

    `keras.layers.GlobalAveragePooling1D` divides 0 by 0 for a sequence that is nothing but padding.

    >>> embedding = keras.layers.Embedding(9, 1, "ones", mask_zero=True)
    >>> AverageSteps()(embedding(keras.ops.array([[5, 7, 0], [0, 0, 0]]))).numpy().tolist()
    [[1.0], [0.0]]
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the average, `[B, d]`."""
        return super().call(inputs) if mask is None else mean_of_steps(inputs, mask)


@keras.saving.register_keras_serializable(package="tf_mtl")
class FlattenSteps(keras.layers.Flatten):
    """`[B, ..., d]` as `[B, n]`, with zeros for the steps that are padding.

    `keras.layers.Flatten` takes padding for data, and warns.

    >>> embedding = keras.layers.Embedding(9, 1, "ones", mask_zero=True)
    >>> FlattenSteps()(embedding(keras.ops.array([[5, 7, 0]]))).numpy().tolist()
    [[1.0, 1.0, 0.0]]
    """

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the vectors, `[B, n]`."""
        if mask is not None:
            axes = range(len(mask.shape), len(inputs.shape))
            inputs = keras.ops.where(keras.ops.expand_dims(mask, tuple(axes)), inputs, 0)
        return super().call(inputs)

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> keras.KerasTensor:
        """Returns the shape and the type of the vectors."""
        return super().compute_output_spec(inputs)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """A single vector has no padding."""
