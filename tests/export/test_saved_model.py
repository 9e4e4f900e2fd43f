"""`saved_model` writes what `predict` computes, under the names of inputs and tasks."""

import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_mtl as mtl
from tf_mtl.export import generator, saved_model

from .models import MODELS, by_input_name, single_input


@pytest.mark.parametrize("make", MODELS)
def test_serving_default_is_predict(make, tmp_path):
    model, x = make()
    serve = tf.saved_model.load(saved_model(model, tmp_path)).signatures["serving_default"]
    request = by_input_name(model, x)
    specs = serve.structured_input_signature[1]
    assert set(specs) == set(request)
    assert {spec.shape[0] for spec in specs.values()} == {None}
    served = serve(**request)
    assert set(served) == set(model.tasks)
    for task, values in model.predict(x, verbose=0).items():
        np.testing.assert_array_equal(served[task], values)


@pytest.mark.parametrize("make", MODELS)
def test_a_layer_of_keras_calls_a_signature_as_the_model_is_called(make, tmp_path):
    model, x = make()
    layer = keras.layers.TFSMLayer(saved_model(model, tmp_path), call_endpoint="serving_default")
    for task, values in layer(x).items():
        np.testing.assert_array_equal(values, model.predict(x, verbose=0)[task])


def test_the_most_likely_classes_have_their_names(tmp_path):
    model, x = single_input()
    loaded = tf.saved_model.load(saved_model(model, tmp_path))
    named = loaded.signatures["classes"](image=x)
    predicted = model.predict(x, verbose=0)
    assert set(named) == {"digit", "odd"}  # not those without names, and not several at once
    digits = np.array(["zero", "één", "two"])[predicted["digit"].argmax(-1)]
    assert [name.decode() for name in named["digit"].numpy()] == digits.tolist()
    odds = np.array(["even", "odd"])[(predicted["odd"][:, 0] > 0.5).astype(int)]
    assert [name.decode() for name in named["odd"].numpy()] == odds.tolist()


def test_a_certain_class_has_its_name_where_outputs_are_logarithms(tmp_path):
    inputs = keras.Input((3,), name="scores")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    layer = keras.layers.Activation("log_softmax")
    head = mtl.heads.Head(layer, loss, class_names=["a", "b", "c"])
    model = mtl.build_model(inputs, keras.layers.Identity(), {"letter": head})
    classes = tf.saved_model.load(saved_model(model, tmp_path)).signatures["classes"]
    scores = tf.constant([[0.0, 1.0, 2.0], [0.0, 90.0, 0.0]])  # of the second row log 1 is left
    assert classes(scores=scores)["letter"].numpy().tolist() == [b"c", b"b"]


def test_all_names_lie_beside_the_graph(tmp_path):
    folder = saved_model(single_input()[0], tmp_path)
    names = json.loads((folder / "assets.extra" / "labels.json").read_text(encoding="utf-8"))
    assert names == {
        "digit": ["zero", "één", "two"],
        "odd": ["even", "odd"],
        "marks": ["stroke", "loop"],
    }


def test_a_model_without_names_has_neither_classes_nor_labels(tmp_path):
    inputs = keras.Input((2,), name="x")
    model = mtl.build_model(inputs, mtl.trunks.MLP([2]), {"y": mtl.heads.Regression()})
    folder = saved_model(model, tmp_path)
    assert set(tf.saved_model.load(folder).signatures) == {"serving_default"}
    assert not (folder / "assets.extra").exists()


def test_dropout_and_training_state_stay_behind(tmp_path):
    inputs = keras.Input((4,), name="x")
    model = mtl.build_model(
        inputs, mtl.trunks.MLP([64], dropout=0.5, normalization=True), {"y": mtl.heads.Regression()}
    )
    model.compile("adam")
    x, y = np.ones((8, 4), "float32"), np.ones(8, "float32")
    model.fit(x, {"y": y}, verbose=0)
    folder = saved_model(model, tmp_path)
    served = tf.saved_model.load(folder).signatures["serving_default"](x=x)["y"]
    np.testing.assert_array_equal(served, model.predict(x, verbose=0)["y"])
    stored = [name for name, _ in tf.train.list_variables(str(folder / "variables" / "variables"))]
    used = [weight for weight in model.weights if weight.dtype == "float32"]  # not the seed
    assert len([name for name in stored if "OBJECT_GRAPH" not in name]) == len(used)


