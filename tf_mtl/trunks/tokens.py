"""Any inputs as a sequence of tokens `[B, L, width]`."""

from __future__ import annotations

from typing import Any

import keras

from .flatten import check_numbers

Shape = tuple[Any, ...]


def tokens_of(inputs: Any, width: int, patch_size: int, name: str) -> Any:
    """Returns tokens of the inputs, those of several inputs one behind the other.

    A vector gives a token for each number, a sequence one for each position, and an image one for
    each patch; the last two are told their positions.

    Args:
        inputs: Keras tensor, or a dictionary or list of them: vectors `[B, d]`, sequences
            `[B, L, d]` or images `[B, height, width, channels]`.
        width: Width of the tokens.
        patch_size: Side of the patches of images in pixels.
        name: Prefix of the layers' names.

    Raises:
        ValueError: If a tensor is text or of other rank, or its length is not fixed.
    """
    given = keras.tree.flatten(inputs)
    names = [name] if len(given) == 1 else [f"{name}_{i}" for i in range(len(given))]
    sequences = [
        _tokens(tensor, width, patch_size, each) for tensor, each in zip(given, names, strict=True)
    ]
    if len(sequences) == 1:
        return sequences[0]
    return keras.layers.Concatenate(axis=1, name=f"{name}_tokens")(sequences)


def _tokens(tensor: Any, width: int, patch_size: int, name: str) -> Any:
    check_numbers(tensor, name)
    rank = len(tensor.shape)
    if rank not in (2, 3, 4) or (rank == 2 and tensor.shape[-1] is None):
        raise ValueError(
            "Tokens are made of vectors [B, d], sequences [B, L, d] or images [B, height, width, "
            f"channels]. Received the shape {tuple(tensor.shape)}."
        )
    if rank == 2:
        return NumberTokens(width, name=f"{name}_numbers")(tensor)
    if rank == 3:
        tokens = keras.layers.Dense(width, name=f"{name}_projection")(tensor)
    else:
        patches = keras.layers.Conv2D(
            width, patch_size, strides=patch_size, padding="same", name=f"{name}_patches"
        )(tensor)
        tokens = keras.layers.Reshape((-1, width), name=f"{name}_sequence")(patches)
    return Positions(name=f"{name}_positions")(tokens)


@keras.saving.register_keras_serializable(package="tf_mtl")
class NumberTokens(keras.layers.Layer):
    """A token x_j w_j + b_j for each number x_j of a vector.

    Reference: Y. Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, NeurIPS 2021,
    section 3.3 (feature tokenizer).

    Args:
        width: Width of the tokens.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[B, d]`.

    Returns:
        `[B, d, width]`.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def build(self, inputs_shape: Shape) -> None:
        """Creates w and b."""
        shape = (inputs_shape[-1], self.width)
        start = keras.initializers.RandomUniform(-(self.width**-0.5), self.width**-0.5)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=start)
        self.bias = self.add_weight(name="bias", shape=shape, initializer=start.clone())

    def call(self, inputs: Any) -> Any:
        """Returns the tokens."""
        return keras.ops.expand_dims(inputs, -1) * self.kernel + self.bias

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        """A token for each number."""
        return (*inputs_shape, self.width)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="tf_mtl")
class Positions(keras.layers.Layer):
    """Adds a learnt vector of each position to a sequence.

    Call arguments:
        tokens: `[B, L, width]` of fixed length L.

    Returns:
        `[B, L, width]`.

    Raises:
        ValueError: If the length is not fixed.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, tokens_shape: Shape) -> None:
        """Creates the vectors."""
        if tokens_shape[1] is None:
            raise ValueError(
                "The positions of a sequence are learnt, so that its length must be fixed. "
                f"{self.name} received the shape {tuple(tokens_shape)}. Pad the input to a fixed "
                "length, with a mask."
            )
        self.vectors = self.add_weight(
            name="vectors",
            shape=tokens_shape[1:],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(self, tokens: Any) -> Any:
        """Returns the sum."""
        return tokens + self.vectors

    def compute_output_shape(self, tokens_shape: Shape) -> Shape:
        """The shape of the tokens."""
        return tokens_shape
