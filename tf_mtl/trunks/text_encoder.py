"""Texts to features of their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import is_number
from .arguments import widths
from .body import Body
from .masked_layers import (
    AddFeatures,
    AddPositions,
    JoinFeatures,
    MaskedConvolution,
    PaddingMask,
    WithMask,
)
from .piece_numbers import PieceNumbers, is_tokenizer
from .texts import adapted, check_adapted, lower_case, named, one_text_each, with_vocabulary
from .word_layers import AtLeastOneWord, ForgetWords, WordBytes

ENCODERS = ("recurrent", "convolution", "transformer")


@keras.saving.register_keras_serializable(package="tf_mtl")
class TextEncoder(Body):
    """Raw texts to features of their words `[B, words, units]`, padding masked.

    The words of a text are looked up and their UTF-8 bytes are read by a small convolution
    (character features, Ma and Hovy 2016), and then the words see each other. A head for a whole
    text, `Classification` for instance, averages the words; one for words, such as `TokenTagging`,
    takes them one by one.

    References: Ma and Hovy, End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF, 2016
    (bytes here, not characters, and no CRF); Vaswani et al., Attention Is All You Need, 2017
    (layers normalised before each part, not behind it).

    Args:
        words: A `keras.layers.TextVectorization` with whole numbers as output, adapted on the
            training texts. It becomes part of the model; `TextEncoder.for_texts` makes one. Or a
            tokenizer of KerasHub, for pieces of words; see `TextEncoder.for_tokenizer`.
        units: Features of a word after each layer, at least one; even numbers.
        encoder: How words see each other: "recurrent" (LSTM in both directions), "convolution" (of
            three words, with residual connections) or "transformer".
        characters: Bytes that are read of each word; 0 to look at the word alone.
        dropout: Share of features dropped before each layer and at the end, from 0 to below 1.
        unknown_rate: Share of words that training takes as unknown, so that unknown words mean
            something afterwards.
        causal: Whether a word sees itself and those before it only, as `NextToken` needs it.

    Raises:
        ValueError: If `words` is not adapted or would split texts otherwise than `characters` does,
            or another argument is outside its range.

    >>> import tensorflow as tf
    >>> body = TextEncoder.for_texts(["turn on the light", "play a song"], units=[8])
    >>> features = body(keras.Input((), dtype="string", name="text"))
    >>> features.shape
    (None, None, 8)
    """

    def __init__(
        self,
        words: Any,
        units: Sequence[int] = (128,),
        encoder: str = "recurrent",
        characters: int = 16,
        dropout: float = 0.3,
        unknown_rate: float = 0.05,
        causal: bool = False,
    ) -> None:
        units = widths(units, "units")
        if any(width % 2 for width in units):
            raise ValueError(
                f"TextEncoder needs `units` as a list of even numbers. Received: units={units}."
            )
        if encoder not in ENCODERS:
            raise ValueError(f"`encoder` must be one of {ENCODERS}. Received: {encoder!r}.")
        for argument, value in (("dropout", dropout), ("unknown_rate", unknown_rate)):
            if not is_number(value) or not 0 <= value < 1:
                raise ValueError(
                    f"`{argument}` must lie in [0, 1). Received: {argument}={value!r}."
                )
        if characters < 0:
            raise ValueError(f"`characters` must be 0 or more. Received: {characters}.")
        if is_tokenizer(words):
            words = PieceNumbers(words)
        if isinstance(words, PieceNumbers):
            _check_pieces(characters, unknown_rate)
        else:
            _check_words(words, characters)
            words = with_vocabulary(words)
        self.words = words
        self.units = units
        self.encoder = encoder
        self.characters = characters
        self.dropout = dropout
        self.unknown_rate = unknown_rate
        self.causal = causal

    @classmethod
    def for_texts(cls, texts: Any, max_words: int | None = None, **kwargs: Any) -> TextEncoder:
        """Returns an encoder that knows the words of `texts`.

        Texts are put in lower case and split at white space; punctuation stays. So the words keep
        their places, and labels of words still fit them.

        Args:
            texts: Texts of the training split only: a list, an array or a `tf.data.Dataset`.
            max_words: Number of words kept, the most frequent ones, with padding and the unknown
                word; None for all.
            **kwargs: Arguments of the constructor other than `words`.

        >>> TextEncoder.for_texts(["A b", "a"]).words.vocabulary_size()  # padding, unknown, a, b
        4
        """
        return cls(adapted(texts, max_words), **kwargs)

    @classmethod
    def for_tokenizer(cls, tokenizer: Any, **kwargs: Any) -> TextEncoder:
        """Returns an encoder of the pieces of words that a tokenizer of KerasHub makes.

        The steps are pieces then, not words: heads for whole texts fit, labels of words do not. The
        tokenizer's operations are those of TensorFlow Text: a program that serves the export needs
        `import tensorflow_text`, but neither Keras nor KerasHub.

        Args:
            tokenizer: `keras_hub.tokenizers.WordPieceTokenizer` or `BytePairTokenizer` with a
                vocabulary, or one of their subclasses; needs the extra `tf_mtl[hub]`.
            **kwargs: Arguments of the constructor other than `words`, `characters` and
                `unknown_rate`, which are 0: pieces have no bytes to read and are known.

        Raises:
            ValueError: If the tokenizer has no vocabulary, or pads by itself.

        >>> import keras_hub  # doctest: +SKIP
        >>> pieces = ["[UNK]", "play", "a", "song", "##s"]  # doctest: +SKIP
        >>> tokenizer = keras_hub.tokenizers.WordPieceTokenizer(pieces)  # doctest: +SKIP
        >>> TextEncoder.for_tokenizer(tokenizer, units=[8])  # doctest: +SKIP
        """
        return cls(tokenizer, characters=0, unknown_rate=0.0, **kwargs)

    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns features `[B, words, units[-1]]` of strings `[B]`.

        Args:
            inputs: Keras tensor of strings `[B]`, or `[B, 1]`.
            name: Prefix of the layers' names.
        """
        name = name or "text"
        inputs = one_text_each(inputs, "TextEncoder", f"{name}_scalar")
        features = self._embedded(inputs, name)
        if self.encoder == "transformer":
            features = AddPositions(name=f"{name}_positions")(
                keras.layers.Dense(self.units[0], name=f"{name}_width")(features)
            )
        block = {"recurrent": _recurrent, "convolution": _convolution}.get(
            self.encoder, _transformer
        )
        for i, width in enumerate(self.units):
            features = keras.layers.Dropout(self.dropout, name=f"{name}_dropout_{i}")(features)
            features = block(features, width, self.causal, f"{name}_{self.encoder}_{i}")
        return keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(features)

    def _embedded(self, texts: Any, name: str) -> Any:
        """Returns features of each word by itself."""
        words = named(self.words, f"{name}_word_numbers")
        numbers = words(texts)
        numbers = AtLeastOneWord(name=f"{name}_at_least_one_word")(numbers)
        if self.unknown_rate:
            numbers = ForgetWords(self.unknown_rate, name=f"{name}_forget_words")(numbers)
        known = keras.layers.Embedding(
            self.words.vocabulary_size(), self.units[0], name=f"{name}_words"
        )(numbers)
        there = PaddingMask(name=f"{name}_padding_mask")(numbers)
        known = WithMask(name=f"{name}_masked_words")([known, there])
        if not self.characters:
            return known
        codes = WordBytes(
            self.characters, words.get_config()["output_sequence_length"], name=f"{name}_bytes"
        )(texts)
        letters = keras.layers.Embedding(WordBytes.num_values, 32, name=f"{name}_byte_embedding")(
            codes
        )
        # One word after the other along the first of two axes: the convolution sees a word's bytes.
        letters = keras.layers.Conv2D(
            64, (1, 3), padding="same", activation="relu", name=f"{name}_byte_convolution"
        )(letters)
        letters = keras.layers.MaxPooling2D((1, self.characters), name=f"{name}_byte_pooling")(
            letters
        )
        letters = keras.layers.Reshape((-1, 64), name=f"{name}_byte_features")(letters)
        return JoinFeatures(name=f"{name}_word_features")(known, letters)


