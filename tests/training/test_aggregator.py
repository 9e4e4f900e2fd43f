"""`compile(aggregator=...)`: the sum is Keras' step; every method trains, saves and resumes."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.descriptors import AGGREGATORS
from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import MultiTaskModel, aggregators
from tf_mtl.training.sharing import shared_variables

CLASSES = sorted({row.cls for row in AGGREGATORS}, key=lambda cls: cls.__name__)


def compiled(aggregator, **arguments):
    model = network()
    optimizer = arguments.pop("optimizer", None) or keras.optimizers.Adam(0.01)
    model.compile(optimizer, loss=dict(LOSSES), aggregator=aggregator, **arguments)
    return model


def holes(y):
    """The labels with some missing, and one task missing in the first half altogether."""
    rows = np.arange(len(y["kind"]))
    return {
        "kind": np.where(rows < len(rows) // 2, -1, y["kind"]),
        "sold": np.where(rows % 3 == 0, -1, y["sold"]),
        "price": np.where((rows % 5 == 0)[:, None], np.nan, y["price"]).astype("float32"),
    }


@pytest.mark.parametrize("missing", [False, True])
def test_the_sum_is_the_step_of_keras(missing):
    x, y, weights = arrays(96)
    y = holes(y) if missing else y
    models, histories = [], []
    for aggregator in (None, "sum"):
        model = compiled(aggregator, loss_weights={"price": 0.5})
        histories.append(
            model.fit(x, y, sample_weight=weights, verbose=0, epochs=2, shuffle=False).history
        )
        models.append(model)
    assert difference(*models) < 1e-6
    extra = {f"{task}_weight" for task in LOSSES}
    assert histories[0].keys() == histories[1].keys() - extra
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_method_trains_and_a_saved_run_goes_on(cls, tmp_path):
    x, y, _ = arrays(96)
    model = compiled(cls())
    losses = model.fit(x, holes(y), verbose=0, epochs=2, shuffle=False).history["loss"]
    assert np.isfinite(losses).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    pairs = zip(model.aggregator.variables, loaded.aggregator.variables, strict=True)
    for before, after in pairs:
        np.testing.assert_array_equal(before, after)
    for each in (model, loaded):
        each.fit(x, holes(y), verbose=0, shuffle=False)
    assert difference(model, loaded) == 0.0


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of the head without a loss
def test_a_task_without_labels_is_absent():
    """The other tasks get the step that they get in a model compiled without it."""
    x, y, _ = arrays(96)
    rest = {task: value for task, value in y.items() if task != "sold"}
    without = dict(LOSSES)
    del without["sold"]
    for labels in (rest, {**rest, "sold": np.full(96, -1)}):
        model, reference = compiled("upgrad"), network()
        reference.compile(keras.optimizers.Adam(0.01), loss=without, aggregator="upgrad")
        model.fit(x, labels, verbose=0, shuffle=False)
        reference.fit(x, rest, verbose=0, shuffle=False)
        assert difference(model, reference) < 1e-6


def test_float16_follows_float32():
    x, y, _ = arrays(96)
    moved = []
    for policy in ("float32", "mixed_float16"):
        previous = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            model = compiled("upgrad", optimizer=keras.optimizers.SGD(0.05))
            before = np.concatenate([weight.ravel() for weight in model.get_weights()])
            model.fit(x, y, verbose=0, epochs=2, shuffle=False)
            after = np.concatenate([weight.ravel() for weight in model.get_weights()])
        finally:
            keras.config.set_dtype_policy(previous)
        moved.append(after - before)
    assert np.linalg.norm(moved[0]) > 0.01
    assert np.linalg.norm(moved[1] - moved[0]) < 0.05 * np.linalg.norm(moved[0])


def test_shared_variables_are_found_from_the_graph():
    inputs = keras.Input((4,))
    bottom = keras.layers.Dense(3, name="bottom")(inputs)
    two = keras.layers.Dense(3, name="two")(bottom)
    outputs = {
        "a": keras.layers.Dense(1, name="a")(two),
        "b": keras.layers.Dense(1, name="b")(two),
        "c": keras.layers.Dense(1, name="c")(bottom),
    }
    found = {
        variable.path.split("/")[0]
        for variable in shared_variables(MultiTaskModel(inputs, outputs))
    }
    assert found == {"bottom", "two"}


def test_compiling_again_leaves_nothing_behind():
    x, y, _ = arrays(96)
    model = compiled("gradnorm")
    model.fit(x, y, verbose=0)
    count = len(model.variables)
    model.compile("sgd", loss=dict(LOSSES), aggregator=aggregators.PCGrad(order="fixed"))
    model.fit(x, y, verbose=0)
    model.compile("sgd", loss=dict(LOSSES))
    assert model.aggregator is None
    model.fit(x, y, verbose=0)
    assert len(model.variables) <= count


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="Did you mean"):
        compiled("upgrads")
    with pytest.raises(ValueError, match="groups='all'"):
        compiled(aggregators.UPGrad(wrt="features", groups="layer"))
    inputs = keras.Input((4,))
    model = MultiTaskModel(inputs, {t: keras.layers.Dense(1)(inputs) for t in ("a", "b")})
    with pytest.raises(ValueError, match="several tasks share"):
        model.compile("sgd", loss="mse", aggregator="sum")
    for arguments in ({}, {"loss": {"a": None}}):
        with pytest.raises(ValueError, match="no task has one"):
            model.compile("sgd", aggregator="sum", **arguments)
    with pytest.raises(ValueError, match="single tensor"):
        MultiTaskModel(inputs, keras.layers.Dense(1)(inputs)).compile(
            "sgd", "mse", aggregator="sum"
        )


@pytest.mark.parametrize(
    "method",
    [
        {"aggregator": "nashmtl"},
        {"aggregator": aggregators.UPGrad(wrt="features")},
        {"loss_weights": "excessmtl"},
    ],
    ids=str,
)
def test_a_single_task_follows_its_own_gradient(method, tmp_path):
    """So that one `build` makes the multi-task model and the single-task ones to compare with."""

    def trained(**arguments):
        keras.utils.set_random_seed(2)
        inputs = keras.Input((8,), name="x")
        features = keras.layers.Dense(4, name="shared")(inputs)
        model = MultiTaskModel(inputs, {"price": keras.layers.Dense(2, name="price")(features)})
        model.compile("adam", loss={"price": "mse"}, **arguments)
        x, y, _ = arrays(96)
        model.fit(x, {"price": y["price"]}, verbose=0)
        return model

    model = trained(**method)
    assert difference(model, trained()) == 0.0
    model.save(tmp_path / "one.keras")
    assert difference(keras.models.load_model(tmp_path / "one.keras"), model) == 0.0


class SumOfThoseGiven(keras.layers.Layer):
    def call(self, x, more=None):
        return x if more is None else x + more

    def compute_output_shape(self, x_shape, more_shape=None):
        return x_shape


@pytest.mark.parametrize("wrt", ["parameters", "features"])
def test_an_input_that_is_optional_may_be_none(wrt):
    inputs = {
        "more": keras.Input((8,), name="more", optional=True),
        "x": keras.Input((8,), name="x"),
    }
    total = SumOfThoseGiven()(inputs["x"], inputs["more"])
    features = keras.layers.Dense(4)(total)
    outputs = {task: keras.layers.Dense(1)(features) for task in ("a", "b")}
    model = MultiTaskModel(inputs, outputs)
    model.compile("sgd", dict.fromkeys(outputs, "mse"), aggregator=aggregators.Sum(wrt=wrt))
    x, y = np.ones((4, 8), "float32"), {task: np.ones((4, 1), "float32") for task in outputs}
    before = model.evaluate({"more": None, "x": x}, y, verbose=0, return_dict=True)["loss"]
    loss = model.fit({"more": None, "x": x}, y, verbose=0).history["loss"][0]
    np.testing.assert_allclose(loss, before, rtol=1e-6)


class OwnLoss(MultiTaskModel):
    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs) + 1.0


class OwnStep(MultiTaskModel):
    def train_step(self, data):
        x, y = data
        return self.compute_metrics(x, y, self(x, training=True))


class OwnLogs(MultiTaskModel):
    def train_step(self, data):
        return {**super().train_step(data), "more": 1.0}


@pytest.mark.parametrize(
    "method", [{"aggregator": "sum"}, {"loss_weights": "uncertainty"}], ids=str
)
def test_a_subclass_that_would_leave_out_the_method(method):
    x, y, _ = arrays(64)
    with pytest.raises(ValueError, match="OwnLoss defines compute_loss"):
        network(OwnLoss).compile("sgd", loss=dict(LOSSES), **method)
    model = network(OwnStep)
    model.compile("sgd", loss=dict(LOSSES), **method)
    with pytest.raises(ValueError, match=r"OwnStep was compiled with.* train_step"):
        model.fit(x, y, verbose=0)
    model = network(OwnLogs)
    model.compile("sgd", loss=dict(LOSSES), **method)
    assert model.fit(x, y, verbose=0).history["more"] == [1.0]


def tower():
    """Networks of one function have layers of equal names."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3, "tanh", name="fully_connected")(inputs))


