"""Videos and other series of frames: a body for each frame, then layers over time."""

from __future__ import annotations

from typing import Any

import keras

from ..names import check_known
from ..whole_numbers import check_whole
from .body import Body
from .copies import copy_of
from .flatten import averaged
from .masked_layers import (
    AddFeatures,
    AverageSteps,
    KeepsMask,
    LargestOfSteps,
    MaskedConvolution,
)
from .reused import reusable
from .tokens import Positions

OVER_TIME = ("gru", "lstm", "convolution", "attention", "average")


@keras.saving.register_keras_serializable(package="tf_mtl")
class TimeDistributed(Body):
    """One body for all frames `[B, time, ...]`, and what joins its features over time.

        gru, lstm:     the last state of a recurrent layer of `units`
        convolution:   a convolution of width 3 over time, then the largest value at any time
        attention:     attention between all times with learnt positions, then the mean
        average:       the mean

    It is a body, and so serves in every trunk: `MMoE(expert=TimeDistributed(CNN()))`. A series of
    texts is `[B, time]`; a text is the average of its words where the body is a `TextEncoder`.

    Args:
        body: From a frame to features `[B, d]`: a list of units, MLP, CNN, a Keras layer or model,
            or a callable.
        over_time: One of the names above, or a Keras layer from `[B, time, d]` to features.
        units: Width of the layer over time; unused with "average" and a layer of your own.

    Raises:
        ValueError: If `over_time` is unknown, `units` is below 1, or the input has no axis of time.

    >>> body = TimeDistributed([8], units=4)
    >>> body(keras.Input((10, 3, 3))).shape
    (None, 4)
    """

    def __init__(self, body: Any, over_time: Any = "gru", units: int = 64) -> None:
        if isinstance(over_time, str):
            check_known([over_time], OVER_TIME, "way to join features over time:")
        self.body = body
        self.over_time = over_time
        self.units = check_whole(units, "units")

    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns features of a series of frames `[B, time, ...]`, or of texts `[B, time]`.

        Args:
            inputs: Keras tensor.
            name: Prefix of the layers' names.
        """
        name = name or "video"
        are_texts = getattr(inputs, "dtype", "") == "string"
        if not isinstance(inputs, keras.KerasTensor) or len(inputs.shape) < 3 - are_texts:
            raise ValueError(
                "TimeDistributed expects one series of frames [B, time, ...], or of texts "
                "[B, time]. Received: "
                f"{keras.tree.map_structure(lambda tensor: tuple(tensor.shape), inputs)}."
            )
        frame = keras.Input(inputs.shape[2:], dtype=inputs.dtype)
        one = reusable(self._of_text if are_texts else self.body, frame, f"{name}_frame")
        frames = EveryFrame(one, name=f"{name}_frames")(inputs)
        if not isinstance(self.over_time, str):
            return copy_of(self.over_time, frames, f"{name}_over_time")
        return self._joined(frames, name)

    def _of_text(self, text: Any, name: str) -> Any:
        return averaged(copy_of(self.body, text, name), f"{name}_text")

    def _joined(self, frames: Any, name: str) -> Any:
        if self.over_time in ("gru", "lstm"):
            recurrent = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[self.over_time]
            return recurrent(self.units, name=f"{name}_{self.over_time}")(frames)
        if self.over_time == "convolution":
            frames = MaskedConvolution(
                self.units, 3, activation="relu", name=f"{name}_convolution"
            )(frames)
            return LargestOfSteps(name=f"{name}_maximum")(frames)
        if self.over_time == "attention":
            frames = keras.layers.Dense(self.units, name=f"{name}_projection")(frames)
            frames = Positions(name=f"{name}_positions")(frames)
            attended = keras.layers.MultiHeadAttention(1, self.units, name=f"{name}_attention")(
                frames, frames
            )
            # Its mask is that of the attended frames: Keras' attention takes it off its inputs.
            frames = AddFeatures(name=f"{name}_sum")(attended, frames)
        return AverageSteps(name=f"{name}_average")(frames)


@keras.saving.register_keras_serializable(package="tf_mtl")
class EveryFrame(KeepsMask):
    """A layer or model on every frame of a series, all frames in one call.

    `keras.layers.TimeDistributed` calls the layer frame by frame, which takes longer.

    Args:
        layer: Keras layer or model from one frame to a tensor.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        frames: `[B, time, ...]`.

    Returns:
        `[B, time, ...]`.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, frames_shape: tuple[int | None, ...]) -> None:
        """Builds the layer for one frame."""
        if not self.layer.built:
            self.layer.build((None, *frames_shape[2:]))

    def call(self, frames: Any, training: bool = False) -> Any:
        """Returns what the layer makes of each frame."""
        shape = keras.ops.shape(frames)
        together = self.layer(keras.ops.reshape(frames, (-1, *shape[2:])), training=training)
        return keras.ops.reshape(together, (-1, shape[1], *keras.ops.shape(together)[1:]))

    def compute_output_shape(self, frames_shape: tuple[int | None, ...]) -> Any:
        """Batch and time, then the shape of the layer's output."""
        frame = self.layer.compute_output_shape((None, *frames_shape[2:]))
        return (*frames_shape[:2], *frame[1:])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**super().get_config(), "layer": layer}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EveryFrame:
        """Returns the layer around the layer in `config`."""
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})
