"""`wrt="features"`: the graph is cut at what the tasks share, in any functional model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import MultiTaskModel, aggregators
from tf_mtl.training.features import FeatureCut
from tf_mtl.training.sharing import shared_variables

TASKS = ("kind", "sold", "price")


def heads(features):
    """Three heads, each on its own tensor."""
    return {
        "kind": keras.layers.Dense(3, activation="softmax", name="kind")(features[0]),
        "sold": keras.layers.Dense(1, activation="sigmoid", name="sold")(features[1]),
        "price": keras.layers.Dense(2, name="price")(features[2]),
    }


def experts():
    """MMoE by hand: two experts that all tasks mix with gates of their own."""
    inputs = keras.Input((8,), name="x")
    outputs = [keras.layers.Dense(6, activation="relu", name=f"expert_{i}")(inputs) for i in (0, 1)]
    stack = keras.layers.Concatenate(name="stack")(outputs)
    mixed = []
    for task in TASKS:
        gate = keras.layers.Dense(12, activation="softmax", name=f"gate_{task}")(inputs)
        mixed.append(keras.layers.Multiply(name=f"mix_{task}")([stack, gate]))
    return MultiTaskModel(inputs, heads(mixed))


def several():
    """Two shared tensors of different depth, one with a mask; one head uses a shared layer too."""
    inputs = keras.Input((8,), name="x")
    first = keras.layers.Dense(5, activation="relu", name="first")(inputs)
    second = keras.layers.Dense(5, activation="relu", name="second")(first)
    again = keras.layers.Dense(5, activation="tanh", name="again")
    both = keras.layers.Concatenate(name="both")([first, second])
    return MultiTaskModel(inputs, heads([both, again(second), again(first)]))


def nested():
    """The whole trunk is a model, as a backbone is."""
    inputs = keras.Input((8,), name="x")
    inner = keras.Input((8,))
    hidden = keras.layers.Dense(6, activation="relu", name="inner")(inner)
    features = keras.Model(inner, hidden, name="backbone")(inputs)
    return MultiTaskModel(inputs, heads([features] * 3))


def behaving_differently():
    """Layers that do something else in training, in the trunk and in a head."""
    inputs = keras.Input((8,), name="x")
    hidden = keras.layers.GaussianNoise(0.5, seed=1)(keras.layers.Dense(6, name="first")(inputs))
    hidden = keras.layers.Dropout(0.5, seed=2)(keras.layers.Dense(6, name="second")(hidden))
    hidden = keras.layers.BatchNormalization(name="norm")(hidden)
    dropped = keras.layers.Dropout(0.5, seed=3)(hidden)
    return MultiTaskModel(inputs, heads([hidden, dropped, hidden]))


MODELS = [network, experts, several, nested, behaving_differently]


def seeded(make):
    keras.utils.set_random_seed(3)
    return make()


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("missing", [False, True])
def test_the_sum_at_the_features_is_the_step_of_keras(make, missing):
    x, y, _ = arrays(96)
    if missing:
        y["kind"][::2] = -1
        y["sold"][:40] = -1
    models = []
    for aggregator in (None, aggregators.Sum(wrt="features")):
        model = seeded(make)
        model.compile(keras.optimizers.Adam(0.01), loss=dict(LOSSES), aggregator=aggregator)
        model.fit(x, y, epochs=2, verbose=0, shuffle=False)
        models.append(model)
    assert difference(*models) < 1e-6


def test_features_of_experts():
    names = {
        tensor._keras_history.operation.name for tensor in FeatureCut(experts(), TASKS).features
    }
    assert names == {"stack"}
    shared = {variable.path.split("/")[0] for variable in shared_variables(experts())}
    assert shared == {"expert_0", "expert_1"}


def test_features_of_several_tensors():
    names = {
        tensor._keras_history.operation.name for tensor in FeatureCut(several(), TASKS).features
    }
    assert names == {"first", "second"}


def test_weights_are_those_of_the_gramian_at_the_features():
    """By hand: T gradients at the features, their Gramian, and the method's weights."""
    x, y, _ = arrays(32)
    model = seeded(network)
    method = aggregators.MGDA(wrt="features")
    model.compile(keras.optimizers.SGD(0.1), loss=dict(LOSSES), aggregator=method)
    lower = keras.Model(model.input, model.get_layer("shared").output)
    features = lower(x)
    rows = []
    for task in TASKS:
        with tf.GradientTape() as tape:
            tape.watch(features)
            output = model.get_layer(f"{task}_output")(features)
            loss = keras.losses.get(LOSSES[task])(y[task].reshape(len(x), -1), output)
            loss = tf.reduce_mean(loss)
        rows.append(tf.reshape(tape.gradient(loss, features), [-1]))
    expected = aggregators.MGDA()(tf.stack(rows))
    gramian = tf.stack(rows) @ tf.transpose(tf.stack(rows))
    weights = np.asarray(aggregators.MGDA().weights(gramian))
    logs = model.train_on_batch(x, y, return_dict=True)
    found = [logs[f"{task}_weight"] for task in TASKS]
    np.testing.assert_allclose(found, weights, rtol=1e-4, atol=1e-6)
    assert expected.shape == (32 * 16,)


