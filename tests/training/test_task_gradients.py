"""Norms and cosines of the tasks' gradients as logs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, network
from tf_mtl import MultiTaskModel, weightings
from tf_mtl.training import TaskGradients, task_gradients

TASKS = ["kind", "sold", "price"]


def compiled(**arguments):
    model = network()
    model.compile(keras.optimizers.SGD(0.0), loss=dict(LOSSES), **arguments)
    return model


def by_hand(model, x, y):
    shared = model.get_layer("shared").trainable_variables
    rows = []
    for task in TASKS:
        with tf.GradientTape() as tape:
            losses = keras.losses.get(LOSSES[task])(y[task].reshape(len(x), -1), model(x)[task])
            loss = tf.reduce_mean(losses)
        parts = tape.gradient(loss, [variable.value for variable in shared])
        rows.append(np.concatenate([np.ravel(part) for part in parts]))
    return np.stack(rows)


def test_norms_and_cosines_of_a_batch():
    x, y, _ = arrays(48)
    model = compiled()
    rows = by_hand(model, x, y)
    tasks, norms, cosines = task_gradients(model, x, y)
    assert tasks == TASKS
    np.testing.assert_allclose(norms, np.linalg.norm(rows, axis=1), rtol=1e-5)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(cosines, units @ units.T, atol=1e-5)


@pytest.mark.parametrize("aggregator", ["upgrad", {"wrt": "features"}], ids=["exact", "features"])
def test_what_the_aggregator_computed_is_logged(aggregator):
    """One batch and a learning rate of 0: training sees what a batch of its own shows."""
    from tf_mtl import aggregators

    x, y, _ = arrays(48)
    if isinstance(aggregator, dict):
        aggregator = aggregators.UPGrad(**aggregator)
    model = compiled(aggregator=aggregator)
    logs = model.fit(x, y, batch_size=48, verbose=0, callbacks=[TaskGradients()]).history
    assert {f"{task}_gradient_norm" for task in TASKS} <= set(logs)
    assert {"kind_sold_cosine", "kind_price_cosine", "sold_price_cosine"} <= set(logs)
    if aggregator == "upgrad":
        again = compiled().fit(x, y, batch_size=48, verbose=0, callbacks=[TaskGradients((x, y))])
        for name in ("kind_gradient_norm", "kind_price_cosine"):
            assert logs[name][0] == pytest.approx(again.history[name][0], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    "weights",
    [{"kind": 10.0, "price": 0.5}, weightings.Constant([10.0, 1.0, 0.5])],
    ids=["fixed", "weighting"],
)
def test_the_gradients_of_a_batch_are_those_of_the_weighted_losses(weights):
    x, y, _ = arrays(48)
    plain, weighted = compiled(), compiled(loss_weights=weights)
    weighted.set_weights(plain.get_weights())
    _, norms, cosines = task_gradients(plain, x, y)
    _, found, same = task_gradients(weighted, x, y)
    np.testing.assert_allclose(found, norms * [10.0, 1.0, 0.5], rtol=1e-5)
    np.testing.assert_allclose(same, cosines, atol=1e-5)


def test_without_aggregator_a_batch_is_needed():
    x, y, _ = arrays(48)
    with pytest.raises(ValueError, match="Pass a batch"):
        compiled().fit(x, y, verbose=0, callbacks=[TaskGradients()])
    with pytest.raises(ValueError, match="Pass a batch"):
        compiled(aggregator="graddrop").fit(x, y, verbose=0, callbacks=[TaskGradients()])


def test_a_model_that_is_not_compiled_is_refused():
    x, y, _ = arrays(4)
    with pytest.raises(ValueError, match="MultiTaskModel that is compiled with losses"):
        task_gradients(network(), x, y)


def test_what_is_no_batch_is_refused_before_training():
    x, y, _ = arrays(16)
    model = compiled()
    before = model.get_weights()
    empty = tf.data.Dataset.from_tensor_slices((x, y)).take(0).batch(4)
    for data, received in ((x, "ndarray"), ((x, y["kind"]), "ndarray, ndarray"), (empty, "no")):
        with pytest.raises(ValueError, match=rf"a batch \(x, .*Received: {received}"):
            model.fit(x, y, verbose=0, callbacks=[TaskGradients(data)])
    np.testing.assert_equal(model.get_weights(), before)


def test_absent_tasks_have_no_gradient():
    x, y, _ = arrays(48)
    y["sold"][:] = -1
    _, norms, cosines = task_gradients(compiled(), x, y)
    assert norms[1] == 0.0
    assert cosines[0, 1] == 0.0


def test_cosines_of_one_name_are_refused_before_training():
    inputs = keras.Input((8,))
    shared = keras.layers.Dense(4)(inputs)
    tasks = ("a_b", "a", "c", "b_c")
    model = MultiTaskModel(inputs, {task: keras.layers.Dense(1)(shared) for task in tasks})
    model.compile("sgd", loss="mse")
    x, before = np.ones((4, 8)), model.get_weights()
    batch = (x, {task: np.ones(4) for task in tasks})
    with pytest.raises(ValueError, match=r"'a_b' and 'c' .* 'a' and 'b_c' .* 'a_b_c_cosine'"):
        model.fit(*batch, verbose=0, callbacks=[TaskGradients(batch)])
    np.testing.assert_equal(model.get_weights(), before)
