"""Gradients at the features as products: what rows give, on whatever the heads begin with."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import difference
from tf_mtl import MultiTaskModel, aggregators
from tf_mtl.training.feature_gradients import (
    FeatureProducts,
    FeatureRows,
    feature_gradients,
    linear_uses,
)

BATCH, DEPTH = 24, 64
RANDOM = np.random.default_rng(0)


def numpy_gradients(left, right, tasks):
    """The tasks' gradients `[T, B, d]` in float64."""
    gradients = np.zeros((tasks, BATCH, DEPTH))
    for (task, gradient), matrix in zip(left, right, strict=True):
        gradients[task] += gradient.astype("float64") @ matrix.astype("float64").T
    return gradients


def products(left, right, tasks, dtype="float32"):
    found = [[None] * len(right) for _ in range(tasks)]
    for i, (task, gradient) in enumerate(left):
        found[task][i] = tf.constant(gradient, dtype)
    matrices = [tf.constant(matrix, dtype) for matrix in right]
    return FeatureProducts(tf.zeros([BATCH, DEPTH], dtype), matrices, found)


def sampled(widths, scale=1.0, owners=None):
    owners = range(len(widths)) if owners is None else owners
    left = [
        (task, (scale * RANDOM.normal(size=(BATCH, n))).astype("float32"))
        for task, n in zip(owners, widths, strict=True)
    ]
    return left, [RANDOM.normal(size=(DEPTH, n)).astype("float32") for n in widths]


def assert_exact(left, right, tasks, tolerance=1e-6):
    ours, gradients = products(left, right, tasks), numpy_gradients(left, right, tasks)
    rows = gradients.reshape(tasks, -1)
    expected, norms = rows @ rows.T, np.linalg.norm(rows, axis=1)
    scale = np.where(norms == 0.0, 1.0, norms)
    error = np.abs(ours.gramian.numpy() - expected) / scale[:, None] / scale[None, :]
    assert error.max() < tolerance
    assert ours.precision is None or error.max() < ours.precision
    weights = RANDOM.uniform(size=tasks)
    total = np.einsum("t,tbd->bd", weights, gradients)
    found = ours.combine(tf.constant(weights)).numpy()
    assert np.linalg.norm(found - total) <= 1e-6 * np.linalg.norm(total)


@pytest.mark.parametrize("scale", [1e-28, 1e-8, 1.0, 1e8, 1e17])
@pytest.mark.parametrize("widths", [[3, 1, 2], [10] * 16, [1] * 200], ids=len)
def test_inner_products_and_sums_are_those_of_the_rows(widths, scale):
    assert_exact(*sampled(widths, scale), len(widths))


def test_a_task_may_use_several_products_and_another_none():
    left, right = sampled([40, 50, 60], owners=[0, 2, 0])
    assert_exact(left, right, 3)
    assert np.all(products(left, right, 3).gramian.numpy()[1] == 0.0)


def test_norms_may_differ_by_much():
    left, right = sampled([50, 50, 50])
    left = [(task, gradient * np.float32(10.0 ** (3 * task - 3))) for task, gradient in left]
    assert_exact(left, right, 3)


