"""Texts to features of their words and phrases."""

from __future__ import annotations

from typing import Any

import keras

from ..whole_numbers import check_whole
from .arguments import check_dropout
from .body import Body
from .masked_layers import AverageSteps, WithMask
from .texts import adapted, check_adapted, named, one_text_each, with_vocabulary
from .word_layers import AtLeastOneWord, KnownWords


@keras.saving.register_keras_serializable(package="tf_mtl")
class PhraseEncoder(Body):
    """Raw texts to the average of what their words and short phrases mean, `[B, units]`.

    A phrase is up to `length` words in a row, and has an embedding of its own; unknown ones do not
    count. It learns fast and is hard to beat on topics and intents. Within `WideAndDeep` it stands
    beside a network that sees order.

    Reference: A. Joulin et al., Bag of Tricks for Efficient Text Classification, EACL 2017; there
    phrases are hashed, here they are the most frequent ones of the training texts.

    Args:
        phrases: A `keras.layers.TextVectorization(ngrams=...)` with whole numbers as output,
            adapted on the training texts. It becomes part of the model; `for_texts` makes one.
        units: Features of a phrase.
        dropout: Share of features dropped, from 0 to below 1.

    Raises:
        ValueError: If `phrases` is not adapted, or another argument is outside its range.

    >>> body = PhraseEncoder.for_texts(["turn on the light", "play a song"], units=8)
    >>> body(keras.Input((), dtype="string", name="text")).shape
    (None, 8)
    """

    def __init__(self, phrases: Any, units: int = 128, dropout: float = 0.5) -> None:
        check_adapted(phrases, "phrases", "PhraseEncoder")
        self.phrases = with_vocabulary(phrases)
        self.units = check_whole(units, "units")
        self.dropout = check_dropout(dropout)

    @classmethod
    def for_texts(
        cls, texts: Any, length: int = 3, max_phrases: int | None = 30_000, **kwargs: Any
    ) -> PhraseEncoder:
        """Returns an encoder that knows the words and phrases of `texts`.

        Texts are put in lower case and split at white space.

        Args:
            texts: Texts of the training split only: a list, an array or a `tf.data.Dataset`.
            length: Words of the longest phrases; 1 for single words.
            max_phrases: Number of words and phrases kept, the most frequent ones, with padding and
                what is unknown; None for all.
            **kwargs: Arguments of the constructor other than `phrases`.

        >>> encoder = PhraseEncoder.for_texts(["A b", "a"], length=2)
        >>> encoder.phrases.vocabulary_size()  # padding, unknown, a, b, a b
        5
        """
        ngrams = check_whole(length, "length")
        return cls(adapted(texts, max_phrases, ngrams=ngrams), **kwargs)

    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns features `[B, units]` of strings `[B]`.

        Args:
            inputs: Keras tensor of strings `[B]`, or `[B, 1]`.
            name: Prefix of the layers' names.
        """
        name = name or "text"
        texts = one_text_each(inputs, "PhraseEncoder", f"{name}_scalar")
        numbers = named(self.phrases, f"{name}_phrase_numbers")(texts)
        numbers = AtLeastOneWord(name=f"{name}_at_least_one_phrase")(numbers)
        known = KnownWords(name=f"{name}_known_phrases")(numbers)
        features = keras.layers.Embedding(
            self.phrases.vocabulary_size(), self.units, name=f"{name}_phrases"
        )(numbers)
        features = WithMask(name=f"{name}_masked_phrases")([features, known])
        features = AverageSteps(name=f"{name}_phrases_average")(features)
        return keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(features)
