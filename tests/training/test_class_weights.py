"""Class weights by task act as sample weights: alone, with sample weights, with missing labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from tests.descriptors import HEADS
from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import MultiTaskModel, heads
from tf_mtl.keras_internals import resolve_loss
from tf_mtl.training.class_weights import ClassWeights

WEIGHTS = {"kind": {0: 2.0, 2: 0.5}, "sold": {0: 0.25, 1: 3.0}}


def compiled(**arguments):
    model = network()
    model.compile("sgd", loss=dict(LOSSES), **arguments)
    return model


def by_hand(y, weights=None):
    """The sample weights that stand for `WEIGHTS`."""
    found = {
        "kind": np.array([2.0, 1.0, 0.5], "float32")[np.where(y["kind"] < 0, 1, y["kind"])],
        "sold": np.array([0.25, 3.0], "float32")[np.where(y["sold"] < 0, 1, y["sold"])],
        "price": np.ones(len(y["price"]), "float32"),
    }
    return {task: value * (weights[task] if weights else 1) for task, value in found.items()}


def with_holes(y):
    half = np.arange(len(y["kind"])) % 3 == 0
    return {
        "kind": np.where(half, -1, y["kind"]),
        "sold": np.where(half[::-1], -1, y["sold"]),
        "price": np.where(half[:, None], np.nan, y["price"]).astype("float32"),
    }


class Batches(keras.utils.PyDataset):
    def __init__(self, *data, size=32):
        super().__init__()
        self.data = data
        self.size = size

    @property
    def num_batches(self):
        return len(self.data[0]) // self.size

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        return keras.tree.map_structure(lambda array: array[rows], self.data)


def batches(*data):
    dataset = Batches(*data)
    return (dataset[i] for i in range(dataset.num_batches))


def stream(*data):
    return tf.data.Dataset.from_tensor_slices(data).batch(32)


@pytest.mark.parametrize("mixed", [False, True], ids=["alone", "sample weights and missing"])
@pytest.mark.parametrize("form", ["arrays", "tf.data", "PyDataset", "generator"])
def test_class_weights_are_sample_weights(form, mixed):
    x, y, sample_weight = arrays(96)
    y = with_holes(y) if mixed else y
    given = [sample_weight] if mixed else []
    model, reference = compiled(), compiled(run_eagerly=True)
    options = {"verbose": 0, "shuffle": False}
    reference.fit(x, y, sample_weight=by_hand(y, *given), **options)
    if form == "arrays":
        weights = dict(zip(["sample_weight"], given, strict=False))
        model.fit(x, y, class_weight=WEIGHTS, **weights, **options)
    else:
        make = {"tf.data": stream, "PyDataset": Batches, "generator": batches}[form]
        model.fit(make(x, y, *given), class_weight=WEIGHTS, steps_per_epoch=3, **options)
    assert difference(model, reference) < 1e-6
    assert difference(model, compiled()) > 1e-4


def test_sample_weights_for_another_subset_of_the_tasks():
    x, y, sample_weight = arrays(96)
    some = {"price": sample_weight["price"], "kind": sample_weight["kind"]}
    model, again, reference = (compiled(run_eagerly=True) for _ in range(3))
    model.fit(x, y, sample_weight=some, class_weight=WEIGHTS, shuffle=False, verbose=0)
    again.fit(stream(x, y, some), class_weight=WEIGHTS, verbose=0)
    weights = by_hand(y, {**some, "sold": 1.0})
    reference.fit(x, y, sample_weight=weights, shuffle=False, verbose=0)
    assert difference(model, reference) < 1e-6
    assert difference(again, reference) < 1e-6


@pytest.mark.parametrize("weighing", ["class_weight", "sample_weight"])
def test_a_task_whose_labels_are_none_is_as_if_left_out(weighing):
    x, y, sample_weight = arrays(32)
    kind = WEIGHTS["kind"] if weighing == "class_weight" else sample_weight["kind"]
    histories = []
    for labels in ({**y, "price": None}, {task: y[task] for task in ("kind", "sold")}):
        model = compiled(run_eagerly=True)
        histories.append(model.fit(x, labels, verbose=0, **{weighing: {"kind": kind}}).history)
    assert histories[0] == histories[1]


@pytest.mark.parametrize("form", ["arrays", "tf.data"])
def test_one_task_is_as_in_keras(form):
    x, y, _ = arrays(96)
    class_weight = {0: 2.0, 1: 0.5, 2: 3.0}
    trained = []
    for model_class in (keras.Model, MultiTaskModel):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8,))
        outputs = keras.layers.Dense(3, activation="softmax", name="kind")(inputs)
        plain = model_class is keras.Model
        model = model_class(inputs, outputs if plain else {"kind": outputs})
        model.compile("sgd", loss=LOSSES["kind"] if plain else {"kind": LOSSES["kind"]})
        labels = y["kind"] if plain else {"kind": y["kind"]}
        data = (stream(x, labels),) if form == "tf.data" else (x, labels)
        options = {} if form == "tf.data" else {"validation_split": 0.5}
        history = model.fit(
            *data, class_weight=class_weight, shuffle=False, verbose=0, epochs=2, **options
        )
        trained.append((model, history.history))
    assert difference(trained[0][0], trained[1][0]) == 0
    for name in trained[0][1]:
        np.testing.assert_allclose(trained[0][1][name], trained[1][1][name], rtol=1e-6)


def test_train_on_batch():
    x, y, sample_weight = arrays(64)
    model, reference = compiled(run_eagerly=True), compiled(run_eagerly=True)
    model.train_on_batch(x, y, sample_weight=sample_weight, class_weight=WEIGHTS)
    reference.train_on_batch(x, y, sample_weight=by_hand(y, sample_weight))
    assert difference(model, reference) == 0
    with pytest.raises(ValueError, match=r"'kind'.*balanced.*those of one batch"):
        model.train_on_batch(x, y, class_weight={"kind": "balanced"})


@pytest.mark.parametrize("form", ["arrays", "tf.data", "PyDataset"])
def test_balanced_counts_as_scikit_learn_does(form):
    x, y, _ = arrays(96)
    y["kind"] = np.minimum(y["kind"], 1)  # class 2 does not occur
    y["sold"][:70] = 0
    y = with_holes(y)
    model, reference = compiled(run_eagerly=True), compiled(run_eagerly=True)
    options = {"verbose": 0, "shuffle": False}
    numbers = {}
    for task in ("kind", "sold"):
        labels = y[task][y[task] >= 0]
        weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
        numbers[task] = dict(zip(np.unique(labels), weights, strict=True))
    reference.fit(x, y, class_weight=numbers, **options)
    make = {"tf.data": stream, "PyDataset": Batches}
    data = (x, y) if form == "arrays" else (make[form](x, y),)
    model.fit(*data, class_weight={"kind": "balanced", "sold": "balanced"}, **options)
    assert difference(model, reference) < 1e-6


def test_balanced_counts_no_entry_of_weight_zero():
    _, y, _ = arrays(40)
    weight = {"kind": np.where(y["kind"] == 1, np.arange(40) % 2, 1.0)}
    weights = ClassWeights(compiled(), {"kind": "balanced"})
    weights.balance(iter([(y, weight)]))
    counted = y["kind"][weight["kind"] != 0]
    expected = compute_class_weight("balanced", classes=np.arange(3), y=counted)
    np.testing.assert_allclose(weights.tables["kind"], expected, rtol=1e-6)


def test_balanced_needs_an_end():
    x, y, _ = arrays(64)
    for endless in (stream(x, y).repeat(), batches(x, y)):
        with pytest.raises(ValueError, match=r"'kind'.*no end.*pass the weights as numbers"):
            compiled().fit(endless, class_weight={"kind": "balanced"}, steps_per_epoch=2, verbose=0)


def test_names_of_classes_and_missing_text():
    inputs = keras.Input((4,))
    model = MultiTaskModel(
        inputs,
        {
            "animal": heads.Classification(class_names=["cat", "dog", "owl"])(inputs),
            "tame": heads.BinaryClassification(class_names=["no", "yes"])(inputs),
        },
    )
    model.compile("sgd")
    y = {"animal": tf.constant(["dog", "", "owl"]), "tame": tf.constant(["yes", "no", ""])}
    weights = ClassWeights(model, {"animal": {"dog": 2, "owl": 3.0}, "tame": {"no": 0.5}})
    found = weights(y)
    assert found["animal"].numpy().tolist() == [2, 1, 3]
    assert found["tame"].numpy().tolist() == [1, 0.5, 1]
    x = np.ones((3, 4), "float32")
    model.fit(stream(x, y), class_weight={"animal": "balanced"}, verbose=0)
    with pytest.raises(ValueError, match=r"Unknown class .*'dgo'.*Did you mean 'dog'"):
        model.fit(x, {"animal": [1, 0, 2]}, class_weight={"animal": {"dgo": 1}}, verbose=0)


def multi_label():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    model = MultiTaskModel(inputs, {"tags": heads.MultiLabel(class_names=["a", "b"])(inputs)})
    model.compile("sgd")
    return model


def test_labels_of_a_row_have_weights_of_their_own():
    random = np.random.default_rng(0)
    x = random.normal(size=(12, 4)).astype("float32")
    y = random.integers(0, 2, (12, 2)).astype("float32")
    y[:4, 0] = y[2:5, 1] = np.nan
    model = multi_label()
    probabilities = model.predict(x, verbose=0)["tags"]
    entropy = -np.where(y == 1, np.log(probabilities), np.log(1 - probabilities))
    labelled = ~np.isnan(y)
    for class_weight, weights in [
        ({0: 0.5, 1: 4.0}, np.where(y == 1, 4.0, 0.5)),
        ({"b": {1: 3.0}}, np.where((y == 1) & [False, True], 3.0, 1.0)),
        ({0: {0: 2.0}, 1: {1: 3.0}}, np.where(y == [0, 1], [2.0, 3.0], 1.0)),
    ]:
        total = np.where(labelled, weights * entropy, 0).sum(-1)
        rows = labelled.any(-1)
        expected = (total[rows] / labelled.sum(-1)[rows]).mean()
        found = ClassWeights(model, {"tags": class_weight})({"tags": y})
        logs = model.evaluate(x, {"tags": y}, sample_weight=found, verbose=0, return_dict=True)
        np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)
    balanced = ClassWeights(model, {"tags": "balanced"})
    balanced.balance(iter([({"tags": y}, None)]))
    for label in range(2):
        column = y[labelled[:, label], label]
        expected = compute_class_weight("balanced", classes=np.arange(2), y=column)
        np.testing.assert_allclose(balanced.tables["tags"][label], expected, rtol=1e-6)


def test_weights_of_single_labels_in_metrics():
    """Weighted by element, and an element of weight 0 is missing."""
    random = np.random.default_rng(0)
    x = random.normal(size=(12, 4)).astype("float32")
    y = random.integers(0, 2, (12, 2))
    weights = random.choice([0, 1.0, 2.5], (12, 2)).astype("float32")
    model = multi_label()
    model.compile(
        "sgd",
        metrics={"tags": keras.metrics.BinaryAccuracy(name="plain")},
        weighted_metrics={"tags": keras.metrics.BinaryAccuracy(name="weighted")},
    )
    logs = model.evaluate(
        x, {"tags": y}, sample_weight={"tags": weights}, verbose=0, return_dict=True
    )
    right = (model.predict(x, verbose=0)["tags"] > 0.5) == y
    np.testing.assert_allclose(logs["plain"], right[weights != 0].mean(), rtol=1e-6)
    np.testing.assert_allclose(logs["weighted"], np.average(right, weights=weights), rtol=1e-6)


def test_one_hot_labels():
    model = network()
    model.compile("sgd", loss={**LOSSES, "kind": "categorical_crossentropy"})
    labels = np.eye(3, dtype="float32")[[0, 2, 1]]
    labels[1] = -1
    weights = ClassWeights(model, {"kind": {0: 2.0, 2: 5.0}})
    assert weights({"kind": labels})["kind"].tolist() == [2, 1, 1]


def test_loss_that_keras_chooses_by_the_shape_of_the_labels():
    """The loss "crossentropy" takes numbers and one-hot labels, and so do the class weights."""
    inputs = keras.Input((4,))
    model = MultiTaskModel(inputs, {"kind": keras.layers.Dense(3, "softmax", name="kind")(inputs)})
    model.compile("sgd", loss="crossentropy")
    weights = ClassWeights(model, {"kind": {0: 2.0, 2: 5.0}})
    numbers = np.array([0, -1, 2])
    one_hot = np.eye(3, dtype="float32")[[0, 1, 2]]
    one_hot[1] = -1
    assert weights({"kind": numbers})["kind"].tolist() == [2, 1, 5]
    assert weights({"kind": one_hot})["kind"].tolist() == [2, 1, 5]
    x = np.ones((3, 4), "float32")
    for y in (numbers, one_hot):
        model.compile("sgd", loss="crossentropy")  # Keras chooses at the first labels
        assert np.isfinite(model.fit(x, {"kind": y}, class_weight="balanced").history["loss"])


REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight"]
CLASS_LOSSES = [
    *(keras.losses.SparseCategoricalCrossentropy(reduction=each) for each in REDUCTIONS)
]
BINARY_LOSSES = [
    *(keras.losses.BinaryCrossentropy(reduction=each) for each in REDUCTIONS),
    keras.losses.BinaryFocalCrossentropy(),
]


def reduction(loss):
    return f"{loss.name}-{loss.reduction}"


@pytest.mark.parametrize("loss", [*CLASS_LOSSES, *BINARY_LOSSES], ids=reduction)
def test_loss_and_gradient_are_those_of_the_labelled_rows(loss):
    """With class and sample weights and missing labels, against Keras on the rows that are left."""
    task = "sold" if loss in BINARY_LOSSES else "kind"
    x, y, sample_weight = arrays(40)
    missing = np.arange(40) % 3 == 0
    holes = {task: np.where(missing, -1, y[task])}
    model, reference = network(), network()
    model.compile("sgd", loss={task: loss})
    weights = ClassWeights(model, {task: WEIGHTS[task]})(holes, {task: sample_weight[task]})
    by_class = by_hand(y, sample_weight)[task][~missing]
    with tf.GradientTape() as tape:
        value = model.compute_loss(x, holes, model(x), weights)
    gradient = tape.gradient(value, [each.value for each in model.trainable_variables[:2]])
    labels = y[task][~missing].reshape(-1, 1) if task == "sold" else y[task][~missing]
    with tf.GradientTape() as tape:
        expected = resolve_loss(loss)(labels, reference(x[~missing])[task], by_class)
    variables = [each.value for each in reference.trainable_variables[:2]]
    expected_gradient = tape.gradient(expected, variables)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    for found, right in zip(gradient, expected_gradient, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-6 * max(1, float(abs(expected))))


CLASSIFYING = [
    row
    for row in HEADS
    if row.cls in (heads.Classification, heads.BinaryClassification, heads.MultiLabel, heads.Head)
]


@pytest.mark.parametrize("row", CLASSIFYING, ids=lambda row: row.cls.__name__)
def test_heads_with_missing_labels_are_as_if_the_rows_were_dropped(row):
    random = np.random.default_rng(0)
    x = random.normal(size=(30, *row.features)).astype("float32")
    labels = row.labels(random, 30)
    kept = random.random(30) < 0.6
    models = []
    for rows in (slice(None), kept):
        keras.utils.set_random_seed(0)
        inputs = keras.Input(row.features)
        model = MultiTaskModel(inputs, {"task": row.make()(inputs)})
        model.compile(keras.optimizers.SGD(0.5), metrics=None, run_eagerly=True)
        y = {"task": row.with_missing(labels, ~kept)[rows]}
        model.fit(
            x[rows], y, class_weight={"task": {0: 0.5, 1: 2.0}}, batch_size=30, epochs=3, verbose=0
        )
        models.append(model)
    assert difference(*models) < 1e-6


WRONG = [
    ({"kinds": {0: 1.0}}, "Unknown task in `class_weight`: 'kinds'.*Did you mean 'kind'"),
    ({"price": {0: 1.0}}, "'price' has no classes to weigh"),
    ({"kind": {3: 1.0}}, "Unknown class in `class_weight` of task 'kind': 3. Expected 0 to 2"),
    ({"kind": {"cat": 1.0}}, "The head has no names; pass numbers, 0 to 2"),
    ({"kind": {0: "2"}}, "the weight of class 0 must be a number"),
    ({"kind": {0: -1.0}}, "the weight of class 0 must be 0 or more"),
    ({"kind": {0: np.nan}}, "the weight of class 0 must be 0 or more"),
    ({"kind": [1.0, 2.0, 3.0]}, "'kind': expected the class weights as {class: weight}"),
    ("balanced", "Expected `class_weight` as {task: {class: weight}}"),
]


@pytest.mark.parametrize(("class_weight", "message"), WRONG)
def test_mistakes_are_named(class_weight, message):
    x, y, _ = arrays(64)
    for data in ((x, y), (stream(x, y),)):
        with pytest.raises(ValueError, match=message):
            compiled().fit(*data, class_weight=class_weight, verbose=0)


def test_labels_that_are_all_labels_or_each_label():
    with pytest.raises(ValueError, match="several labels a row"):
        ClassWeights(multi_label(), {"tags": {"a": 2.0, "b": {1: 3.0}}})
    with pytest.raises(ValueError, match=r"Unknown label .*'c'"):
        ClassWeights(multi_label(), {"tags": {"c": {1: 3.0}}})


@pytest.mark.parametrize("aggregator", [None, "upgrad"], ids=["sum", "upgrad"])
def test_a_batch_without_labels_of_a_task(aggregator):
    x, y, _ = arrays(64)
    y["kind"] = np.full(64, -1)
    model = compiled(aggregator=aggregator)
    before = model.get_layer("kind_output").get_weights()
    model.fit(x, y, class_weight={"kind": "balanced", "sold": "balanced"}, verbose=0)
    assert all(map(np.array_equal, before, model.get_layer("kind_output").get_weights()))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
