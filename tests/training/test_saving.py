"""`.keras` files bring back the model, its compile arguments and the state of its optimizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import build_model, heads, trunks
from tf_mtl.keras_internals import sublayers
from tf_mtl.training import layerwise_optimizer


def with_heads():
    return build_model(
        keras.Input((8,), name="x"),
        trunks.MLP([16]),
        {
            "kind": heads.Classification(class_names=["a", "b", "c"]),
            "sold": heads.BinaryClassification(),
            "price": heads.Regression(units=2, mean=[1.0, 2.0], std=[3.0, 4.0]),
        },
    )


def compile_with_heads(model):
    model.compile(keras.optimizers.Adam(0.01), loss_weights={"price": 0.5})


def compile_with_losses(model):
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        loss={**LOSSES, "sold": keras.losses.BinaryCrossentropy(label_smoothing=0.1)},
        metrics={"kind": ["accuracy"], "price": [keras.metrics.MeanAbsoluteError(name="error")]},
        loss_weights={"kind": 2.0},
    )


@pytest.mark.parametrize(
    ("make", "compile_model"), [(with_heads, compile_with_heads), (network, compile_with_losses)]
)
def test_a_loaded_model_goes_on_where_the_saved_one_stopped(make, compile_model, tmp_path):
    x, y, _ = arrays(96)
    model = make()
    compile_model(model)
    model.fit(x, y, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert difference(model, loaded) == 0.0
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert loaded.evaluate(x, y, verbose=0, return_dict=True) == expected
    for saved, restored in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(saved.numpy(), restored.numpy())
    histories = [each.fit(x, y, verbose=0, shuffle=False).history for each in (model, loaded)]
    assert histories[0] == histories[1]
    assert difference(model, loaded) == 0.0


def test_metrics_beside_those_of_a_head(tmp_path):
    model = build_model(keras.Input((2,)), keras.layers.Dense(2), {"a": heads.Regression()})
    model.compile("sgd", metrics={"a": ["auto", "mse"]}, weighted_metrics="auto")
    x, y = np.ones((4, 2)), {"a": np.arange(4.0)}
    results = model.evaluate(x, y, return_dict=True, verbose=0)
    assert [*results] == ["loss", "mae", "mse", "r2", "weighted_mae", "weighted_r2"]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, y, return_dict=True, verbose=0) == results


def test_saving_makes_no_metrics(monkeypatch, tmp_path):
    model = with_heads()
    compile_with_heads(model)
    made = property(lambda head: pytest.fail("metrics are made"))
    monkeypatch.setattr(heads.BinaryClassification, "default_metrics", made)
    model.save(tmp_path / "model.keras")
    model.load_weights(tmp_path / "model.keras")


def compile_balanced(model):
    model.compile(
        layerwise_optimizer("adam", model, {"shared": 0.5}),
        loss=LOSSES,
        loss_weights="dynamic_weight_average",
        aggregator="moco",
    )


@pytest.mark.parametrize("compiled_first", [True, False])
def test_a_checkpoint_of_tensorflow_holds_what_balancing_remembers(compiled_first, tmp_path):
    x, y, _ = arrays(64)
    model, restored = network(), network(seed=2)
    compile_balanced(model)
    model.fit(x, y, verbose=0, shuffle=False)
    saved = tf.train.Checkpoint(model=model).save(tmp_path / "checkpoint")
    if compiled_first:
        compile_balanced(restored)
    status = tf.train.Checkpoint(model=restored).restore(saved)
    if not compiled_first:
        compile_balanced(restored)
    for each in (model, restored):
        each.fit(x, y, verbose=0, shuffle=False, initial_epoch=1, epochs=2)
    status.assert_consumed()
    assert difference(model, restored) == 0.0


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have a `quantize`")
@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_a_quantised_model_is_loaded_with_its_heads(mode, tmp_path):
    model = with_heads()
    model.heads["price"].trainable = False
    model.quantize(mode)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    policies = [
        {each.name: each.dtype_policy.name for each in sublayers(m)} for m in (model, loaded)
    ]
    assert policies[0] == policies[1]
    assert mode in policies[0]["probability"]  # inside of the head
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    x, _, _ = arrays(8)
    found, expected = loaded.predict(x, verbose=0), model.predict(x, verbose=0)
    for task in model.tasks:
        np.testing.assert_array_equal(found[task], expected[task])


def test_compiling_twice_leaves_nothing_behind():
    x, y, _ = arrays(64)
    model = with_heads()
    compile_with_heads(model)
    model.fit(x, y, verbose=0)
    variables, weights, metrics = len(model.variables), len(model.weights), len(model.metrics)
    compile_with_heads(model)
    model.fit(x, y, verbose=0)
    counts = (len(model.variables), len(model.weights), len(model.metrics))
    assert counts == (variables, weights, metrics)


def test_a_layer_can_be_frozen_in_two_lines():
    x, y, _ = arrays(64)
    model = with_heads()
    model.get_layer("mlp_dense_0").trainable = False
    compile_with_heads(model)
    before = model.get_layer("mlp_dense_0").get_weights()
    model.fit(x, y, verbose=0)
    assert all(map(np.array_equal, before, model.get_layer("mlp_dense_0").get_weights()))