class Encoder(keras.Model):
    """A functional model that does more than its graph says."""

    def __init__(self):
        inputs = keras.Input((4,))
        super().__init__(inputs, keras.layers.Dense(5, "tanh")(inputs))
        self.extra = keras.layers.Dense(3)
        self.extra.build((None, 5))

    def call(self, inputs, training=None, mask=None):
        return self.extra(super().call(inputs, training=training, mask=mask))


def two_tasks(body):
    inputs = keras.Input((4,))
    features = body(inputs)
    outputs = {task: keras.layers.Dense(1, name=task)(features) for task in "ab"}
    return MultiTaskModel(inputs, outputs)


def opposed(rows=16):
    x = np.random.default_rng(0).normal(size=(rows, 4)).astype("float32")
    target = x.sum(axis=1, keepdims=True)
    return x, {"a": target, "b": 0.3 - 3 * target}


def gradients_by_task(model, x, y):
    """`{variable: [gradients of the tasks]}` of plain Keras."""
    variables = model.trainable_variables
    found = []
    for task in "ab":
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x)[task] - y[task]))
        found.append(tape.gradient(loss, [each.value for each in variables]))
    return dict(zip(map(id, variables), zip(*found, strict=True), strict=True))


def step_of(model, aggregator, x, y):
    """What one step of gradient descent with rate 1 takes from each variable, and the logs."""
    model.compile(keras.optimizers.SGD(1.0), loss="mse", aggregator=aggregator)
    before = {id(each): each.numpy() for each in model.trainable_variables}
    logs = model.train_on_batch(x, y, return_dict=True)
    return {id(each): before[id(each)] - each.numpy() for each in model.trainable_variables}, logs