def test_one_trunk_backward_is_taken():
    """The graph of a step does not differentiate the trunk more often with more tasks."""

    def matmuls(number):
        inputs = keras.Input((8,))
        features = inputs
        for _ in range(5):
            features = keras.layers.Dense(8)(features)
        outputs = {f"t{i}": keras.layers.Dense(1)(features) for i in range(number)}
        model = MultiTaskModel(inputs, outputs)
        model.compile("sgd", loss="mse", aggregator=aggregators.Mean(wrt="features"))
        y = {f"t{i}": tf.zeros((4, 1)) for i in range(number)}

        @tf.function
        def step(x):
            return model.train_step((x, y))

        graph = step.get_concrete_function(tf.zeros((4, 8))).graph
        return sum(op.type == "MatMul" for op in graph.get_operations())

    # Each head has one product forward and two backward; the trunk's do not grow.
    assert matmuls(6) - matmuls(4) == matmuls(4) - matmuls(2) <= 2 * 3 + 2


@pytest.mark.filterwarnings("ignore:.*structure of `inputs`")
def test_regularization_counts_once_and_reaches_the_trunk():
    x, y, _ = arrays(64)
    models = []
    for aggregator in (None, aggregators.Sum(wrt="features"), "sum"):
        keras.utils.set_random_seed(5)
        inputs = keras.Input((8,), name="x")
        features = keras.layers.Dense(
            6, name="shared", kernel_regularizer="l2", activity_regularizer="l1"
        )(inputs)
        top = keras.layers.Dense(6, name="top", activity_regularizer="l2")(features)
        model = MultiTaskModel(inputs, heads([top, features, features]))
        model.compile(keras.optimizers.SGD(0.1), loss=dict(LOSSES), aggregator=aggregator)
        model.fit(x, y, verbose=0, shuffle=False)
        models.append(model)
    assert difference(models[0], models[1]) < 1e-6
    assert difference(models[0], models[2]) < 1e-6


def test_masks_pass_the_cut():
    tokens = np.array([[1, 2, 0], [3, 0, 0], [2, 2, 1], [1, 0, 0]] * 8)
    y = {"a": np.ones((32, 3, 1), "float32"), "b": np.zeros((32, 1), "float32")}
    models = []
    for aggregator in (None, aggregators.Sum(wrt="features")):
        keras.utils.set_random_seed(5)
        inputs = keras.Input((3,), dtype="int32")
        words = keras.layers.Embedding(5, 4, mask_zero=True, name="words")(inputs)
        steps = keras.layers.GRU(4, return_sequences=True, name="steps")(words)
        outputs = {
            "a": keras.layers.Dense(1, name="a")(steps),
            "b": keras.layers.Dense(1, name="b")(keras.layers.LSTM(3, name="last")(steps)),
        }
        model = MultiTaskModel(inputs, outputs)
        model.compile(keras.optimizers.SGD(0.1), loss="mse", aggregator=aggregator)
        model.fit(tokens, y, verbose=0, shuffle=False)
        models.append(model)
    assert difference(*models) < 1e-6


def test_nothing_shared_is_an_error():
    inputs = keras.Input((4,))
    layer = keras.layers.Dense(3)
    one, two = keras.layers.Dense(4)(inputs), keras.layers.Dense(4)(inputs)
    outputs = {
        "a": keras.layers.Dense(1)(layer(one)),
        "b": keras.layers.Dense(1)(layer(two)),
    }
    with pytest.raises(ValueError, match="wrt='parameters'"):
        MultiTaskModel(inputs, outputs).compile(
            "sgd", loss="mse", aggregator=aggregators.UPGrad(wrt="features")
        )
