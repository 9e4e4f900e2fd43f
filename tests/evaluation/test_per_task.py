"""Every value of `evaluate` goes to the task it belongs to, whatever the names."""

import keras
import numpy as np
import pytest

import tf_mtl as mtl
from tf_mtl.evaluation import per_task


class Score(keras.metrics.Metric):
    """A metric of any name with a value that can be recognised."""

    def __init__(self, name, value):
        super().__init__(name=name)
        self.value = value

    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return keras.ops.convert_to_tensor(self.value, "float32")


def evaluated(metrics, labels=None, **arguments):
    inputs = keras.Input((2,))
    tasks = {task: keras.layers.Dense(1)(inputs) for task in metrics}
    model = mtl.MultiTaskModel(inputs, tasks)
    model.compile("sgd", loss=arguments.pop("loss", "mse"), metrics=metrics, **arguments)
    y = {task: np.ones((4, 1), "float32") for task in labels or metrics}
    return model, model.evaluate(np.ones((4, 2)), y, verbose=0, return_dict=True)


def test_each_value_once_and_with_its_task():
    model, results = evaluated({"digit": [Score("f1", 1.0)], "odd": [Score("f1", 2.0), "mae"]})
    found = per_task(results, model)
    assert set(found["digit"]) == {"f1", "loss"}
    assert found["digit"]["f1"] == 1.0
    assert found["odd"]["f1"] == 2.0
    assert found["odd"]["mae"] == pytest.approx(results["odd_mae"])
    assert found["odd"]["loss"] == pytest.approx(results["odd_loss"])
    assert all(isinstance(value, float) for metrics in found.values() for value in metrics.values())


def test_a_task_that_begins_like_another():
    model, results = evaluated(
        {"a": [Score("b_score", 1.0)], "a_b": [Score("score", 2.0)], "a_b_c": [Score("x", 3.0)]}
    )
    found = per_task(results, model)
    assert found["a"]["b_score"] == 1.0
    assert 2.0 in found["a_b"].values()
    assert found["a_b_c"]["x"] == 3.0
    for task in ("a", "a_b", "a_b_c"):
        assert found[task]["loss"] == pytest.approx(results[f"{task}_loss"])
        assert len(found[task]) == 2


def test_a_metric_called_like_the_loss_of_another_task_is_refused():
    model, results = evaluated({"a": [Score("b_loss", 1.0)], "a_b": []})
    with pytest.raises(ValueError, match="Rename the metric"):
        per_task(results, model)


def test_one_task_has_no_prefix():
    model, results = evaluated({"a": [Score("a_score", 1.0)]})
    assert per_task(results, model) == {"a": {"a_score": 1.0, "loss": results["loss"]}}


def test_tasks_without_labels_or_loss_have_what_they_have():
    model, results = evaluated({"a": ["mae"], "b": ["mae"], "c": []}, loss={"a": "mse", "c": "mse"})
    found = per_task(results, model)
    assert set(found["a"]) == {"loss", "mae"}
    assert set(found["b"]) == {"mae"}
    assert set(found["c"]) == {"loss"}


def test_weighted_metrics_belong_to_their_task_too():
    model, results = evaluated({"a": ["mae"], "a_b": ["mae"]}, weighted_metrics={"a": ["mae"]})
    found = per_task(results, model)
    assert set(found["a"]) == {"loss", "mae", "weighted_mae"}


def test_the_digits():
    _, _, test = mtl.data.load("digits")
    model = mtl.build_model(
        keras.Input((8, 8, 1)),
        mtl.trunks.MLP([8]),
        {"digit": mtl.heads.Classification(10), "odd": mtl.heads.BinaryClassification(),
         "ink": mtl.heads.Regression()},
    )  # fmt: skip
    model.compile("adam")
    results = model.evaluate(test, verbose=0, return_dict=True)
    found = per_task(results, model)
    assert {f"{task}_{name}": value for task in found for name, value in found[task].items()} == {
        name: pytest.approx(value) for name, value in results.items() if name != "loss"
    }


def test_lists_and_results_of_another_model_are_refused():
    model, results = evaluated({"a": ["mae"], "b": []})
    with pytest.raises(ValueError, match="return_dict=True"):
        per_task(list(results.values()), model)
    with pytest.raises(ValueError, match="lack 'a_mae'"):
        per_task({"loss": 1.0, "a_loss": 1.0, "b_loss": 0.0}, model)


def test_tasks_without_labels_in_the_data_are_left_out():
    model, results = evaluated({"a": ["mae"], "b": ["mae"]}, labels=["b"])
    assert per_task(results, model) == {"b": {"mae": results["b_mae"], "loss": results["b_loss"]}}
    with pytest.raises(ValueError, match="lack 'b_mae'"):
        per_task({"total": 1.0}, model)