def test_layers_of_equal_names_are_groups_of_their_own():
    keras.utils.set_random_seed(0)
    towers = [tower(), tower()]
    model = two_tasks(lambda inputs: keras.layers.Concatenate()([each(inputs) for each in towers]))
    x, y = opposed()
    gradients = gradients_by_task(model, x, y)
    steps, _ = step_of(model, aggregators.UPGrad(groups="layer"), x, y)
    for each in towers:
        variables = each.trainable_variables
        rows = [
            np.concatenate([np.ravel(gradients[id(variable)][t]) for variable in variables])
            for t in range(2)
        ]
        expected = aggregators.UPGrad()(np.stack(rows))
        found = np.concatenate([np.ravel(steps[id(variable)]) for variable in variables])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_all_that_a_call_of_ones_own_uses_is_shared():
    encoder = Encoder()
    shared = shared_variables(two_tasks(encoder))
    # Keras 3.14 trains 2 of them, newer ones all 4.
    assert [id(each) for each in shared] == [id(each) for each in encoder.trainable_variables]


def test_the_weights_in_the_logs_are_those_of_the_step():
    """Nash-MTL's answer is shortened to a norm of 1 at most."""
    keras.utils.set_random_seed(0)
    model = two_tasks(tower())
    x, y = opposed()
    gradients = gradients_by_task(model, x, y)
    steps, logs = step_of(model, "nashmtl", x, y)
    kernel = shared_variables(model)[0]
    weights = [logs["a_weight"], logs["b_weight"]]
    expected = sum(w * g for w, g in zip(weights, gradients[id(kernel)], strict=True))
    np.testing.assert_allclose(steps[id(kernel)], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "aggregator", [aggregators.MoCo, lambda: aggregators.UPGrad(groups="layer")]
)
def test_a_method_with_a_memory_is_not_used_for_other_layers(aggregator):
    x, y = opposed()
    body = keras.Sequential([keras.layers.Dense(5, name="lower"), keras.layers.Dense(3)])
    model, method = two_tasks(body), aggregator()
    body.get_layer("lower").trainable = False
    step_of(model, method, x, y)
    body.get_layer("lower").trainable = True
    with pytest.raises(ValueError, match="built for other gradients"):
        step_of(model, method, x, y)


def test_weights_of_a_network_load_whatever_balanced_it(tmp_path):
    x, y = opposed()
    path = tmp_path / "model.weights.h5"
    for before, after in [(None, "upgrad"), ("moco", "pcgrad"), ("upgrad", None)]:
        saved, model = two_tasks(tower()), two_tasks(tower())
        step_of(saved, before, x, y)
        saved.save_weights(path)
        step_of(model, after, x, y)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            model.load_weights(path)
        assert any("starts anew" in str(each.message) for each in found) == (after is not None)
        np.testing.assert_array_equal(
            model.predict(x, verbose=0)["a"], saved.predict(x, verbose=0)["a"]
        )


def test_features_within_a_call_of_ones_own_are_not_found():
    class Doubled(MultiTaskModel):
        def call(self, inputs, training=None, mask=None):
            return super().call(inputs, training=training, mask=mask)

    plain = two_tasks(tower())
    model = Doubled(plain.inputs[0], plain.output)
    with pytest.raises(ValueError, match="Doubled has a `call` of its own"):
        step_of(model, aggregators.UPGrad(wrt="features"), *opposed())


def test_a_weighting_beside_a_method_without_weights_is_in_the_logs():
    model = two_tasks(tower())
    model.compile("sgd", loss="mse", loss_weights="uncertainty", aggregator="graddrop")
    logs = model.train_on_batch(*opposed(), return_dict=True)
    assert {"a_weight", "b_weight"} <= set(logs)
