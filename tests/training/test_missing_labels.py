"""Missing labels: loss, gradient and metrics are those of a program that drops the rows by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import MultiTaskModel, heads
from tf_mtl.heads import BinaryLabels, ClassLabels, FloatLabels, rule_for_loss
from tf_mtl.keras_internals import resolve_loss
from tf_mtl.losses import Standardized
from tf_mtl.training.task_loss import TaskLoss


def cubic(y, p):
    return tf.reduce_mean(tf.abs(y - p) ** 3, axis=-1)


def cubic_mean(y, p):
    """Reduces the batch by itself."""
    return tf.reduce_mean(tf.abs(y - p) ** 3)


def logarithmic(y, p):
    """Needs labels that are positive."""
    return tf.reduce_mean(tf.math.log(y) * p, axis=-1)


FLOAT_LOSSES = [
    "mse",
    "mae",
    "mape",
    "msle",
    "huber",
    "log_cosh",
    "poisson",
    "cosine_similarity",
    "kl_divergence",
    keras.losses.MeanSquaredError(reduction="sum", name="sum"),
    keras.losses.MeanSquaredError(reduction="mean_with_sample_weight", name="weighted_mean"),
    cubic,
    cubic_mean,
    logarithmic,
]


def identifier(loss):
    return loss if isinstance(loss, str) else getattr(loss, "name", None) or loss.__name__


def value_and_gradient(loss, rule, labels, output, weight=None):
    output = tf.Variable(output)
    with tf.GradientTape() as tape:
        value = TaskLoss(loss, rule).terms(labels, output, weight).value()
    return value.numpy(), tf.convert_to_tensor(tape.gradient(value, output)).numpy()


def plain_value_and_gradient(loss, labels, output, weight=None):
    """What Keras computes on rows without missing labels."""
    output = tf.Variable(output)
    with tf.GradientTape() as tape:
        value = resolve_loss(loss, labels, output)(labels, output, sample_weight=weight)
    return value.numpy(), tf.convert_to_tensor(tape.gradient(value, output)).numpy()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", FLOAT_LOSSES, ids=identifier)
def test_rows_with_nan_are_as_if_dropped(loss, weighted):
    random = np.random.default_rng(0)
    labels = random.uniform(0.1, 1, (12, 3)).astype("float32")
    output = random.uniform(0.1, 1, (12, 3)).astype("float32")
    missing = random.random(12) < 0.4
    weight = random.uniform(0.5, 2, 12).astype("float32") if weighted else None
    holes = np.where(missing[:, None], np.nan, labels)
    if weighted and callable(loss) and not isinstance(loss, keras.losses.Loss):
        weight = np.ones(12, "float32")  # Keras gives no weights to a loss that is a scalar
    value, gradient = value_and_gradient(loss, FloatLabels(), holes, output, weight)
    kept = weight[~missing] if weighted else None
    expected, expected_gradient = plain_value_and_gradient(
        loss, labels[~missing], output[~missing], kept
    )
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient[~missing], expected_gradient, rtol=1e-5, atol=1e-7)
    assert np.all(gradient[missing] == 0)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
def test_missing_classes_are_as_if_dropped(dtype):
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 20)
    missing = random.random(20) < 0.5
    output = random.dirichlet(np.ones(4), 20).astype("float32")
    holes = np.where(missing, -1, labels).astype(dtype)
    loss = "sparse_categorical_crossentropy"
    value, gradient = value_and_gradient(loss, ClassLabels(4), holes, output)
    expected, expected_gradient = plain_value_and_gradient(loss, labels[~missing], output[~missing])
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient[~missing], expected_gradient, rtol=1e-6)
    assert np.all(gradient[missing] == 0)


@pytest.mark.parametrize(
    ("loss", "rule", "low"),
    [("mse", FloatLabels(), np.nan), ("binary_crossentropy", BinaryLabels(), -1.0)],
    ids=["mse", "binary_crossentropy"],
)
def test_single_missing_dimensions_leave_the_mean_of_the_others(loss, rule, low):
    random = np.random.default_rng(2)
    labels = random.integers(0, 2, (10, 4)).astype("float32")
    output = random.uniform(0.1, 0.9, (10, 4)).astype("float32")
    missing = random.random((10, 4)) < 0.4
    missing[0] = True
    holes = np.where(missing, low, labels).astype("float32")
    value, gradient = value_and_gradient(loss, rule, holes, output)
    rows = []
    for row in range(1, 10):
        kept = ~missing[row]
        if kept.any():
            rows.append(
                resolve_loss(loss)(labels[row : row + 1, kept], output[row : row + 1, kept])
            )
    np.testing.assert_allclose(value, np.mean(rows), rtol=1e-5)
    assert np.all(gradient[missing] == 0)
    assert np.all(gradient[~missing] != 0)


@pytest.mark.parametrize("shape", [(10, 2), (3, 4, 5, 2)], ids=["rows", "maps"])
@pytest.mark.parametrize("weighted", [False, True])
def test_missing_dimensions_of_unlike_units(shape, weighted):
    """Each dimension keeps its own mean and standard deviation."""
    random = np.random.default_rng(3)
    mean, std = [50_000.0, 3.0], [1000.0, 0.5]
    labels = random.normal(mean, std, shape).astype("float32")
    output = random.normal(mean, std, shape).astype("float32")
    missing = random.random(shape) < 0.3
    weights = random.uniform(0.5, 2, shape).astype("float32") if weighted else None
    loss = TaskLoss(Standardized("mse", mean, std), FloatLabels())
    value = loss.terms(np.where(missing, np.nan, labels), output, weights).value()
    squares = ((labels.astype("float64") - output) / std) ** 2
    share = np.where(missing, 0, 1.0 if weights is None else weights)
    number = (~missing).sum(-1) if weighted else share.sum(-1)
    there = number > 0
    expected = ((squares * share).sum(-1)[there] / number[there]).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-3)


def test_a_batch_without_labels_is_harmless():
    for loss in FLOAT_LOSSES:
        labels = np.full((4, 3), np.nan, "float32")
        value, gradient = value_and_gradient(
            loss, FloatLabels(), labels, np.ones((4, 3), "float32")
        )
        assert value == 0
        assert np.all(gradient == 0)


def test_minus_one_is_a_value_for_a_regression_and_a_hinge():
    for loss in ("mse", "hinge", "squared_hinge"):
        rule = rule_for_loss(resolve_loss(loss))
        _, labelled = rule.encode(tf.constant([[-1.0], [1.0]]))
        assert labelled.numpy().all()


@pytest.mark.parametrize("form", ["nan", "zero weight", "key"])
def test_training_with_missing_labels_is_training_without_these_rows(form):
    """Two tasks are missing for half of the rows: the other half alone counts."""
    x, y, _ = arrays(64)
    half = np.arange(64) < 32
    model, reference = network(), network()
    for each in (model, reference):
        each.compile("sgd", loss=dict(LOSSES), metrics={"price": ["mae"], "kind": ["accuracy"]})
    labels, weight = dict(y), None
    if form == "nan":
        labels["price"] = np.where(half[:, None], y["price"], np.nan)
        labels["kind"] = np.where(half, y["kind"], -1)
    elif form == "zero weight":
        weight = {"price": half.astype("float32"), "kind": half.astype("float32")}
    else:
        del labels["price"], labels["kind"]
    before = model.evaluate(x, labels, sample_weight=weight, verbose=0, return_dict=True)
    if form == "key":
        assert set(before) == {"loss", "sold_loss"}
        return
    expected = reference.evaluate(
        x[half], {task: value[half] for task, value in y.items()}, verbose=0, return_dict=True
    )
    for name in ("price_loss", "price_mae", "kind_loss", "kind_accuracy"):
        np.testing.assert_allclose(before[name], expected[name], rtol=1e-6)
    model.train_on_batch(x, labels, sample_weight=weight)
    outputs = reference(x)
    with tf.GradientTape() as tape:
        outputs = reference(x)
        total = (
            resolve_loss("mse")(y["price"][half], outputs["price"][half])
            + resolve_loss(LOSSES["kind"])(y["kind"][half], outputs["kind"][half])
            + resolve_loss(LOSSES["sold"])(y["sold"][:, None], outputs["sold"])
        )
    variables = reference.trainable_variables
    gradients = tape.gradient(total, [variable.value for variable in variables])
    reference.optimizer.apply_gradients(zip(gradients, variables, strict=True))
    assert difference(model, reference) < 1e-6


def test_string_labels_of_a_head_with_class_names():
    inputs = keras.Input((4,))
    model = MultiTaskModel(
        inputs,
        {"animal": heads.Classification(class_names=["cat", "dog", "owl"])(inputs)},
    )
    model.compile("sgd")
    x = np.random.default_rng(0).normal(size=(4, 4)).astype("float32")
    names = tf.data.Dataset.from_tensor_slices((x, {"animal": ["dog", "", "owl", "cat"]})).batch(4)
    numbers = tf.data.Dataset.from_tensor_slices((x, {"animal": [1, -1, 2, 0]})).batch(4)
    first = model.evaluate(names, verbose=0, return_dict=True)
    assert first == model.evaluate(numbers, verbose=0, return_dict=True)
    wrong = tf.data.Dataset.from_tensor_slices((x, {"animal": ["dog", "", "owl", "cow"]})).batch(4)
    with pytest.raises(ValueError, match="'cow' is not one of the class names"):
        model.fit(wrong, verbose=0)


def test_metrics_of_rows_labelled_in_part():
    inputs = keras.Input((2,))
    outputs = {"a": keras.layers.Dense(3, name="a")(inputs), "b": keras.layers.Dense(1)(inputs)}
    model = MultiTaskModel(inputs, outputs)
    model.compile(loss={"a": "mse"}, metrics={"a": ["mae", keras.metrics.R2Score(name="r2")]})
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    labels = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
    holes = labels.copy()
    holes[0, 1] = holes[3, 0] = holes[5] = np.nan
    logs = model.evaluate(x, {"a": holes}, verbose=0, return_dict=True)
    error = np.abs(model.predict(x, verbose=0)["a"] - holes)
    np.testing.assert_allclose(logs["a_mae"], np.nanmean(error), rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (4, 3)], ids=["rows", "maps"])
def test_means_over_labels_with_gaps_do_not_depend_on_batches(shape):
    inputs = keras.Input((*shape[:-1], 2))
    model = MultiTaskModel(inputs, {"a": keras.layers.Dense(3, name="a")(inputs)})
    model.compile(loss="mse", metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(8, *shape[:-1], 2)).astype("float32")
    holes = np.random.default_rng(1).normal(size=(8, *shape)).astype("float32")
    holes[0, ..., 1] = holes[3, ..., 0] = holes[5] = np.nan
    error = np.nanmean(np.abs(model.predict(x, verbose=0)["a"] - holes))
    for size in (8, 2):  # two batches of 2 have no gaps
        logs = model.evaluate(x, {"a": holes}, batch_size=size, verbose=0, return_dict=True)
        assert logs["mae"] == pytest.approx(error, rel=1e-6), size


@pytest.mark.parametrize("loss", [cubic_mean, keras.losses.Tversky(), keras.losses.Dice()])
def test_weights_of_missing_rows_do_not_count_where_a_loss_reduces_the_batch(loss):
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, (12, 3)).astype("float32")
    output = random.uniform(0.1, 0.9, (12, 3)).astype("float32")
    missing = np.arange(12) % 3 == 0
    weight = random.uniform(0.5, 2, 12).astype("float32")
    holes = np.where(missing[:, None], np.nan, labels)
    value, gradient = value_and_gradient(loss, FloatLabels(), holes, output, weight)
    dropped = [array[~missing] for array in (labels, output, weight)]
    expected, expected_gradient = plain_value_and_gradient(loss, *dropped)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient[~missing], expected_gradient, rtol=1e-5)
    assert np.all(gradient[missing] == 0)


@pytest.mark.parametrize(
    ("loss", "one_hot", "classes"),
    [
        ("crossentropy", False, 4),
        ("crossentropy", True, 4),
        ("ce", False, 1),
        (keras.losses.CategoricalGeneralizedCrossEntropy(), False, 4),
        (keras.losses.SparseCategoricalCrossentropy(ignore_class=255), False, 4),
    ],
    ids=["numbers", "one_hot", "binary", "generalized", "ignore_class"],
)
def test_every_crossentropy_of_keras_takes_minus_one_for_missing(loss, one_hot, classes):
    """In `fit`, which also looks at the labels."""
    random = np.random.default_rng(4)
    x = random.normal(size=(32, 5)).astype("float32")
    labels = random.integers(0, max(classes, 2), 32)
    labels = np.eye(4)[labels] if one_hot else labels[:, None] if classes == 1 else labels
    ignored = getattr(loss, "ignore_class", None)
    labels = labels if ignored is None else np.where(np.arange(32) % 5 == 0, ignored, labels)
    missing = np.arange(32) % 3 == 0

    def trained(model_class, x, y):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((5,), name="x")
        activation = "sigmoid" if classes == 1 else "softmax"
        output = keras.layers.Dense(classes, activation=activation, name="kind")(inputs)
        model = model_class(inputs, {"kind": output})
        model.compile(keras.optimizers.SGD(0.5), loss={"kind": loss})
        history = model.fit(x, {"kind": y}, batch_size=len(x), epochs=3, verbose=0).history
        return history["loss"], model

    holes = labels.copy()
    holes[missing] = -1
    losses, model = trained(MultiTaskModel, x, holes)
    expected, reference = trained(keras.Model, x[~missing], labels[~missing])
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    assert difference(model, reference) < 1e-6


def nan_logs(results):
    return {name for name, value in results.items() if np.isnan(value)}


def test_a_task_of_which_all_labels_are_missing_has_no_loss_and_metrics_of_0():
    inputs = keras.Input((3,))
    outputs = {task: keras.layers.Dense(1)(inputs) for task in ("price", "size")}
    model = MultiTaskModel(inputs, outputs)
    model.compile("sgd", "mse", metrics={"price": ["mae"], "size": ["mae"]})
    x, ones = np.ones((8, 3), "float32"), np.ones(8, "float32")
    hidden = {"price": ones * np.nan, "size": ones}
    results = model.evaluate(x, hidden, verbose=0, return_dict=True)
    assert nan_logs(results) == {"price_loss", "price_mae"}
    weights = {"price": ones * 0}
    assert nan_logs(
        model.evaluate(x, {"price": ones, "size": ones}, 4, 0, weights, return_dict=True)
    ) == {"price_loss", "price_mae"}
    late = {"price": np.append(ones[:-1] * np.nan, 1), "size": ones}
    history = model.fit(x, late, 4, 1, verbose=0, shuffle=False, validation_data=(x, hidden))
    logs = {name: values[0] for name, values in history.history.items()}
    assert nan_logs(logs) == {"val_price_loss", "val_price_mae"}
    assert np.isfinite(model.train_on_batch(x, hidden)).all()  # steps have a loss of 0


def test_a_model_of_one_task_has_no_loss_of_0_without_labels():
    inputs = keras.Input((3,))
    model = MultiTaskModel(inputs, {"price": keras.layers.Dense(1)(inputs)})
    model.compile("sgd", "mse", metrics=["mae"])
    x, ones = np.ones((8, 3), "float32"), np.ones(8, "float32")
    assert nan_logs(model.evaluate(x, ones * np.nan, verbose=0, return_dict=True)) == {
        "loss",
        "mae",
    }
    assert not nan_logs(model.evaluate(x, ones, verbose=0, return_dict=True))


@pytest.mark.parametrize("metrics", ["auto", {"price": ["mae"], "kind": ["accuracy"]}])
def test_labels_of_a_task_may_come_in_a_later_call(metrics):
    """Its metrics are made when the step has been traced already."""
    inputs = keras.Input((3,))
    tasks = {"price": heads.Regression(), "kind": heads.Classification(3)}
    outputs = {task: head(inputs) for task, head in tasks.items()}
    model = MultiTaskModel(inputs, outputs)
    model.compile("sgd", metrics=metrics)
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    y = {"price": x[:, 0], "kind": np.arange(8) % 3}
    model.fit(x, {"kind": y["kind"]}, verbose=0)
    model.fit(x, y, verbose=0)
    model.evaluate(x, {"price": y["price"]}, verbose=0)
    results = model.evaluate(x, y, verbose=0, return_dict=True)
    errors = np.abs(model.predict(x, verbose=0)["price"][:, 0] - x[:, 0])
    assert results["price_mae"] == pytest.approx(errors.mean(), rel=1e-5)
