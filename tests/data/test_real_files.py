"""Files as they come from the UCI repository; skipped where they are not at hand."""

import io

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from tf_mtl import data

ADULT = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
    "native-country", "income",
]  # fmt: skip


def train(splits, epochs, units=(256, 128), dropout=0.3):
    """Trains a plain network; returns the labels and predictions of the test rows."""
    hidden = splits.features
    for width in units:
        hidden = keras.layers.Dense(width, "relu")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    outputs, losses, weights = {}, {}, {}
    for task, target in splits.targets.items():
        if target.kind == "binary":
            outputs[task] = keras.layers.Dense(1, "sigmoid", name=task)(hidden)
            losses[task], weights[task] = "binary_crossentropy", 1.0
        else:
            units_of_data = keras.layers.Rescaling(target.std[0], target.mean[0], name=task)
            outputs[task] = units_of_data(keras.layers.Dense(1)(hidden))
            losses[task], weights[task] = "mse", target.std[0] ** -2
    model = keras.Model(splits.inputs, outputs)
    steps = sum(1 for _ in splits.valid) * 8 * epochs
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    model.compile(keras.optimizers.Adam(rate), loss=losses, loss_weights=weights)
    model.fit(splits.train, epochs=epochs, verbose=0, shuffle=False)
    predictions = model.predict(splits.test, verbose=0)
    labels = {
        task: np.concatenate([y[task] for _, y in splits.test.as_numpy_iterator()])
        for task in outputs
    }
    return labels, predictions


@pytest.fixture
def adult(shared):
    folder = shared / "data" / "adult"
    return data.from_csv(
        folder / "adult.data",
        {
            "income": {"positive": [">50K", ">50K."]},
            "never_married": {"column": "marital-status", "positive": "Never-married"},
            "hours-per-week": "regression",
        },
        test_path=folder / "adult.test",
        names=ADULT,
        missing_values=["?"],
        batch_size=256,
    )


def test_adult_is_read_as_it_lies(adult):
    assert adult.sizes == {"train": 28943, "valid": 3618, "test": 16281}
    assert len(adult.inputs) == 12
    assert "marital_status" not in adult.inputs
    assert adult.inputs["native_country"].dtype == "string"
    assert adult.targets["income"].class_names == ("<=50K", ">50K")
    positive = np.concatenate([y["income"] for _, y in adult.test.as_numpy_iterator()])
    assert positive.sum() == 3846


@pytest.mark.slow
def test_a_network_comes_near_boosted_trees_on_adult(adult):
    labels, predictions = train(adult, epochs=8)
    assert roc_auc_score(labels["income"], predictions["income"]) > 0.915
    assert roc_auc_score(labels["never_married"], predictions["never_married"]) > 0.955


def test_energy_efficiency(shared):
    lines = (shared / "data" / "enb2012" / "enb.arff").read_text().splitlines()
    names = [line.split()[1] for line in lines if line.startswith("@attribute")]
    rows = lines[lines.index("@data") + 1 :]
    frame = pd.read_csv(io.StringIO("\n".join(rows)), names=names)
    targets = {"heating": {"column": "Y1"}, "cooling": {"column": "Y2"}}
    splits = data.from_dataframe(frame, targets, batch_size=32)
    labels, predictions = train(splits, epochs=40, dropout=0.0)
    assert r2_score(labels["heating"], predictions["heating"]) > 0.97
    assert r2_score(labels["cooling"], predictions["cooling"]) > 0.95


def test_credit_default(shared):
    splits = data.from_csv(
        shared / "data" / "credit_default" / "UCI_Credit_Card.csv",
        {"default.payment.next.month": "auto", "LIMIT_BAL": "regression"},
        ignore=["ID"],
    )
    target = splits.targets["default_payment_next_month"]
    assert (target.kind, target.class_names) == ("binary", None)
    x, _ = next(iter(splits.train))
    assert len(x) == len(splits.inputs) == 22
    features = keras.Model(splits.inputs, splits.features)(x)
    assert np.isfinite(features).all()