def _recurrent(features: Any, width: int, causal: bool, name: str) -> Any:
    if causal:
        return keras.layers.LSTM(width, return_sequences=True, name=name)(features)
    layer = keras.layers.LSTM(width // 2, return_sequences=True, name=f"{name}_lstm")
    return keras.layers.Bidirectional(layer, name=name)(features)


def _convolution(features: Any, width: int, causal: bool, name: str) -> Any:
    padding = "causal" if causal else "same"
    new = MaskedConvolution(width, 3, padding, "relu", name=name)(features)
    if features.shape[-1] != width:
        features = keras.layers.Dense(width, name=f"{name}_width")(features)
    return keras.layers.LayerNormalization(name=f"{name}_normalization")(
        AddFeatures(name=f"{name}_sum")(features, new)
    )


def _transformer(features: Any, width: int, causal: bool, name: str) -> Any:
    if features.shape[-1] != width:
        features = keras.layers.Dense(width, name=f"{name}_width")(features)
    num_heads = max(1, width // 32)
    normal = keras.layers.LayerNormalization(name=f"{name}_attention_normalization")(features)
    seen = keras.layers.MultiHeadAttention(num_heads, width // num_heads, name=f"{name}_attention")(
        normal, normal, use_causal_mask=causal
    )
    features = AddFeatures(name=f"{name}_attention_sum")(features, seen)
    normal = keras.layers.LayerNormalization(name=f"{name}_dense_normalization")(features)
    new = keras.layers.Dense(4 * width, "gelu", name=f"{name}_dense")(normal)
    new = keras.layers.Dense(width, name=f"{name}_projection")(new)
    return AddFeatures(name=f"{name}_sum")(features, new)


def _check_pieces(characters: int, unknown_rate: float) -> None:
    if characters or unknown_rate:
        raise ValueError(
            "A tokenizer makes pieces of words, all of them known: it needs characters=0 and "
            f"unknown_rate=0. Received: characters={characters}, unknown_rate={unknown_rate}. "
            "TextEncoder.for_tokenizer(tokenizer) sets both."
        )


def _check_words(words: Any, characters: int) -> None:
    check_adapted(words, "words", "TextEncoder", ", or a tokenizer of KerasHub")
    config = words.get_config()
    by_place = config["split"] == "whitespace" and config["standardize"] in (
        None,
        "lower",
        lower_case,
    )
    if characters and (not by_place or config["ngrams"]):
        raise ValueError(
            "With `characters` every word needs its place: TextVectorization(standardize='lower', "
            "split='whitespace', ngrams=None). Received: "
            f"standardize={config['standardize']!r}, split={config['split']!r}, "
            f"ngrams={config['ngrams']}. Or pass characters=0."
        )
