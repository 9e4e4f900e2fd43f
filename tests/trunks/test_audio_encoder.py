"""Waveforms: what the encoder makes of a row does not depend on the others; saving, any length."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, export, heads, trunks

RATE = 2000


def tones(rows=48, samples=1000, seed=0):
    """High and low tones of two loudnesses."""
    random = np.random.default_rng(seed)
    high, loud = random.integers(0, 2, rows), random.integers(0, 2, rows)
    time = np.arange(samples) / RATE
    pitch = np.where(high, 600, 200) * random.uniform(0.9, 1.1, rows)
    wave = np.sin(2 * np.pi * pitch[:, None] * time) * np.where(loud, 0.5, 0.02)[:, None]
    return wave.astype("float32"), {"high": high, "loud": loud}


def model_of(samples=1000):
    keras.utils.set_random_seed(0)
    model = build_model(
        keras.Input((samples,), name="waveform"),
        trunks.AudioEncoder(RATE, filters=[8, 8], units=16, num_mel_bins=16, dropout=0.0),
        {"high": heads.BinaryClassification(), "loud": heads.BinaryClassification()},
    )
    model.compile(keras.optimizers.Adam(0.02))
    return model


def test_it_learns_and_is_saved_and_served(tmp_path):
    x, y = tones()
    model = model_of()
    model.fit(x, y, epochs=12, batch_size=16, verbose=0)
    logs = model.evaluate(*tones(seed=1), verbose=0, return_dict=True)
    assert logs["high_accuracy"] > 0.9
    assert logs["loud_accuracy"] > 0.9
    expected = model.predict(x, verbose=0)["high"]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0)["high"], expected, atol=1e-6)
    served = tf.saved_model.load(str(export.saved_model(model, tmp_path / "served")))
    outputs = served.signatures["serving_default"](waveform=tf.constant(x))
    np.testing.assert_allclose(outputs["high"], expected, atol=1e-5)


def test_a_loud_row_changes_nothing_for_a_quiet_one():
    """`top_db` of Keras' spectrogram would cut the quiet one off."""
    quiet, loud = np.full((1, 1000), 1e-4, "float32"), tones(1)[0] * 50
    model = model_of()
    alone = model.predict(quiet, verbose=0)["high"][0]
    beside = model.predict(np.concatenate([quiet, loud]), verbose=0)["high"][0]
    np.testing.assert_allclose(alone, beside, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_soft_bands_beside_a_loud_tone_are_there_under_mixed_precision(policy):
    wave = tones(4)[0]
    levels = []
    for each in ("float32", policy):
        keras.config.set_dtype_policy(each)
        try:
            model = model_of()
        finally:
            keras.config.set_dtype_policy("float32")
        bands = keras.Model(model.inputs, model.get_layer("audio_bands").output)
        levels.append(keras.ops.convert_to_numpy(bands([wave])).astype("float32"))
    np.testing.assert_allclose(*levels, atol=0.1)


def test_any_length():
    model = model_of(samples=None)
    for samples in (300, 1000):
        assert model.predict(tones(2, samples)[0], verbose=0)["loud"].shape == (2, 1)


def test_a_sound_shorter_than_a_window_is_followed_by_silence(tmp_path):
    model = model_of(samples=None)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras", compile=False)
    short = tones(2, 20)[0]
    padded = np.pad(short, [[0, 0], [0, 13]])  # 33 samples: half a transform of 64, and one
    expected = model.predict(padded, verbose=0)["loud"]
    np.testing.assert_array_equal(model.predict(short, verbose=0)["loud"], expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.AudioEncoder(filters=[]), "filters"),
        (lambda: trunks.AudioEncoder(filters=[8] * 6, num_mel_bins=40), "at least 64"),
        (lambda: trunks.AudioEncoder(units=0), "units"),
        (lambda: trunks.AudioEncoder([8, 16]), "the filters come behind it"),
        (lambda: trunks.AudioEncoder(100), "16 samples"),
        (lambda: trunks.AudioEncoder()(keras.Input((8, 8, 1))), "waveforms"),
        (lambda: trunks.AudioEncoder(8000)(keras.Input((128,))), "more than 128 samples"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
