"""Tokenizers of KerasHub, an extra: raw texts in, padding that changes nothing, saving, serving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, export, heads, trunks
from tf_mtl.trunks.piece_numbers import PieceNumbers

keras_hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed (tf_mtl[hub])")

TEXTS = tf.constant(["play a songs", "turn on the light", "play", ""])
Y = {"music": np.array([1, 0, 1, 0]), "words": np.array([3, 4, 1, 0], "float32")}


def word_pieces(**options):
    words = ["[UNK]", "turn", "on", "the", "light", "play", "a", "song", "##s", "[PAD]"]
    return keras_hub.tokenizers.WordPieceTokenizer(vocabulary=words, **options)


def byte_pairs():
    letters = sorted(set("playasongsturnonthelight"))
    vocabulary = {piece: i for i, piece in enumerate([*letters, "Ġ", "on", "la"])}
    return keras_hub.tokenizers.BytePairTokenizer(vocabulary=vocabulary, merges=["o n", "l a"])


TOKENIZERS = pytest.mark.parametrize(
    "make", [word_pieces, byte_pairs], ids=lambda make: make.__name__
)


def model_of(tokenizer, **options):
    keras.utils.set_random_seed(0)
    model = build_model(
        keras.Input((), dtype="string", name="text"),
        trunks.TextEncoder.for_tokenizer(tokenizer, units=[8], dropout=0.0, **options),
        {"music": heads.BinaryClassification(), "words": heads.Regression()},
    )
    model.compile(keras.optimizers.Adam(0.02))
    return model


def test_numbers_are_those_of_the_tokenizer_and_one():
    layer = PieceNumbers(word_pieces())
    expected = [[6, 7, 8, 9], [2, 3, 4, 5], [6, 0, 0, 0], [0, 0, 0, 0]]
    assert layer(TEXTS).numpy().tolist() == expected
    assert tf.function(layer)(TEXTS).numpy().tolist() == expected  # KerasHub has another way there
    assert layer.vocabulary_size() == 11


@TOKENIZERS
def test_it_learns_and_is_saved_and_served(make, tmp_path):
    model = model_of(make())
    losses = model.fit(TEXTS, Y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    expected = model.predict(TEXTS, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").predict(TEXTS, verbose=0)
    folder = export.saved_model(model, tmp_path / "served")
    served = tf.saved_model.load(str(folder)).signatures["serving_default"](text=TEXTS)
    for task, values in expected.items():
        np.testing.assert_allclose(loaded[task], values, atol=1e-6)
        np.testing.assert_allclose(served[task], values, atol=1e-6)


@TOKENIZERS
@pytest.mark.parametrize("encoder", ["recurrent", "convolution", "transformer"])
def test_padding_changes_nothing(make, encoder):
    model = model_of(make(), encoder=encoder)
    together = model.predict(TEXTS, verbose=0)
    alone = model.predict(TEXTS[2:3], verbose=0)
    for task, values in together.items():
        np.testing.assert_allclose(alone[task][0], values[2], atol=1e-5)


@TOKENIZERS
def test_the_config_holds_the_vocabulary(make):
    body = trunks.TextEncoder.for_tokenizer(make(), units=[8])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(body))
    assert again.get_config() == body.get_config()
    np.testing.assert_array_equal(again.words(TEXTS), body.words(TEXTS))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.TextEncoder(word_pieces()), "for_tokenizer"),
        (lambda: trunks.TextEncoder.for_tokenizer(word_pieces(sequence_length=5)), "must not pad"),
        (
            lambda: trunks.TextEncoder.for_tokenizer(keras_hub.tokenizers.ByteTokenizer()),
            "with a vocabulary",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()
