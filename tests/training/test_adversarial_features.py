"""An adversary at the shared features: the formula, and every other part of `compile` with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.replicas import printed_by
from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import MultiTaskModel, aggregators, build_model, heads, trunks
from tf_mtl.training import AdversarialFeatures, remove_head

TASKS = ("kind", "sold", "price")


def trained(steps=3, y=None, optimizer=None, **compiling):
    x, labels, _ = arrays(64)
    model = network()
    compiling = {"loss": dict(LOSSES), "adversary": AdversarialFeatures(0.3, 0.5), **compiling}
    model.compile(optimizer or keras.optimizers.SGD(0.1), **compiling)
    model.fit(x, y or labels, epochs=steps, batch_size=64, shuffle=False, verbose=0)
    return model


def by_hand(model, x, y, epsilon, weight, fixed):
    """Returns the losses at h and at h + r, and the gradients of all variables, in NumPy terms."""
    shared = model.get_layer("shared")

    def losses(features):
        total = 0.0
        for task in TASKS:
            loss = keras.losses.get(LOSSES[task])
            values = loss(y[task].reshape(len(x), -1), model.get_layer(f"{task}_output")(features))
            total += fixed.get(task, 1.0) * tf.reduce_mean(values)
        return total

    features = tf.constant(shared(x))
    with tf.GradientTape() as tape:
        tape.watch(features)
        clean = losses(features)
    gradient = tape.gradient(clean, features).numpy()
    direction = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
    shift = epsilon * np.linalg.norm(features, axis=1, keepdims=True) * direction
    with tf.GradientTape() as tape:
        features = shared(x)
        shifted = losses(features + shift)
        total = losses(features) + weight * shifted
    return clean, shifted, tape.gradient(total, [v.value for v in model.trainable_variables])


@pytest.mark.parametrize("fixed", [{}, {"kind": 3.0, "price": 0.2}])
def test_a_step_is_the_formula(fixed):
    x, y, _ = arrays(64)
    model = network()
    clean, shifted, gradients = by_hand(model, x, y, 0.3, 0.5, fixed)
    assert shifted > clean
    expected = [w - 0.1 * g for w, g in zip(model.get_weights(), gradients, strict=True)]
    adversary = AdversarialFeatures(0.3, 0.5)
    model.compile(
        keras.optimizers.SGD(0.1), dict(LOSSES), loss_weights=fixed or None, adversary=adversary
    )
    logs = model.train_on_batch(x, y, return_dict=True)
    for found, value in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logs["loss"], clean + 0.5 * shifted, rtol=1e-5)
    plain = sum(fixed.get(task, 1.0) * logs[f"{task}_loss"] for task in TASKS)
    np.testing.assert_allclose(plain, clean, rtol=1e-5)  # displayed losses are those of h
    assert not any(name.endswith("_weight") for name in logs)


@pytest.mark.parametrize("aggregator", ["sum", aggregators.Sum(wrt="features")])
@pytest.mark.parametrize("missing", [False, True])
def test_a_sum_takes_the_same_step(aggregator, missing):
    y = arrays(64)[1]
    if missing:
        y["kind"][::2] = -1
        y["sold"][:40] = -1
    assert difference(trained(y=y), trained(y=y, aggregator=aggregator)) < 1e-6


@pytest.mark.parametrize("balancing", [
    {"loss_weights": "uncertainty"},
    {"loss_weights": "excess_mtl"},
    {"aggregator": "upgrad"},
    {"aggregator": aggregators.CAGrad(every=2)},
    {"loss_weights": "famo", "aggregator": aggregators.UPGrad(wrt="features")},
])  # fmt: skip
def test_balanced_with_an_adversary(balancing):
    model, start = trained(**balancing), network()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert difference(model, start) > 1e-3
    x, y, _ = arrays(64)
    assert "kind_weight" in model.train_on_batch(x, y, return_dict=True)


def test_missing_labels_move_nothing():
    """What a row without labels has as inputs does not matter, nor does a task without labels."""
    x, y, _ = arrays(64)
    x[:20] *= 5
    for task, missing in (("kind", -1), ("sold", -1), ("price", np.nan)):
        y[task][:20] = missing
    models = []
    for rows in (slice(0, 64), slice(20, 64)):
        model = network()
        model.compile(
            keras.optimizers.SGD(0.1), dict(LOSSES), adversary=AdversarialFeatures(0.3, 0.5)
        )
        model.train_on_batch(x[rows], {task: values[rows] for task, values in y.items()})
        models.append(model)
    assert difference(*models) < 1e-6
    before = network().get_layer("sold_output").get_weights()[0]
    absent = trained(y={task: y[task] for task in ("kind", "price")})
    np.testing.assert_array_equal(absent.get_layer("sold_output").get_weights()[0], before)


def test_it_is_saved_and_goes_on(tmp_path):
    x, y, _ = arrays(64)
    model = trained(optimizer=keras.optimizers.Adam(0.01))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.adversary.get_config() == {"epsilon": 0.3, "weight": 0.5}
    for each in (model, loaded):
        each.fit(x, y, verbose=0, shuffle=False)
    assert difference(model, loaded) < 1e-6
    assert remove_head(model, "kind").adversary is not None
    model.compile("sgd", dict(LOSSES))
    assert model.adversary is None


def test_xla_takes_the_same_step():
    assert difference(trained(jit_compile=False), trained(jit_compile=True)) < 1e-5


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = network()
        x, y, _ = arrays(64)
        model.compile(keras.optimizers.SGD(0.1), dict(LOSSES), adversary=AdversarialFeatures(0.3))
        logs = [model.train_on_batch(x, y, return_dict=True) for _ in range(6)]
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(np.isfinite(each["loss"]) for each in logs)
    assert difference(model, network()) > 1e-3


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_the_length_of_a_shift_is_relative(scale):
    random = np.random.default_rng(0)
    features = tf.constant(random.normal(size=(4, 3, 5)), "float32")
    gradients = random.normal(size=(4, 3, 5)).astype("float32")
    gradients[1] = 0
    adversary = AdversarialFeatures(0.2)
    (plain,) = adversary.shifts([features], [tf.constant(gradients)])
    lengths = np.linalg.norm(np.reshape(plain, (4, -1)), axis=1)
    expected = 0.2 * np.linalg.norm(np.reshape(features, (4, -1)), axis=1) * [1, 0, 1, 1]
    np.testing.assert_allclose(lengths, expected, rtol=1e-5)
    (scaled,) = adversary.shifts([features], [tf.constant(gradients * np.float32(scale))])
    np.testing.assert_allclose(scaled, plain, rtol=1e-4, atol=1e-7)
    (huge,) = adversary.shifts([features], [tf.constant(np.full_like(gradients, np.inf))])
    assert np.isfinite(huge).all()


def test_padding_is_not_shifted():
    """What stands behind the end of a text changes nothing."""
    texts = tf.constant(["play a song", "stop", "what is this", "a song"])
    y = {"intent": np.array([0, 1, 2, 0]), "short": np.array([0, 1, 0, 1])}
    results = []
    for more in ([], ["one two three four five six"]):
        keras.utils.set_random_seed(0)
        model = build_model(
            keras.Input((), dtype="string", name="text"),
            trunks.TextEncoder.for_texts(
                texts, units=[8], characters=0, dropout=0.0, unknown_rate=0.0
            ),
            {"intent": heads.Classification(3), "short": heads.BinaryClassification()},
        )
        model.compile(keras.optimizers.SGD(0.1), adversary=AdversarialFeatures(0.3))
        missing = {task: np.append(values, [-1] * len(more)) for task, values in y.items()}
        model.train_on_batch(tf.concat([texts, more], 0) if more else texts, missing)
        results.append(model)
    assert difference(*results) < 1e-6


def separate():
    inputs = keras.Input((4,))
    return MultiTaskModel(inputs, {task: keras.layers.Dense(1)(inputs) for task in ("a", "b")})


def single():
    inputs = keras.Input((4,))
    return MultiTaskModel(inputs, keras.layers.Dense(1)(inputs))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdversarialFeatures(epsilon=0), "adversary=None"),
        (lambda: AdversarialFeatures(weight=-1.0), "above 0"),
        (lambda: AdversarialFeatures("0.1"), "above 0. Received: epsilon='0.1'"),
        (lambda: network().compile("sgd", dict(LOSSES), adversary=0.1), "AdversarialFeatures"),
        (
            lambda: separate().compile("sgd", "mse", adversary=AdversarialFeatures()),
            "An adversary needs features .* adversary=None",
        ),
        (
            lambda: single().compile("sgd", "mse", adversary=AdversarialFeatures()),
            "several tasks",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


REPLICAS = """
import keras
import tensorflow as tf
from tests.replicas import strategies
from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import aggregators
from tf_mtl.training import AdversarialFeatures

