"""Single-task baselines are what training each task alone would give."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_mtl as mtl
from tf_mtl.evaluation import per_task, single_task_baselines

HEADS = {
    "sum": mtl.heads.Regression,
    "sign": mtl.heads.BinaryClassification,
    "bucket": lambda: mtl.heads.Classification(3),
}


def build(tasks):
    model = mtl.build_model(
        keras.Input((4,)), mtl.trunks.MLP([8]), {task: HEADS[task]() for task in tasks}
    )
    model.compile(keras.optimizers.SGD(0.1))
    return model


@pytest.fixture
def data():
    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    total = x.sum(1)
    y = {
        "sum": total,
        "sign": (total > 0).astype("int32"),
        "bucket": np.digitize(total, [-1, 1]).astype("int32"),
    }
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(8)


def test_the_same_as_by_hand(data):
    found = single_task_baselines(build, data, data, data, tasks=list(HEADS), epochs=2, seed=3)
    assert list(found) == list(HEADS)
    keras.utils.set_random_seed(3)
    model = build(["sign"])
    alone = data.map(lambda x, y: (x, {"sign": y["sign"]}))
    model.fit(alone, epochs=2, verbose=0)
    results = model.evaluate(alone, verbose=0, return_dict=True)
    assert found["sign"] == per_task(results, model)["sign"]
    assert set(found["sign"]) == {"loss", "accuracy", "auc"}


@pytest.mark.parametrize("per_head", [True, False])
def test_weights_go_with_their_task(data, per_head):
    def weigh(x, y):
        half = tf.cast(tf.range(tf.shape(x)[0]) < 4, tf.float32)
        return x, y, {"sum": half} if per_head else half

    x, y = next(iter(data.unbatch().batch(32)))
    kept = tf.range(32) % 8 < 4
    known = {**y, "sum": tf.where(kept, y["sum"], np.nan)}
    masked = tf.data.Dataset.from_tensor_slices((x, known)).batch(8)
    weighted = single_task_baselines(
        build, data.map(weigh), None, data.map(weigh), tasks=["sum"], epochs=2
    )
    missing = single_task_baselines(build, masked, None, masked, tasks=["sum"], epochs=2)
    assert weighted["sum"] == pytest.approx(missing["sum"], rel=1e-5)


def test_callbacks_are_made_for_each_task(data):
    asked = []

    def callbacks(task):
        asked.append(task)
        return [keras.callbacks.EarlyStopping("val_loss", patience=1)]

    single_task_baselines(
        build, data, data, data, tasks=["sum", "sign"], epochs=1, callbacks=callbacks
    )
    assert asked == ["sum", "sign"]


def test_misspelt_tasks_arrays_and_wrong_models_are_refused(data):
    with pytest.raises(ValueError, match="Did you mean 'sign'"):
        single_task_baselines(build, data, None, data, tasks=["sing"], epochs=1)
    with pytest.raises(ValueError, match=r"`test` must be a tf\.data\.Dataset"):
        single_task_baselines(build, data, None, [1, 2], tasks=["sign"], epochs=1)
    with pytest.raises(ValueError, match="`build` is a function from a list of tasks"):
        single_task_baselines(build(["sign"]), data, None, data, tasks=["sign"], epochs=1)
    with pytest.raises(ValueError, match="single task 'sign'"):
        single_task_baselines(
            lambda tasks: build(list(HEADS)), data, None, data, tasks=["sign"], epochs=1
        )


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("by", ["value", "weight"])
def test_tasks_without_a_label_that_is_there_are_refused(data, part, by):
    """They had results of 0, or those of a model that was not trained."""

    def hide(x, y):
        if by == "weight":
            return x, y, {"sum": tf.zeros(tf.shape(x)[:1])}
        return x, {**y, "sum": tf.fill(tf.shape(y["sum"]), np.nan)}

    parts = {"train": data, "valid": data, "test": data, part: data.map(hide)}
    with pytest.raises(ValueError, match=f"Task 'sum' has only missing labels in `{part}`"):
        single_task_baselines(build, **parts, tasks=["sum"], epochs=1)


def test_one_label_in_the_last_batch_is_enough(data):
    x, y = next(iter(data.unbatch().batch(32)))
    last = tf.where(tf.range(32) < 31, np.nan, y["sum"])
    rare = tf.data.Dataset.from_tensor_slices((x, {"sum": last})).batch(8)
    found = single_task_baselines(build, rare, None, rare, tasks=["sum"], epochs=1)
    assert found["sum"]["loss"] > 0
