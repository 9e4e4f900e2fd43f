"""MultiTaskModel does what keras.Model does: same logs, same names, difference 0.0."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import MultiTaskModel


def compiled(model_class, **arguments):
    model = network(model_class)
    model.compile(
        "adam",
        loss=dict(LOSSES),
        metrics={
            "kind": "accuracy",
            "sold": ["accuracy", keras.metrics.AUC(name="auc")],
            "price": ["mae", keras.metrics.R2Score(name="r2")],
        },
        weighted_metrics={"kind": ["accuracy"], "price": [keras.metrics.MeanSquaredError()]},
        **arguments,
    )
    return model


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "sample_weight"])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"loss_weights": {"price": 0.3, "kind": 1.7, "sold": 2.0}},
        {"steps_per_execution": 3},
        {"run_eagerly": True},
    ],
    ids=["default", "loss_weights", "steps_per_execution", "run_eagerly"],
)
def test_fit_evaluate_predict_are_those_of_keras(arguments, weighted):
    x, y, weights = arrays()
    results = []
    for model_class in (keras.Model, MultiTaskModel):
        model = compiled(model_class, **arguments)
        history = model.fit(
            x,
            y,
            sample_weight=weights if weighted else None,
            batch_size=32,
            epochs=2,
            verbose=0,
            validation_data=(x, y, weights) if weighted else (x, y),
        ).history
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
        results.append((history, logs, model.predict(x, verbose=0), model))
    plain, ours = results
    assert list(ours[0]) == list(plain[0])
    assert ours[0] == plain[0]
    assert ours[1] == plain[1]
    assert difference(ours[3], plain[3]) == 0.0
    for task in y:
        np.testing.assert_array_equal(ours[2][task], plain[2][task])
    assert ours[3].metrics_names == plain[3].metrics_names


def test_xla_agrees_to_rounding():
    x, y, _ = arrays()
    models = []
    for model_class in (keras.Model, MultiTaskModel):
        model = compiled(model_class, jit_compile=True)
        model.fit(x, y, batch_size=32, epochs=2, verbose=0)
        models.append(model)
    assert difference(*models) < 1e-6


class Counted(keras.layers.Layer):
    """Counts in how many traces it is."""

    traces = 0

    def call(self, inputs):
        self.traces += 1
        return inputs


@pytest.mark.parametrize("aggregator", [None, "upgrad"])
def test_a_step_is_traced_once(aggregator):
    """The variables of optimizer and metrics, which TensorFlow would trace it twice for, exist."""
    x, y, _ = arrays()
    inputs, counted = keras.Input((8,)), Counted()
    features = counted(keras.layers.Dense(4)(inputs))
    outputs = {
        "price": keras.layers.Dense(2)(features),
        "sold": keras.layers.Dense(1, activation="sigmoid")(features),
    }
    model = MultiTaskModel(inputs, outputs)
    model.compile(
        "adam",
        loss={"price": "mse", "sold": "binary_crossentropy"},
        metrics={"price": ["mae", keras.metrics.R2Score()], "sold": keras.metrics.AUC()},
        aggregator=aggregator,
    )
    counted.traces = 0
    model.fit(x, {task: y[task] for task in outputs}, batch_size=40, verbose=0)
    assert counted.traces == 1


def test_streams_are_trained_as_by_keras():
    x, y, weights = arrays()
    results = []
    for model_class in (keras.Model, MultiTaskModel):
        model = compiled(model_class)  # sets the seed, which the order of the stream depends on
        stream = tf.data.Dataset.from_tensor_slices((x, y, weights))
        stream = stream.shuffle(200, seed=3, reshuffle_each_iteration=True).batch(32)
        history = model.fit(stream, epochs=2, verbose=0, shuffle=False).history
        results.append((history, model))
    assert results[0][0] == results[1][0]
    assert difference(results[0][1], results[1][1]) == 0.0


def test_single_batches_are_those_of_keras():
    x, y, _ = arrays(32)
    plain, ours = compiled(keras.Model), compiled(MultiTaskModel)
    for method in ("train_on_batch", "test_on_batch"):
        expected = getattr(plain, method)(x, y, return_dict=True)
        assert getattr(ours, method)(x, y, return_dict=True) == expected
    assert difference(plain, ours) == 0.0


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "sample_weight"])
def test_padding_that_layers_mask_is_left_out_as_by_keras(weighted):
    random = np.random.default_rng(0)
    tokens = random.integers(1, 9, (40, 6)) * (np.arange(6) < random.integers(1, 7, (40, 1)))
    y = {"tag": random.integers(0, 3, (40, 6)), "score": random.normal(size=(40, 6, 1))}
    weights = {task: random.uniform(0.5, 2, (40, 6)) for task in y} if weighted else None
    results = []
    for model_class in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((6,), name="tokens")
        features = keras.layers.Embedding(9, 8, mask_zero=True, name="words")(inputs)
        outputs = {
            "tag": keras.layers.Dense(3, activation="softmax", name="tag_output")(features),
            "score": keras.layers.Dense(1, name="score_output")(features),
        }
        model = model_class(inputs, outputs)
        model.compile("sgd", loss={"tag": "sparse_categorical_crossentropy", "score": "mse"})
        logs = model.fit(tokens, y, sample_weight=weights, batch_size=16, epochs=2, verbose=0)
        results.append((model, logs.history, model.evaluate(tokens, y, batch_size=9, verbose=0)))
    plain, ours = results
    assert ours[1:] == plain[1:]
    assert difference(ours[0], plain[0]) == 0.0


def test_one_task_has_no_prefix_in_the_logs():
    x, y, _ = arrays()
    names = []
    for model_class in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((8,))
        model = model_class(inputs, {"price": keras.layers.Dense(2)(inputs)})
        model.compile("sgd", loss="mse", metrics=["mae"])
        names.append(model.fit(x, {"price": y["price"]}, verbose=0).history)
    assert names[0] == names[1]


def test_regularisation_counts_once():
    x, y, _ = arrays()
    results = []
    for model_class in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((8,))
        features = keras.layers.Dense(4, kernel_regularizer="l2")(inputs)
        outputs = {
            "price": keras.layers.Dense(2)(features),
            "kind": keras.layers.Dense(3)(features),
        }
        model = model_class(inputs, outputs)
        model.compile("sgd", loss={"price": "mse", "kind": "mse"})
        labels = {"price": y["price"], "kind": np.eye(3, dtype="float32")[y["kind"]]}
        results.append((model.fit(x, labels, verbose=0).history, model))
    assert results[0][0] == results[1][0]
    assert difference(results[0][1], results[1][1]) == 0.0


def test_a_single_tensor_makes_a_plain_keras_model():
    x, y, _ = arrays()
    results = []
    for model_class in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((8,))
        model = model_class(inputs, keras.layers.Dense(2)(inputs))
        model.compile("adam", loss="mse", metrics=["mae"])
        results.append((model.fit(x, y["price"], verbose=0).history, model))
    assert results[0][0] == results[1][0]
    assert difference(results[0][1], results[1][1]) == 0.0


@pytest.mark.parametrize("loss_weights", [None, {"price": 0.5, "kind": 2.0, "sold": 1.0}])
def test_losses_without_a_reduction(loss_weights):
    """Keras differentiates their sum and shows their mean; so do steps that are balanced."""
    x, y, _ = arrays()
    losses = {
        "price": keras.losses.MeanSquaredError(reduction=None),
        "kind": keras.losses.SparseCategoricalCrossentropy(reduction=None),
        "sold": keras.losses.BinaryCrossentropy(reduction=None),
    }
    histories = []
    for model_class, method in (
        (keras.Model, {}),
        (MultiTaskModel, {}),
        (MultiTaskModel, {"aggregator": "sum"}),
    ):
        model = network(model_class)
        model.compile(
            keras.optimizers.SGD(1e-4), loss=dict(losses), loss_weights=loss_weights, **method
        )
        histories.append(model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y)).history)
    plain, ours, balanced = histories
    assert ours == plain
    for name, values in plain.items():
        assert balanced[name] == pytest.approx(values, rel=1e-5)


def mean_error(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred))


def test_metrics_that_are_one_number_for_a_batch():
    """Functions that take the mean of a batch, and Keras' own where outputs are vectors `[B]`."""
    x, y, weights = arrays(20)
    y = {"price": y["price"], "total": y["price"].sum(axis=1)}
    found = []
    for model_class in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8,))
        price = keras.layers.Dense(2, name="price_output")(inputs)
        model = model_class(inputs, {"price": price, "total": keras.ops.sum(price, axis=1)})
        metrics = {"price": [mean_error, "mae"], "total": "mae"}
        model.compile("sgd", loss="mse", metrics=metrics)
        found.append(model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True))
    assert found[1] == found[0]
    y["price"][::3], y["total"][1:9] = np.nan, np.nan
    logs = model.evaluate(x, y, batch_size=20, verbose=0, return_dict=True)
    predicted = model.predict(x, verbose=0)
    expected = {task: np.nanmean(np.abs(predicted[task] - y[task])) for task in y}
    assert logs["price_mean_error"] == pytest.approx(expected["price"])
    assert logs["total_mae"] == pytest.approx(expected["total"])
    model.compile("sgd", loss="mse", weighted_metrics={"price": mean_error})
    with pytest.raises(ValueError, match="'mean_error' is one number for a batch"):
        model.evaluate(x, y, sample_weight={"price": weights["price"]}, verbose=0)


