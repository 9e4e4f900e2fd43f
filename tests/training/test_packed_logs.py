"""Logs of many tasks: packed on the way out of a step, and the same as Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import MultiTaskModel, aggregators
from tf_mtl.training import packed_logs
from tf_mtl.training.packed_logs import pack, unpack

FEW = 4
TASKS = [f"task_{number}" for number in range(FEW + 6)]


@pytest.fixture(autouse=True)
def _packed_early(monkeypatch):
    """Tracing a step of 70 tasks takes ten seconds, and packing is the same for any number."""
    monkeypatch.setattr(packed_logs, "FEW", FEW)


def trained(model_class, run_eagerly=False, steps_per_execution=1, **options):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), name="x")
    features = keras.layers.Dense(5, activation="tanh")(inputs)
    model = model_class(inputs, {task: keras.layers.Dense(1)(features) for task in TASKS})
    model.compile(
        keras.optimizers.SGD(0.1),
        loss=dict.fromkeys(TASKS, "mse"),
        run_eagerly=run_eagerly,
        steps_per_execution=steps_per_execution,
        **options,
    )
    random = np.random.default_rng(0)
    x = random.normal(size=(24, 4)).astype("float32")
    y = {task: random.normal(size=(24, 1)).astype("float32") for task in TASKS}
    history = model.fit(
        x, y, batch_size=8, epochs=2, validation_data=(x, y), verbose=0, shuffle=False
    )
    return model, history.history, model.train_on_batch(x, y, return_dict=True)


@pytest.mark.parametrize(
    "options", [{}, {"steps_per_execution": 2}, {"run_eagerly": True}], ids=str
)
def test_logs_are_those_of_keras(options):
    _, plain, plain_step = trained(keras.Model, **options)
    _, ours, step = trained(MultiTaskModel, **options)
    assert list(ours) == list(plain)
    for name, values in plain.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-5)
    assert list(step) == list(plain_step)


def test_keras_makes_the_function_of_a_step_where_logs_are_packed():
    model, _, _ = trained(MultiTaskModel)
    made = keras.Model._make_function(model, model.train_step)  # fails when Keras renames it
    data = next(iter(tf.data.Dataset.from_tensors((np.ones((8, 4), "float32"), {}))))
    logs = {task: tf.ones([]) for task in TASKS}
    assert callable(made)
    seen = []
    function = model._make_function(lambda batch: seen.append(batch) or logs)
    assert list(function(iter([data]))) == TASKS
    assert seen


def test_logs_of_an_aggregator():
    model, history, _ = trained(MultiTaskModel, aggregator=aggregators.Mean())
    assert {f"{task}_weight" for task in TASKS} <= set(history)
    labels = {TASKS[0]: np.ones((8, 1), "float32")}
    batch = next(iter(tf.data.Dataset.from_tensors((np.ones((8, 4), "float32"), labels))))
    assert set(model.train_step(batch)) >= {"loss"}  # steps themselves return plain logs


def test_only_numbers_are_packed_and_the_order_stays():
    logs = {f"log_{number}": tf.constant(float(number)) for number in range(FEW + 1)}
    logs = {"vector": tf.ones(2), **logs, "count": tf.constant(3), "nested": {"a": tf.ones([])}}
    packed = pack(logs)
    assert len(packed) == 4
    assert list(unpack(packed)) == list(logs)
    keras.tree.map_structure(np.testing.assert_array_equal, unpack(packed), logs)
    few = dict(list(logs.items())[:FEW])
    assert pack(few) is few
    assert unpack(few) is few
