"""`PhraseEncoder`: the average of the known words and phrases of a text."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import trunks

TEXTS = ["play a song", "turn on the light", "play on"]


def model_of(**options):
    inputs = keras.Input((), dtype="string", name="text")
    body = trunks.PhraseEncoder.for_texts(TEXTS, units=4, **options)
    return body, keras.Model(inputs, body(inputs))


def test_known_words_and_phrases_are_averaged():
    body, model = model_of(length=2)
    vectors = model.get_layer("text_phrases").embeddings.numpy()
    numbers = {phrase: i for i, phrase in enumerate(body.phrases.get_vocabulary())}
    assert {"play", "a song", "turn on"} <= set(numbers)
    assert "play a song" not in numbers

    def average(*phrases):
        return np.mean([vectors[numbers[phrase]] for phrase in phrases], axis=0)

    found = model(tf.constant(["PLAY a song", "play a tune", "song play", "tune", ""])).numpy()
    np.testing.assert_allclose(found[0], average("play", "a", "song", "play a", "a song"), 1e-6)
    np.testing.assert_allclose(found[1], average("play", "a", "play a"), 1e-6)  # "tune" is unknown
    np.testing.assert_allclose(found[2], average("song", "play"), 1e-6)
    assert np.all(found[3:] == 0.0)
    assert np.all(model(tf.constant(["", ""])).numpy() == 0.0)


def test_the_most_frequent_phrases_are_kept():
    body, _ = model_of(length=3, max_phrases=4)
    assert set(body.phrases.get_vocabulary()) == {"", "[UNK]", "play", "on"}


def test_a_text_may_come_in_a_column():
    inputs = keras.Input((1,), dtype="string")
    features = trunks.PhraseEncoder.for_texts(TEXTS, units=4)(inputs)
    assert keras.Model(inputs, features)(tf.constant([["play"], ["on"]])).shape == (2, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.PhraseEncoder(3), "`phrases` must be a keras.layers.TextVectorization"),
        (lambda: trunks.PhraseEncoder(keras.layers.TextVectorization()), "PhraseEncoder.for_texts"),
        (
            lambda: trunks.PhraseEncoder.for_texts(TEXTS, length=0),
            "`length` must be a whole number",
        ),
        (lambda: trunks.PhraseEncoder.for_texts(TEXTS, units=0), "`units` must be a whole number"),
        (lambda: trunks.PhraseEncoder.for_texts(TEXTS, dropout=1.0), r"must lie in \[0, 1\)"),
        (
            lambda: trunks.PhraseEncoder.for_texts(TEXTS)(keras.Input((3,))),
            "PhraseEncoder expects one Keras tensor of strings",
        ),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
