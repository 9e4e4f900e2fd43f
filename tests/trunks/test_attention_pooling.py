"""`AttentionPooling`: what a learnt query finds at the positions of a sequence or a map."""

import keras
import numpy as np
import pytest

from tf_mtl import build_model, heads, trunks

STEPS = np.random.default_rng(0).normal(size=(5, 6, 8)).astype("float32")


def test_the_order_of_positions_does_not_matter():
    inputs = keras.Input((6, 8))
    pooled = keras.Model(inputs, trunks.AttentionPooling()(inputs))
    expected = pooled.predict(STEPS, verbose=0)
    np.testing.assert_allclose(pooled.predict(STEPS[:, ::-1], verbose=0), expected, atol=1e-6)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_a_map_is_the_sequence_of_its_places():
    maps, steps = keras.Input((2, 3, 8)), keras.Input((6, 8))
    models = [keras.Model(x, trunks.AttentionPooling(2, width=3)(x)) for x in (maps, steps)]
    models[1].set_weights(models[0].get_weights())
    found = models[0].predict(STEPS.reshape(5, 2, 3, 8), verbose=0)
    np.testing.assert_allclose(found, models[1].predict(STEPS, verbose=0), atol=1e-6)


def test_as_a_tower_of_one_task_beside_tags_of_words():
    """The whole text's task learns which word matters; padding counts for nothing."""
    random = np.random.default_rng(0)
    words = random.choice(["the", "old", "red", "dog"], (200, 7)).astype(object)
    labels = random.integers(0, 2, 200)
    words[np.arange(200), random.integers(0, 7, 200)] = np.where(labels, "yes", "no")
    texts = np.array([" ".join(row) for row in words], object)
    model = build_model(
        keras.Input((), dtype="string", name="text"),
        trunks.HardSharing(
            trunks.TextEncoder.for_texts(texts, units=[16], encoder="convolution"),
            towers={"says": trunks.AttentionPooling(2)},
        ),
        {"says": heads.BinaryClassification(), "tags": heads.TokenTagging(2)},
    )
    model.compile(keras.optimizers.Adam(0.01))
    tags = np.isin(words, ["yes", "no"]).astype("int32")
    model.fit(texts, {"says": labels, "tags": tags}, epochs=5, batch_size=20, verbose=0)
    alone = model.predict(texts[:4], verbose=0)["says"]
    assert np.mean((model.predict(texts, verbose=0)["says"][:, 0] > 0.5) == labels) > 0.95
    longer = np.append(texts[:4], " ".join(["the"] * 20))
    np.testing.assert_allclose(model.predict(longer, verbose=0)["says"][:4], alone, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.AttentionPooling(0), "`num_heads` must be a whole number"),
        (lambda: trunks.AttentionPooling(width=1.5), "`width` must be a whole number"),
        (lambda: trunks.AttentionPooling()(keras.Input((3,))), "AttentionPooling attends to pos"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
