"""Layers around words: their bytes, and forgetting some of them in training."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tf_mtl")
class WordBytes(keras.layers.Layer):
    """Splits texts at white space and returns the UTF-8 bytes of every word.

    Bytes need no vocabulary: a network that sees them knows something of words that the training
    split did not have.

    Args:
        size: Number of bytes kept of a word, at least 1; the rest is cut off.
        length: Number of words kept of a text, or None for the longest text of the batch.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `size` or `length` is less than 1.

    Call arguments:
        texts: Strings `[B]`.

    Returns:
        Bytes plus 1, int32 `[B, words, size]`; 0 is behind the end of a word.

    >>> WordBytes(size=3)(tf.constant(["a bee", ""])).numpy().tolist()
    [[[98, 0, 0], [99, 102, 102]], [[0, 0, 0], [0, 0, 0]]]
    """

    num_values = 257  # 256 bytes, and 0 behind the end

    def __init__(
        self, size: int = 16, length: int | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if size < 1 or (length is not None and length < 1):
            raise ValueError(
                f"`size` and `length` must be at least 1. Received: size={size}, length={length}."
            )
        self.size = size
        self.length = length
        self.supports_jit = False  # XLA knows no strings

    def call(self, texts: Any) -> Any:
        """Returns the bytes of the words."""
        words = tf.strings.split(texts).to_tensor("", shape=(None, self.length))
        words = at_least_one(words, "")
        codes = tf.io.decode_raw(words, tf.uint8, fixed_length=self.size)
        sizes = tf.strings.length(words)[..., None]
        return tf.where(tf.range(self.size) < sizes, tf.cast(codes, tf.int32) + 1, 0)

    def compute_output_spec(self, texts: Any) -> keras.KerasTensor:
        """Returns the shape and the type of the output."""
        return keras.KerasTensor((texts.shape[0], self.length, self.size), "int32")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "size": self.size, "length": self.length}


@keras.saving.register_keras_serializable(package="tf_mtl")
class ForgetWords(keras.layers.Layer):
    """Replaces words by the unknown word at random, in training only.

    The network thus learns what to make of words that are not in its vocabulary: word dropout,
    Iyyer et al., Deep Unordered Composition Rivals Syntactic Methods, 2015.

    Args:
        rate: Share of words replaced, from 0 to below 1.
        unknown: Number of the unknown word: 1 in `keras.layers.TextVectorization`.
        seed: Seed of the random numbers.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `rate` is outside its range.

    Call arguments:
        words: Whole numbers `[B, words]`, 0 behind the end of a text.

    >>> ForgetWords(0.5)(tf.constant([[7, 2, 0]]), training=False).numpy().tolist()
    [[7, 2, 0]]
    """

    def __init__(
        self,
        rate: float,
        unknown: int = 1,
        seed: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must lie in [0, 1). Received: rate={rate}.")
        self.rate = rate
        self.unknown = unknown
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, words: Any, training: bool = False) -> Any:
        """Returns the words, some of them unknown in training."""
        if not training or self.rate == 0:
            return words
        draws = keras.random.uniform(keras.ops.shape(words), seed=self.generator)
        forgotten = keras.ops.logical_and(draws < self.rate, words > 0)
        return keras.ops.where(forgotten, keras.ops.full_like(words, self.unknown), words)

    def compute_output_shape(self, words_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the words."""
        return words_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "unknown": self.unknown,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="tf_mtl")
class KnownWords(keras.layers.Layer):
    """Tells which numbers of words are those of known words: neither padding nor unknown.

    Call arguments:
        words: Whole numbers `[B, words]` of a `keras.layers.TextVectorization`.

    Returns:
        bool `[B, words]`.

    >>> KnownWords()(tf.constant([[7, 1, 0]])).numpy().tolist()
    [[True, False, False]]
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.built = True

    def call(self, words: Any) -> Any:
        """Returns the mask."""
        return keras.ops.greater(words, 1)

    def compute_output_spec(self, words: Any) -> keras.KerasTensor:
        """Returns the shape and the type of the mask."""
        return keras.KerasTensor(words.shape, "bool")


@keras.saving.register_keras_serializable(package="tf_mtl")
class AtLeastOneWord(keras.layers.Layer):
    """Pads texts that have no words at all to one word of padding.

    Recurrent layers and convolutions fail on a batch without steps: empty texts only.

    Call arguments:
        words: Whole numbers `[B, words]`.

    >>> AtLeastOneWord()(tf.zeros([2, 0], tf.int64)).shape
    TensorShape([2, 1])
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.built = True

    def call(self, words: Any) -> Any:
        """Returns the words, or padding."""
        return at_least_one(words, 0)

    def compute_output_spec(self, words: Any) -> keras.KerasTensor:
        """Returns the shape and the type of the words."""
        return keras.KerasTensor(words.shape, words.dtype)


def at_least_one(words: tf.Tensor, padding: Any) -> tf.Tensor:
    """Returns `[B, words]` with one word of padding where there would be none.

    >>> at_least_one(tf.constant([[7, 2]]), 0).shape
    TensorShape([1, 2])
    """
    if words.shape[1]:
        return words
    missing = tf.maximum(1 - tf.shape(words)[1], 0)
    return tf.pad(words, [[0, 0], [0, missing]], constant_values=padding)
