"""Inputs of several kinds: an encoder for each, and their features joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..names import check_known
from ..whole_numbers import check_whole
from .body import Body
from .copies import copy_of
from .flatten import averaged
from .masked_layers import AddFeatures, AverageSteps, KeepsMask
from .tokens import Shape

FUSIONS = ("concatenate", "sum", "gated", "attention")


@keras.saving.register_keras_serializable(package="tf_mtl")
class MultiInput(Body):
    """An encoder for each named input, whose features are joined to one tensor.

        concatenate:   [h_1; …; h_M]
        sum:           Σ_m P_m h_m
        gated:         Σ_m g_m ⊙ tanh(P_m h_m),  g = softmax over m of G [h_1; …; h_M]
        attention:     the tokens P_m h_m attend to each other; then their mean

    with matrices P_m to a common width `units`. To attention, every position (word of a text,
    place of a map) is a token. Otherwise features are averaged over their positions, unless all
    inputs have the same positions, known from their shapes. It is a body, and so serves in every
    trunk, where each expert or task gets encoders of its own.

    Args:
        encoders: `{input: body}`: lists of units, bodies, Keras layers or models, or callables.
        fusion: "concatenate", "sum", "gated" or "attention".
        units: The common width; unused with "concatenate".
        upper: Body behind it, or None.

    Raises:
        ValueError: If `fusion` is unknown, there is no encoder, or inputs and encoders do not
            match.

    Reference: J. Arevalo et al., Gated Multimodal Units for Information Fusion, ICLR 2017 workshop
    (gated; there with sigmoids for two inputs).

    >>> inputs = {"image": keras.Input((4, 4, 1)), "row": keras.Input((3,))}
    >>> MultiInput({"image": [8], "row": [4]}, "gated", units=6)(inputs).shape
    (None, 6)
    """

    def __init__(
        self,
        encoders: Mapping[str, Any],
        fusion: str = "concatenate",
        units: int = 64,
        upper: Any = None,
    ) -> None:
        check_known([fusion], FUSIONS, "fusion")
        if not isinstance(encoders, Mapping) or not encoders:
            raise ValueError(
                "MultiInput needs `encoders` as {input: body}, at least one. "
                f"Received: {encoders!r}."
            )
        self.encoders = dict(encoders)
        self.fusion = fusion
        self.units = check_whole(units, "units")
        self.upper = upper

    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns the joined features of a dictionary of inputs.

        Args:
            inputs: `{name: Keras tensor}`.
            name: Prefix of the layers' names.
        """
        prefix = f"{name}_" if name else ""
        check_inputs(inputs, self.encoders)
        encoded = {
            each: copy_of(encoder, inputs[each], f"{prefix}{each}_encoder")
            for each, encoder in self.encoders.items()
        }
        features = self._joined(encoded, prefix)
        if self.upper is None:
            return features
        return copy_of(self.upper, features, f"{prefix}upper")

    def _joined(self, encoded: Mapping[str, Any], prefix: str) -> Any:
        if len(encoded) == 1 and self.fusion in ("concatenate", "sum"):
            return next(iter(encoded.values()))
        name = f"{prefix}{self.fusion}"
        if self.fusion != "attention":
            encoded = _of_one_size(encoded, prefix)
        if self.fusion == "concatenate":
            return keras.layers.Concatenate(name=f"{prefix}joined")(list(encoded.values()))
        activation = "tanh" if self.fusion == "gated" else None
        projected = [
            keras.layers.Dense(self.units, activation, name=f"{prefix}{each}_projection")(features)
            for each, features in encoded.items()
        ]
        if self.fusion == "sum":
            return keras.layers.Add(name=name)(projected)
        if self.fusion == "gated":
            return GatedSum(name=name)([projected, list(encoded.values())])
        sequences = [
            _as_sequence(tensor, f"{prefix}{each}_token")
            for each, tensor in zip(encoded, projected, strict=True)
        ]
        tokens = sequences[0]
        if len(sequences) > 1:
            tokens = keras.layers.Concatenate(axis=1, name=f"{prefix}tokens")(sequences)
        attended = keras.layers.MultiHeadAttention(1, self.units, name=name)(tokens, tokens)
        # Its mask is that of the attended tokens: Keras' attention takes the mask off its inputs.
        tokens = AddFeatures(name=f"{prefix}attention_sum")(attended, tokens)
        return AverageSteps(name=f"{prefix}attention_mean")(tokens)


def _of_one_size(encoded: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
    """Returns features that differ in their last axis at most."""
    positions = {tuple(features.shape[1:-1]) for features in encoded.values()}
    if len(positions) == 1 and None not in next(iter(positions)):
        return encoded
    return {
        each: averaged(features, f"{prefix}{each}_average") for each, features in encoded.items()
    }


def _as_sequence(tensor: Any, name: str) -> Any:
    if len(tensor.shape) == 3:
        return tensor
    return keras.layers.Reshape((-1, tensor.shape[-1]), name=name)(tensor)


def check_inputs(inputs: Any, encoders: Mapping[str, Any]) -> None:
    """Raises `ValueError` unless there is an encoder for each input, and an input for each."""
    if not isinstance(inputs, Mapping):
        raise ValueError(
            f"Expected the inputs as a dictionary with the keys {list(encoders)}. Received: "
            f"{type(inputs).__name__}."
        )
    check_known(inputs, list(encoders), "input without an encoder:")
    check_known(encoders, list(inputs), "encoder without an input:")


@keras.saving.register_keras_serializable(package="tf_mtl")
class GatedSum(KeepsMask):
    """Σ_m g_m ⊙ values_m with g = softmax over m of a matrix times the joined features.

    Call arguments:
        inputs: List of M values `[B, ..., units]`, and list of M features `[B, ..., d_m]`.

    Returns:
        `[B, ..., units]`.
    """

    def build(self, inputs_shape: Sequence[Sequence[Shape]]) -> None:
        """Creates the matrix of the gates."""
        values, features = inputs_shape
        self.number = len(values)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(sum(shape[-1] for shape in features), self.number * values[0][-1]),
        )

    def call(self, inputs: Sequence[Sequence[Any]]) -> Any:
        """Returns the gated sum."""
        values, features = inputs
        scores = keras.ops.matmul(keras.ops.concatenate(features, axis=-1), self.kernel)
        scores = keras.ops.stack(keras.ops.split(scores, self.number, axis=-1), axis=-2)
        gates = keras.ops.softmax(scores, axis=-2)
        return keras.ops.sum(gates * keras.ops.stack(values, axis=-2), axis=-2)

    def compute_output_shape(self, inputs_shape: Sequence[Sequence[Shape]]) -> Shape:
        """The shape of one of the values."""
        return inputs_shape[0][0]