def test_a_displayed_loss_without_a_reduction_is_the_mean_of_the_labelled_rows():
    x, y, _ = arrays(50)
    y["price"][::3] = np.nan
    model = network()
    model.compile(
        loss={"price": keras.losses.MeanSquaredError(reduction=None), "kind": LOSSES["kind"]}
    )
    logs = model.evaluate(x, {"price": y["price"], "kind": y["kind"]}, verbose=0, return_dict=True)
    errors = ((model.predict(x, verbose=0)["price"] - y["price"]) ** 2).mean(axis=-1)
    assert logs["price_loss"] == pytest.approx(np.nanmean(errors), rel=1e-5)


def test_one_task_in_a_dictionary():
    """Lists of results are in Keras' order, and monitors know what is better, as in Keras."""
    x, y, weights = arrays(64)
    found = []
    for model_class in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8,), name="x")
        outputs = {"sold": keras.layers.Dense(1, activation="sigmoid", name="sold_output")(inputs)}
        model = model_class(inputs, outputs)
        model.compile(
            "sgd",
            loss={"sold": "binary_crossentropy"},
            metrics={"sold": ["mse", "accuracy"]},
            weighted_metrics={"sold": ["mae"]},
        )
        data = x, {"sold": y["sold"]}, {"sold": weights["sold"]}
        history = model.fit(
            *data[:2],
            validation_data=data,
            epochs=2,
            verbose=0,
            callbacks=[keras.callbacks.EarlyStopping("val_accuracy")],
        )
        lists = model.evaluate(*data[:2], verbose=0), model.train_on_batch(*data)
        found.append((history.history, lists, model.metrics_names))
    assert found[1] == found[0]