def test_a_fixed_batch_size_becomes_free(tmp_path):
    inputs = keras.Input((3,), batch_size=2, name="x")
    model = mtl.build_model(inputs, mtl.trunks.MLP([4]), {"y": mtl.heads.Regression()})
    serve = tf.saved_model.load(saved_model(model, tmp_path)).signatures["serving_default"]
    x = np.arange(6, dtype="float32").reshape(2, 3)
    served = serve(x=np.concatenate([x, x, x]))["y"].numpy()
    np.testing.assert_allclose(served[:2], model.predict(x, verbose=0)["y"], atol=1e-6)


def test_mixed_precision_serves_float32(tmp_path):
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, x = single_input()
    finally:
        keras.config.set_dtype_policy(previous)
    served = tf.saved_model.load(saved_model(model, tmp_path)).signatures["serving_default"](
        image=x
    )
    assert {tensor.dtype for tensor in served.values()} == {tf.float32}


def test_plain_keras_models_are_served_by_output_name(tmp_path):
    inputs = keras.Input((3,), name="x")
    named = keras.Model(inputs, {"b": keras.layers.Dense(1)(inputs)})
    single = keras.Sequential([keras.layers.Dense(2, name="score")])
    single(np.ones((1, 3), "float32"))
    for model, names in ((named, {"b"}), (single, {"score"})):
        folder = saved_model(model, tmp_path)
        served = tf.saved_model.load(folder).signatures["serving_default"].structured_outputs
        assert set(served) == names


def test_kerass_own_export_works_too(tmp_path):
    for i, make in enumerate(MODELS):
        model, x = make()
        model.export(tmp_path / str(i), verbose=False)
        loaded = tf.saved_model.load(tmp_path / str(i))
        served, called = loaded.serve(x), model(x, training=False)
        for task in model.tasks:
            np.testing.assert_allclose(served[task], called[task], atol=1e-6)
        assert set(loaded.signatures["serving_default"].structured_outputs) == set(model.tasks)


def test_a_model_loaded_from_file_exports_the_same(tmp_path):
    model, x = single_input()
    model.save(tmp_path / "model.keras")
    folder = saved_model(keras.saving.load_model(tmp_path / "model.keras"), tmp_path / "served")
    served = tf.saved_model.load(folder).signatures["serving_default"](image=x)
    for task, values in model.predict(x, verbose=0).items():
        np.testing.assert_array_equal(served[task], values)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: keras.Sequential([keras.layers.Dense(2)]), "no inputs yet"),
        (lambda: "model.keras", "Expected a Keras model"),
        (
            lambda: keras.Model(a := keras.Input((2,)), [keras.layers.Dense(1)(a), a]),
            "dictionary {task: tensor}",
        ),
        (
            lambda: keras.Model(a := keras.Input((2,), sparse=True), {"y": a}),
            "sparse or ragged",
        ),
        *(
            (lambda name=name: keras.Model(a := keras.Input((2,), name=name), {"y": a}), "name=")
            for name in ("class", "self")
        ),
    ],
)
def test_models_that_cannot_be_served_by_name(make, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        saved_model(make(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["a b", "größe", "a:b", "_a", "class", "self", "%"])
def test_inputs_that_a_signature_cannot_name(name, tmp_path):
    inputs = keras.Input((1,), name=name)
    model = keras.Model(inputs, {"y": keras.layers.Dense(1)(inputs)})
    with pytest.raises(ValueError, match=f"The input '{name}' cannot be served.* Rename"):
        saved_model(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("names", [("a-b", "a_b"), ("a", "A")])
def test_inputs_of_one_name_to_tensorflow(names, tmp_path):
    inputs = [keras.Input((1,), name=name) for name in names]
    model = keras.Model(inputs, {"y": keras.layers.Concatenate()(inputs)})
    with pytest.raises(ValueError, match=f"'{names[1]}' cannot be served beside '{names[0]}'"):
        saved_model(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


class NoGraph(keras.layers.Layer):
    """A layer that no graph can be made of."""

    def call(self, inputs):
        if tf.executing_eagerly():
            return inputs
        raise RuntimeError("no graph")

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape)


def test_nothing_is_left_when_writing_fails(tmp_path):
    inputs = keras.Input((1,), name="x")
    model = keras.Model(inputs, {"y": NoGraph()(inputs)})
    with pytest.raises(RuntimeError, match="no graph"):
        saved_model(model, tmp_path)
    assert os.listdir(tmp_path) == []


def test_only_a_multi_task_model_writes_sequences():
    with pytest.raises(ValueError, match=r"Expected a MultiTaskModel.*Sequential"):
        generator(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
