"""Texts as labels and as inputs, in whatever kind of array."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, heads

NAMES = ["cat", "dog", "bird"]
KINDS = {
    "text": np.array,
    "bytes": lambda names: np.array(names).astype("S"),
    "objects": lambda names: np.array(names, dtype=object),
    "tensor": tf.constant,
}


def model():
    keras.utils.set_random_seed(0)
    made = build_model(
        keras.Input((3,)),
        keras.layers.Dense(4),
        {"animal": heads.Classification(class_names=NAMES), "size": heads.Regression()},
    )
    made.compile("sgd")
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("class_weight", [None, {"animal": "balanced"}], ids=["plain", "balanced"])
def test_class_names_train_as_numbers_do(kind, class_weight):
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    numbers = np.array([0, 1, 2, -1, 0, 1, 1, 2])
    names = KINDS[kind]([NAMES[number] if number >= 0 else "" for number in numbers])
    size = np.arange(8.0)
    weights = []
    for labels in (names, numbers):
        trained = model()
        y = {"animal": labels, "size": size}
        trained.fit(
            x, y, validation_data=(x, y), class_weight=class_weight, shuffle=False, verbose=0
        )
        logs = trained.evaluate(x, y, verbose=0, return_dict=True)
        assert np.isfinite(logs["loss"])
        weights.append(trained.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
