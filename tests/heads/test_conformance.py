"""Every head passes one suite: config, saving, missing labels, precision, export, bad labels."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.descriptors import HEADS
from tests.training.programs import difference
from tf_mtl import build_model, export, heads, trunks

ROWS = 48


def model_of(row, **compiling):
    keras.utils.set_random_seed(0)
    model = build_model(
        keras.Input(row.features, name="x"),
        keras.layers.Dense(8, activation="relu"),  # of the last axis, whatever the others are
        {"task": row.make(), "other": heads.BinaryClassification()},  # which "task" may read
    )
    model.compile(keras.optimizers.SGD(0.1), **compiling)
    return model


def data_of(row, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(ROWS, *row.features)).astype("float32")
    return x, {"task": row.labels(random, ROWS), "other": random.integers(0, 2, ROWS) * 1.0}


def test_every_public_head_is_described():
    abstract = {heads.BaseHead}
    public = {
        value
        for value in vars(heads).values()
        if isinstance(value, type) and issubclass(value, heads.BaseHead)
    }
    assert {row.cls for row in HEADS} == public - abstract


@pytest.mark.parametrize("row", HEADS, ids=lambda row: row.cls.__name__)
class TestHead:
    def test_config_comes_back(self, row):
        head = row.make()
        again = type(head).from_config(head.get_config())
        assert again.get_config() == head.get_config()
        restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(head))
        assert restored.get_config() == head.get_config()

    def test_whole_numbers_of_numpy_are_taken(self, row):
        """As in Classification(labels.max() + 1)."""
        head = row.make()
        config = {
            key: np.int64(value) if type(value) is int else value
            for key, value in head.get_config().items()
        }
        again = type(head).from_config(config)
        assert json.dumps(again.get_config()) == json.dumps(head.get_config())

    def test_output_is_float32_of_the_stated_shape(self, row):
        vectors = len(row.features) == 1  # such heads average maps
        for shape in [row.features, *([(3, 3, 5)] if vectors else [])]:
            head = row.make()
            read = [keras.ops.ones((4, 1)) for _ in head.reads]
            output = head(keras.ops.ones((4, *shape), dtype="bfloat16"), *read)
            assert output.dtype == tf.float32
            assert output.shape[0] == 4

    def test_trains_and_comes_back_from_a_file(self, row, tmp_path):
        model, (x, y) = model_of(row), data_of(row)
        model.fit(x, y, verbose=0, epochs=2)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        logs = [each.evaluate(x, y, verbose=0, return_dict=True) for each in (model, loaded)]
        assert logs[0] == logs[1]
        assert any(name.startswith("task_") for name in logs[0])

    def test_missing_labels_count_for_nothing(self, row):
        x, y = data_of(row)
        half = np.arange(ROWS) < ROWS // 2
        holes = dict(y, task=row.with_missing(y["task"], ~half))
        # The graphs of `fit` are another test's; making five here would take most of its time.
        model, reference = model_of(row, run_eagerly=True), model_of(row, run_eagerly=True)
        logs = model.evaluate(x, holes, verbose=0, return_dict=True)
        kept = {task: value[half] for task, value in y.items()}
        expected = reference.evaluate(x[half], kept, verbose=0, return_dict=True)
        for name in logs:
            if name.startswith("task_"):
                np.testing.assert_allclose(logs[name], expected[name], rtol=1e-5, err_msg=name)
        nothing = dict(y, task=row.with_missing(y["task"], np.ones(ROWS, bool)))
        model.train_on_batch(x, nothing)
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        before = model_of(row).get_layer("task").get_weights()
        assert all(map(np.array_equal, before, model.get_layer("task").get_weights()))

    def test_an_aggregator_trains_it(self, row):
        (x, y), model = data_of(row), model_of(row, aggregator="upgrad")
        before = model.get_weights()
        losses = model.fit(x, y, verbose=0, epochs=3).history["loss"]
        assert np.isfinite(losses).all()
        assert not any(map(np.array_equal, before, model.get_weights()))

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_mixed_precision_trains(self, row, policy):
        x, y = data_of(row)
        previous = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            model = model_of(row)
            before = model.get_weights()
            losses = model.fit(x, y, verbose=0, epochs=3).history["loss"]
        finally:
            keras.config.set_dtype_policy(previous)
        assert np.isfinite(losses).all()
        assert not all(map(np.array_equal, before, model.get_weights()))

    @pytest.mark.slow
    def test_xla_takes_the_same_step(self, row):
        """Keras chooses XLA by itself on a single GPU."""
        x, y = data_of(row)
        y["task"] = row.with_missing(y["task"], np.arange(ROWS) % 3 == 0)
        models = [model_of(row, jit_compile=compiled) for compiled in (False, True)]
        logs = [model.train_on_batch(x, y, return_dict=True) for model in models]
        assert difference(*models) < 1e-6
        assert logs[1] == pytest.approx(logs[0], rel=1e-4, abs=1e-6)

    def test_is_served_by_name(self, row, tmp_path):
        model, (x, _) = model_of(row), data_of(row)
        folder = export.saved_model(model, tmp_path)
        serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
        served = serve(x=tf.constant(x))
        assert set(served) == {"task", "other"}
        np.testing.assert_allclose(served["task"], model.predict(x, verbose=0)["task"], atol=1e-6)

    def test_wrong_labels_are_named(self, row):
        x, y = data_of(row)
        wrong = np.array(y["task"])
        wrong[3] = row.wrong
        with pytest.raises(ValueError, match=r"Task 'task', training labels, row 3"):
            model_of(row).fit(x, dict(y, task=wrong), verbose=0)

    def test_every_batch_size_gives_the_same_model(self, row):
        """Training with the labels of two batches in one, rows missing, equals the two in one."""
        x, y = data_of(row)
        whole, again = model_of(row, run_eagerly=True), model_of(row, run_eagerly=True)
        whole.train_on_batch(x, y)
        again.train_on_batch(
            np.concatenate([x, x]),
            {
                task: np.concatenate([value, row.with_missing(value, np.ones(ROWS, bool))])
                if task == "task"
                else np.concatenate([value, np.full(ROWS, np.nan)])
                for task, value in y.items()
            },
        )
        assert difference(whole, again) < 1e-6


BAD = [
    (heads.Classification, "num_classes"),
    (lambda: heads.Classification(1), "at least 2"),
    (lambda: heads.Classification(3, ["a", "b"]), "3 different names"),
    (lambda: heads.Classification(2, ["a", "a"]), "2 different names"),
    (lambda: heads.BinaryClassification(["a"]), "two different names"),
    (heads.MultiLabel, "num_labels"),
    (lambda: heads.MultiLabel(0), "at least 1"),
    (lambda: heads.Regression(0), "at least 1"),
    (lambda: heads.Regression(2, mean=[1, 2, 3]), "2 numbers"),
    (lambda: heads.Regression(std=0.0), "greater than 0"),
    (lambda: heads.Regression(mean=[np.nan]), "must be finite.*np.nanmean"),
    (lambda: heads.Regression(std=np.inf), "must be finite"),
    (lambda: heads.Head("dense", "mse"), "Keras layer"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_arguments_are_checked_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_features_without_a_known_size_are_refused():
    with pytest.raises(ValueError, match="known d"):
        heads.Regression()(keras.Input((None,)))


def test_another_loss_of_keras_brings_its_own_labels():
    """A classification head with one-hot labels, of which a row is missing."""
    model = build_model(keras.Input((6,)), trunks.MLP([4]), {"task": heads.Classification(3)})
    model.compile("sgd", loss={"task": "categorical_crossentropy"}, metrics={"task": "accuracy"})
    labels = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    labels[2] = np.nan
    logs = model.fit(np.ones((4, 6), "float32"), {"task": labels}, verbose=0).history
    assert np.isfinite(logs["loss"]).all()


def test_metrics_that_a_head_was_made_with_are_logged_once(tmp_path):
    rmse = keras.metrics.RootMeanSquaredError(name="rmse")
    head = heads.Head(keras.layers.Dense(1), "mse", [rmse])
    model = build_model(keras.Input((6,)), trunks.MLP([4]), {"task": head})
    model.compile("sgd")
    x, y = np.ones((4, 6), "float32"), {"task": np.arange(4.0)}
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        loss, error = each.evaluate(x, y, verbose=0)
        assert error == pytest.approx(loss**0.5)
        assert each.evaluate(x, y, return_dict=True, verbose=0) == {"loss": loss, "rmse": error}
