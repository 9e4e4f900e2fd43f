"""The tables that come with scikit-learn: their tasks, what is no input, and that they train."""

import numpy as np
import pytest
from sklearn import datasets

from tf_mtl import MultiTaskModel, build_model, data, heads, trunks

TASKS = {
    "breast_cancer": {"diagnosis": "binary", "radius": "regression"},
    "diabetes": {"progression": "regression", "sex": "binary"},
    "linnerud": {"weight": "regression", "waist": "regression", "pulse": "regression"},
    "wine": {"cultivar": "classification", "proline": "regression"},
}
MAKE = {
    "binary": heads.BinaryClassification,
    "classification": lambda: heads.Classification(3),
}


def labels_of(splits, task):
    return np.concatenate([y[task].numpy() for part in splits for _, y in part])


@pytest.mark.parametrize("name", TASKS)
def test_each_has_its_tasks_and_is_listed(name):
    splits = data.load(name)
    assert {task: target.kind for task, target in splits.targets.items()} == TASKS[name]
    assert data.names()[name].startswith(f"Loads {sum(splits.sizes.values())} ")
    assert data.load(name, seed=1).fingerprint != splits.fingerprint


def test_labels_are_those_of_scikit_learn():
    cancer = labels_of(data.load("breast_cancer"), "diagnosis")
    assert cancer.sum() == 212  # malignant
    assert data.load("breast_cancer").targets["diagnosis"].class_names == ("benign", "malignant")
    wine = labels_of(data.load("wine"), "cultivar")
    assert np.bincount(wine).tolist() == np.bincount(datasets.load_wine().target).tolist()
    progression = labels_of(data.load("diabetes"), "progression")
    np.testing.assert_allclose(
        np.sort(progression), np.sort(datasets.load_diabetes().target), rtol=1e-6
    )
    waist = labels_of(data.load("linnerud"), "waist")
    np.testing.assert_allclose(np.sort(waist), np.sort(datasets.load_linnerud().target[:, 1]))


@pytest.mark.parametrize("name", TASKS)
def test_no_input_tells_a_label_almost_exactly(name):
    splits = data.load(name)
    inputs = {
        column: np.concatenate([x[column].numpy()[:, 0] for part in splits for x, _ in part])
        for column in splits.inputs
    }
    for task in splits.targets:
        labels = labels_of(splits, task)
        for column, values in inputs.items():
            assert abs(np.corrcoef(values, labels)[0, 1]) < 0.9, (task, column)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "wine"])
def test_a_small_network_learns_more_than_the_mean(name):
    splits = data.load(name)
    model: MultiTaskModel = build_model(
        splits.features,
        trunks.MLP([32]),
        {
            task: heads.Regression(mean=target.mean, std=target.std)
            if target.kind == "regression"
            else MAKE[target.kind]()
            for task, target in splits.targets.items()
        },
    )
    model.compile("adam")
    model.fit(splits.train, epochs=40, verbose=0)
    results = model.evaluate(splits.test, verbose=0, return_dict=True)
    for task, target in splits.targets.items():
        if target.kind == "regression":
            assert results[f"{task}_r2"] > 0.2, results
        else:
            assert results[f"{task}_accuracy"] > 0.6, results
