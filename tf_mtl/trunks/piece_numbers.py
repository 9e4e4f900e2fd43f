"""Texts to numbers of their pieces, by a tokenizer of KerasHub."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tf_mtl")
class PieceNumbers(keras.layers.Layer):
    """Splits texts into pieces of words as a tokenizer of KerasHub does, with its vocabulary.

    The number of a piece is 1 plus the tokenizer's: 0 is behind the end of a text, whichever number
    the tokenizer keeps for padding, if any. Needs the extra `tf_mtl[hub]`, as its tokenizer does.

    Args:
        tokenizer: `keras_hub.tokenizers.WordPieceTokenizer` or `BytePairTokenizer` with a
            vocabulary and without `sequence_length`.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the tokenizer is of another kind, has no vocabulary or a `sequence_length`.

    Call arguments:
        texts: Strings `[B]`.

    Returns:
        int32 `[B, pieces]`, padded with 0 to the longest text of the batch.
    """

    def __init__(self, tokenizer: Any, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        _check(tokenizer)
        self.tokenizer = tokenizer
        self.supports_jit = False  # XLA knows no strings
        self.built = True

    def vocabulary_size(self) -> int:
        """Returns the number of numbers: that of the pieces, and padding."""
        return int(self.tokenizer.vocabulary_size()) + 1

    def call(self, texts: Any) -> Any:
        """Returns the numbers of the pieces."""
        pieces = self.tokenizer.tokenize(texts)
        if isinstance(pieces, list):  # what KerasHub returns outside of a graph
            pieces = tf.ragged.constant(pieces, tf.int32, ragged_rank=1)
        return (tf.cast(pieces, tf.int32) + 1).to_tensor(0)

    def compute_output_spec(self, texts: Any) -> keras.KerasTensor:
        """Returns the shape and the type of the output."""
        return keras.KerasTensor((texts.shape[0], None), "int32")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; the vocabulary is part of them."""
        tokenizer = keras.saving.serialize_keras_object(self.tokenizer)
        # KerasHub keeps a vocabulary in a file beside the config, which a recipe does not have.
        for part in ("vocabulary", "merges"):
            if hasattr(self.tokenizer, part):
                tokenizer["config"][part] = getattr(self.tokenizer, part)
        return {**super().get_config(), "tokenizer": tokenizer}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PieceNumbers:
        """Returns a layer with the tokenizer in `config`."""
        tokenizer = keras.saving.deserialize_keras_object(config["tokenizer"])
        return cls(**{**config, "tokenizer": tokenizer})


def is_tokenizer(words: Any) -> bool:
    """Whether something is a tokenizer of KerasHub, which need not be installed to be asked."""
    return isinstance(words, keras.layers.Layer) and hasattr(words, "detokenize")


def _check(tokenizer: Any) -> None:
    if not is_tokenizer(tokenizer) or getattr(tokenizer, "vocabulary", None) is None:
        raise ValueError(
            "Expected a tokenizer of KerasHub with a vocabulary: WordPieceTokenizer(vocabulary="
            "[...]) or BytePairTokenizer(vocabulary={...}, merges=[...]). Received: "
            f"{tokenizer!r}."
        )
    if tokenizer.sequence_length is not None:
        raise ValueError(
            "A tokenizer must not pad: leave out its `sequence_length`. Received: sequence_length="
            f"{tokenizer.sequence_length}."
        )
