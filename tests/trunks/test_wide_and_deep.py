"""`WideAndDeep`: shared features beside a body of a task's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, heads, trunks
from tf_mtl.training.sharing import shared_variables

X = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")


def test_a_task_sees_both_and_another_the_deep_features_alone():
    inputs = keras.Input((6,), name="x")
    model = keras.Model(inputs, trunks.WideAndDeep([8, 4], wide={"a": [3]})(inputs, ["a", "b"]))
    found = model(X)
    wide = model.get_layer("a_wide_dense_0")(X)
    np.testing.assert_array_equal(found["a"][:, :4], found["b"])
    np.testing.assert_array_equal(found["a"][:, 4:], wide)


def test_one_body_for_all_gives_each_task_its_own():
    tasks = {"a": heads.Regression(), "b": heads.Regression()}
    model = build_model(keras.Input((6,)), trunks.WideAndDeep([8], wide=[3]), tasks)
    assert {variable.path.split("/")[0] for variable in shared_variables(model)} == {"mlp_dense_0"}
    assert {"a_wide_dense_0", "b_wide_dense_0"} <= {layer.name for layer in model.layers}


def test_the_deep_part_may_be_a_trunk():
    trunk = trunks.WideAndDeep(trunks.MMoE([4], num_experts=2), wide={"b": [3]})
    features = trunk(keras.Input((6,)), ["a", "b"])
    assert {task: tensor.shape[-1] for task, tensor in features.items()} == {"a": 4, "b": 7}


def test_words_are_averaged_for_the_task_with_phrases_and_stay_for_the_other():
    texts = ["play a song", "turn on the light", "play on"]
    trunk = trunks.WideAndDeep(
        trunks.TextEncoder.for_texts(texts, units=[8], encoder="convolution"),
        wide={"intent": trunks.PhraseEncoder.for_texts(texts, units=4)},
    )
    model = build_model(
        keras.Input((), dtype="string", name="text"),
        trunk,
        {
            "intent": heads.Classification(class_names=["light", "music"]),
            "words": heads.TokenTagging(class_names=["O", "B-x"]),
        },
    )
    alone = model(tf.constant(["play a song"]))
    padded = model(tf.constant(["play a song", "turn on the light"]))
    np.testing.assert_allclose(padded["intent"][:1], alone["intent"], atol=1e-6)
    np.testing.assert_allclose(padded["words"][:1, :3], alone["words"], atol=1e-6)


@pytest.mark.parametrize("wide", [None, {}, ()])
def test_no_wide_body_is_an_error(wide):
    with pytest.raises(ValueError, match="needs `wide`"):
        trunks.WideAndDeep([4], wide=wide)


def test_an_unknown_task_is_an_error():
    with pytest.raises(ValueError, match="task in `wide`: 'c'"):
        trunks.WideAndDeep([4], wide={"c": [3]})(keras.Input((6,)), ["a", "b"])
