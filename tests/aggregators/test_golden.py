"""The numbers of every method that a sound reference has, on float32 Jacobians."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import properties
import pytest

from tf_mtl import aggregators
from tf_mtl.aggregators.graddrop import drop_signs

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())


def make(row):
    return getattr(aggregators, row["method"])(**row["arguments"])


@pytest.mark.parametrize("name", GOLDEN["matrices"])
def test_vectors(name):
    matrix = np.array(GOLDEN["matrices"][name], "float32")
    largest = np.linalg.norm(matrix, axis=1).max()
    for row in GOLDEN["answers"]:
        if row["matrix"] == name:
            vector = np.asarray(make(row)(matrix), "float64")
            expected = np.array(row["vector"])
            if np.linalg.norm(expected) < 1e-12 * largest:  # exactly zero, but for rounding
                assert np.linalg.norm(vector) <= 1e-6 * largest, row
            else:
                properties.assert_close(vector, expected, row["rtol"])


@pytest.mark.parametrize("row", GOLDEN["sequences"], ids=lambda row: row["method"])
def test_sequences(row):
    aggregator = make(row)
    for matrix, expected in zip(GOLDEN["sequence"], row["answers"], strict=False):
        vector = np.asarray(aggregator(np.array(matrix, "float32")), "float64")
        properties.assert_close(vector, np.array(expected), 1e-5)


@pytest.mark.parametrize("row", GOLDEN["weight_sequences"], ids=lambda row: row["method"])
def test_weight_sequences(row):
    aggregator = make(row)
    for matrix, expected in zip(GOLDEN["sequence"], row["weights"], strict=True):
        jacobian = np.array(matrix, "float32")
        weights = np.asarray(aggregator.weights(jacobian @ jacobian.T), "float64")
        properties.assert_close(weights, np.array(expected), row["rtol"])


@pytest.mark.parametrize("row", GOLDEN["sign_drops"], ids=lambda row: row["matrix"])
def test_sign_drops(row):
    matrix = np.array(GOLDEN["matrices"][row["matrix"]], "float32")
    vector = drop_signs(matrix, np.array(row["uniforms"], "float32"), row["leak"])
    properties.assert_close(np.asarray(vector, "float64"), np.array(row["vector"]), 1e-5)


def test_every_method_with_a_reference_is_checked():
    without = {"CRMOGM", "DBMTL", "GradDrop", "GradNorm", "Krum", "MoCo", "MoDo", "SDMGrad"}
    methods = {name for name in aggregators.__all__ if name[0].isupper()}
    checked = {row["method"] for row in GOLDEN["answers"]}
    assert methods - checked - without == {"Aggregator", "GramianAggregator"}
