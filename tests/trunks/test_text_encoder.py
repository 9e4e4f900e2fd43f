"""Texts: words and their bytes, padding that changes nothing, unknown words, saving, serving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, export, heads, trunks

TEXTS = tf.constant(["play a song by Björk", "what is the weather in rome", "stop", ""])
INTENTS = np.array([0, 1, 2, 2])
TAGS = [["O", "O", "O", "O", "B-artist"], ["O"] * 5 + ["B-city"], ["O"], []]
LABELS = tf.ragged.constant(TAGS).to_tensor("")
ENCODERS = ("recurrent", "convolution", "transformer")


def model_of(encoder="recurrent", texts=TEXTS, **options):
    keras.utils.set_random_seed(0)
    model = build_model(
        keras.Input((), dtype="string", name="text"),
        trunks.TextEncoder.for_texts(texts, units=[16, 8], encoder=encoder, **options),
        {
            "intent": heads.Classification(3),
            "slots": heads.TokenTagging(class_names=["O", "B-artist", "B-city"]),
        },
    )
    model.compile(keras.optimizers.Adam(0.02))
    return model


@pytest.mark.parametrize("encoder", ENCODERS)
class TestEncoders:
    def test_learns_words_and_texts(self, encoder):
        model = model_of(encoder, dropout=0.0)
        y = {"intent": INTENTS, "slots": LABELS}
        model.fit(TEXTS, y, epochs=30, verbose=0)
        logs = model.evaluate(TEXTS, y, verbose=0, return_dict=True)
        assert logs["intent_accuracy"] == logs["slots_accuracy"] == logs["slots_span_f1"] == 1.0

    def test_padding_changes_nothing(self, encoder):
        model = model_of(encoder)
        together = model.predict(TEXTS, verbose=0)
        for row, steps in enumerate((5, 6, 1)):
            alone = model.predict(TEXTS[row : row + 1], verbose=0)
            np.testing.assert_allclose(alone["intent"][0], together["intent"][row], atol=1e-5)
            np.testing.assert_allclose(alone["slots"][0], together["slots"][row, :steps], atol=1e-5)
            assert not together["slots"][row, steps:].any()

    def test_a_batch_of_texts_without_words(self, encoder):
        model = model_of(encoder)
        expected = model.predict(TEXTS, verbose=0)["intent"][3]
        found = model.predict(tf.constant(["", " "]), verbose=0)
        np.testing.assert_allclose(found["intent"], [expected, expected], atol=1e-6)
        assert not found["slots"].any()

    def test_a_causal_one_does_not_look_ahead(self, encoder):
        inputs = keras.Input((), dtype="string")
        features = trunks.TextEncoder.for_texts(TEXTS, encoder=encoder, causal=True)(inputs)
        model = keras.Model(inputs, features)
        first, second = model(tf.constant(["what is the weather", "what is a song"])).numpy()
        np.testing.assert_allclose(first[:2], second[:2], atol=1e-6)
        assert np.abs(first[2:] - second[2:]).max() > 1e-3


def test_attention_of_tasks_to_a_text_without_words():
    trunk = trunks.MTAN([trunks.TextEncoder.for_texts(TEXTS, units=[8]), keras.layers.LSTM(4)])
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, trunk(inputs, ["intent"]))
    assert np.isfinite(model(TEXTS)["intent"]).all()


def test_words_and_tables_are_saved_and_served(tmp_path):
    model = model_of()
    y = {"intent": INTENTS, "slots": LABELS}
    model.fit(TEXTS, y, verbose=0)
    expected = model.predict(TEXTS, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(TEXTS, verbose=0)["slots"], expected["slots"])
    served = tf.saved_model.load(str(export.saved_model(model, tmp_path / "served")))
    tags = served.signatures["classes"](text=TEXTS)["slots"].numpy()
    names = np.array([b"O", b"B-artist", b"B-city"])[expected["slots"].argmax(-1)]
    assert np.array_equal(tags, np.where(LABELS == b"", b"", names))


def test_bytes_tell_unknown_words_apart():
    texts = tf.constant(["sings", "plays"])
    with_bytes = model_of(unknown_rate=0.5)(texts)["intent"].numpy()
    without = model_of(characters=0)(texts)["intent"].numpy()
    assert np.abs(with_bytes[0] - with_bytes[1]).max() > 1e-6
    assert np.array_equal(without[0], without[1])


def test_mixed_precision_keeps_the_mask():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = model_of()
        model.fit(TEXTS, {"intent": INTENTS, "slots": LABELS}, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert not model.predict(TEXTS, verbose=0)["slots"][3].any()


def test_words_are_forgotten_in_training_only():
    layer = trunks.word_layers.ForgetWords(0.25, seed=1)
    words = keras.ops.array(np.tile([5, 6, 7, 0], (500, 1)), "int64")
    forgotten = layer(words, training=True).numpy()
    assert np.array_equal(layer(words), words)
    assert not forgotten[:, 3].any()
    assert set(np.unique(forgotten)) == {0, 1, 5, 6, 7}
    assert 0.2 < (forgotten == 1)[:, :3].mean() < 0.3


def test_a_fixed_number_of_words():
    words = keras.layers.TextVectorization(
        standardize="lower", split="whitespace", output_sequence_length=3
    )
    words.adapt(TEXTS)
    features = trunks.TextEncoder(words, units=[4])(keras.Input((1,), dtype="string"))
    assert features.shape == (None, 3, 4)


def test_the_config_holds_the_words():
    body = trunks.TextEncoder.for_texts(TEXTS, units=[4], max_words=9)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(body))
    assert again.words.get_vocabulary() == body.words.get_vocabulary()
    assert len(again.words.get_vocabulary()) == 9


def test_lower_case_of_all_letters_keeps_the_number_of_words():
    body = trunks.TextEncoder.for_texts(["ÄPFEL Äpfel äpfel", "МОСКВА москва"], units=[4])
    assert set(body.words.get_vocabulary()[2:]) == {"äpfel", "москва"}
    texts = tf.constant([b"a\0b c d", b"\xc3 \xff x \xe2\x82", "İ ẞ".encode()])
    assert body.words(texts).shape == (3, 4)
    inputs = keras.Input((), dtype="string")
    assert keras.Model(inputs, body(inputs))(texts).shape == (3, 4, 4)


@keras.saving.register_keras_serializable(package="tests")
def without_dashes(texts):
    return tf.strings.regex_replace(texts, "-", " ")


def test_words_of_a_layer_with_a_function(tmp_path):
    words = adapted(standardize=without_dashes)
    inputs = keras.Input((), dtype="string", name="text")
    body = trunks.TextEncoder(words, units=[4], characters=0)
    model = build_model(inputs, body, {"intent": heads.Classification(2)})
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.predict(TEXTS, verbose=0)["intent"]
    np.testing.assert_array_equal(loaded.predict(TEXTS, verbose=0)["intent"], expected)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(body))
    assert again.words.get_vocabulary() == words.get_vocabulary()


def adapted(**options):
    words = keras.layers.TextVectorization(**options)
    words.adapt(TEXTS)
    return words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.TextEncoder("words"), "TextVectorization"),
        (lambda: trunks.TextEncoder(keras.layers.TextVectorization()), "adapt"),
        (lambda: trunks.TextEncoder(adapted()), "characters=0"),
        (lambda: trunks.TextEncoder(adapted(output_mode="count")), "whole numbers"),
        (lambda: trunks.TextEncoder.for_texts(TEXTS, units=[5]), "even"),
        (lambda: trunks.TextEncoder.for_texts(["play", None]), "Row 1 is None"),
        (
            lambda: trunks.TextEncoder.for_texts(np.array([["play"], [np.nan]], object)),
            "Row 1 is nan",
        ),
        (lambda: trunks.TextEncoder.for_texts("play a song"), "Received one: 'play a song'"),
        (lambda: trunks.PhraseEncoder.for_texts([3, 4]), "Row 0 is 3"),
        (lambda: trunks.TextEncoder.for_texts(TEXTS, encoder="rnn"), "'transformer'"),
        (lambda: trunks.TextEncoder.for_texts(TEXTS, dropout=1), "dropout"),
        (lambda: trunks.TextEncoder.for_texts(TEXTS, characters=-1), "characters"),
        (lambda: trunks.TextEncoder.for_texts(TEXTS)(keras.Input((3,))), "strings"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