def test_what_all_columns_have_in_common_does_not_drown_the_rest():
    """Gradients of a softmax sum to 0, so that a common offset of the columns has no effect."""
    left, right = sampled([50, 50, 50])
    left = [(task, each - each.mean(axis=1, keepdims=True)) for task, each in left]
    right = [each + np.float32(1000.0) for each in right]
    ours, gradients = products(left, right, 3), numpy_gradients(left, right, 3)
    rows = gradients.reshape(3, -1)
    np.testing.assert_allclose(ours.gramian.numpy(), rows @ rows.T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("widths", [[3] * 20, [50] * 6], ids=["few", "many"])
def test_what_cancels_altogether_is_absent(widths):
    """Equal columns under a softmax: the squared norm is rounding, of either sign."""
    left, _ = sampled(widths)
    left = [(task, each - each.mean(axis=1, keepdims=True)) for task, each in left]
    left[0] = (0, np.ones_like(left[0][1]))
    right = [np.full((DEPTH, n), 0.7, "float32") for n in widths]
    norms = np.diag(products(left, right, len(widths)).gramian.numpy())
    assert norms[0] > 0.0
    assert np.all(norms[1:] == 0.0)


@pytest.mark.parametrize("widths", [[1] * 3, [50] * 3], ids=["few", "many"])
def test_an_overflow_is_not_taken_for_absence(widths):
    left, right = sampled(widths)
    left[1][1][0, 0] = np.inf
    norms = np.diag(products(left, right, 3).gramian.numpy())
    assert not np.isfinite(norms[1])


def test_without_any_gradient():
    none = products([], [], 2)
    assert np.all(none.gramian.numpy() == 0.0)
    assert none.combine(tf.ones(2)).shape == (BATCH, DEPTH)


def uses_in_a_graph(use, tasks=4):
    """The types and number of the linear uses of a feature."""
    counted = []

    @tf.function
    def traced(feature):
        feature = tf.identity(feature)
        outputs = use(feature)
        counted.append(len(linear_uses(feature, tasks)))
        return outputs

    traced(tf.ones((BATCH, DEPTH)))
    return counted[0]


def test_which_uses_count():
    def heads(**options):
        return [keras.layers.Dense(1, **options) for _ in range(4)]

    def each(layers):
        return lambda feature: [layer(feature, training=True) for layer in layers]

    assert uses_in_a_graph(each(heads())) == 4
    assert uses_in_a_graph(each(heads(activation="sigmoid", use_bias=False))) == 4
    assert uses_in_a_graph(each(heads(dtype="mixed_float16"))) == 4
    assert uses_in_a_graph(each([*heads(), keras.layers.Dropout(0.5)])) == 0
    assert uses_in_a_graph(each([*heads(), keras.layers.Dense(100)])) == 0  # rows are cheaper
    assert uses_in_a_graph(lambda feature: tf.matmul(feature, feature, transpose_b=True)) == 0
    assert uses_in_a_graph(lambda feature: tf.matmul(feature, feature, transpose_a=True)) == 0
    assert uses_in_a_graph(lambda feature: []) == 0
    assert linear_uses(tf.ones((BATCH, DEPTH)), 4) == []


def test_the_square_of_a_feature_is_not_linear():
    """A static batch of as many rows as the feature is wide, with more tasks than these."""

    @tf.function
    def uses_of_square(feature):
        tf.matmul(feature, feature)
        return len(linear_uses(feature, tasks=99))

    assert uses_of_square(tf.ones((16, 16))) == 0


def test_without_linear_uses_rows_are_taken():
    feature = tf.ones((BATCH, DEPTH))
    assert isinstance(feature_gradients(feature, [], [[feature], [None]]), FeatureRows)


def model(features=1, dtype="float32"):
    """Heads with softmax, sigmoid and several values on wide features, and one that reads two."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), name="x")
    wide = [keras.layers.Dense(400, "tanh", dtype=dtype)(inputs) for _ in range(features)]
    return MultiTaskModel(
        inputs,
        {
            "kind": keras.layers.Dense(3, "softmax", dtype="float32")(wide[0]),
            "sold": keras.layers.Dense(1, "sigmoid", dtype="float32")(wide[-1]),
            "price": keras.layers.Dense(2, dtype="float32")(wide[0]),
            "both": keras.layers.Add()(
                [keras.layers.Dense(1, dtype="float32")(each) for each in wide]
            ),
            "again": keras.layers.Dense(1, dtype="float32")(wide[-1]),
        },
    )


LOSSES = {
    "kind": "sparse_categorical_crossentropy",
    "sold": "binary_crossentropy",
    "price": "mse",
    "both": "mse",
    "again": "mse",
}


def data(rows=64):
    x = RANDOM.normal(size=(rows, 8)).astype("float32")
    y = {
        "kind": RANDOM.integers(0, 3, rows),
        "sold": RANDOM.integers(0, 2, (rows, 1)).astype("float32"),
        "price": RANDOM.normal(size=(rows, 2)).astype("float32"),
        "both": RANDOM.normal(size=(rows, 1)).astype("float32"),
        "again": RANDOM.normal(size=(rows, 1)).astype("float32"),
    }
    y["kind"][::3] = -1
    y["again"][:] = np.nan  # without any label: absent
    return x, y


@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize("method", ["upgrad", "mgda", "pcgrad", "nash_mtl"])
def test_a_graph_takes_the_steps_that_an_eager_step_takes_with_rows(method, features):
    x, y = data()
    models = []
    for eager in (False, True):
        made = model(features)
        aggregator = type(aggregators.get(method))(wrt="features")
        made.compile("sgd", LOSSES, aggregator=aggregator, run_eagerly=eager, jit_compile=False)
        made.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
        models.append(made)
    assert difference(*models) < 2e-6


def test_the_loss_scale_of_float16_leaves_the_gramian():
    x, y = data()
    weights = []
    for dtype in ("float32", "mixed_float16"):
        made = model(dtype=dtype)
        optimizer = keras.optimizers.SGD(0.01)
        if dtype == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        made.compile(optimizer, LOSSES, aggregator=aggregators.UPGrad(wrt="features"))
        made.train_on_batch(x, y)
        logs = made.train_on_batch(x, y, return_dict=True)
        weights.append([logs[f"{task}_weight"] for task in ("kind", "sold", "price", "both")])
    np.testing.assert_allclose(weights[1], weights[0], rtol=0.02)