def run(strategy, **balancing):
    x, y, _ = arrays(64)
    y["kind"][:12] = -1  # missing on the first replica only
    with strategy.scope():
        model = network()
        model.compile(
            keras.optimizers.SGD(0.1), dict(LOSSES), adversary=AdversarialFeatures(0.3), **balancing
        )
        model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(32).repeat(5), verbose=0)
        return model

one, two = strategies(2)
for name, balancing in {
    "sum": {},
    "weighting": {"loss_weights": "uncertainty"},
    "parameters": {"aggregator": "upgrad"},
    "features": {"aggregator": aggregators.UPGrad(wrt="features")},
}.items():
    print(name, difference(run(one, **balancing), run(two, **balancing)))
"""


@pytest.mark.slow
def test_two_replicas_take_the_step_of_one():
    found = printed_by(REPLICAS)
    assert len(found) == 4
    assert {name: value for name, value in found.items() if not value < 1e-5} == {}


def test_choices_behind_the_features_count_a_step_once():
    """Those of the last level run again on the shifted features."""
    model = build_model(
        keras.Input((4,)),
        trunks.LTB([5, 5, 5], steps=10),
        {task: heads.Regression() for task in ("a", "b")},
    )
    model.compile("sgd", adversary=AdversarialFeatures(0.1))
    x = np.ones((12, 4), "float32")
    model.fit(x, {"a": x[:, 0], "b": x[:, 1]}, batch_size=4, verbose=0)
    choices = [layer for layer in model.layers if "parent" in layer.name]
    assert {int(layer.step) for layer in choices} == {3}
    assert len(choices) == 4
