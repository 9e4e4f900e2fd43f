"""The numbers of every method that a sound reference has."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import weightings

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())


def value_and_weights(weighting, losses):
    losses = tf.constant(losses, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(losses)
        value = tf.reduce_sum(weighting(losses))
    return float(value), np.asarray(tape.gradient(value, losses))


@pytest.mark.parametrize("row", GOLDEN["rows"], ids=lambda row: row["method"])
def test_values_and_derivatives(row):
    weighting = getattr(weightings, row["method"])(**row["arguments"])
    weighting.build(3)
    if row["trained"]:
        weighting.trainable_variables[0].assign(row["trained"])
    value, weights = value_and_weights(weighting, row["losses"])
    np.testing.assert_allclose(value, row["value"], rtol=1e-5)
    np.testing.assert_allclose(weights, row["grad_wrt_losses"], rtol=1e-5, atol=1e-7)


def test_famo_follows_its_trajectory():
    weighting = weightings.FAMO(gamma=1e-3, learning_rate=0.025)
    for step in GOLDEN["famo"]:
        value, weights = value_and_weights(weighting, step["before"])
        np.testing.assert_allclose(value, step["value"], rtol=1e-5)
        np.testing.assert_allclose(weights, step["weights_on_losses"], rtol=1e-5)
        weighting.update(np.array(step["before"], "float32"))
    weighting.update(np.array(GOLDEN["famo"][-1]["after"], "float32"))
    logits = weighting.read_state()["logits"]
    np.testing.assert_allclose(logits, GOLDEN["famo"][-1]["logits_after_update"], rtol=1e-4)


def test_dynamic_weight_average_follows_its_epochs():
    weighting = weightings.DynamicWeightAverage(temperature=2.0)
    for epoch in GOLDEN["dwa"]:
        value, weights = value_and_weights(weighting, epoch["epoch_losses"])
        np.testing.assert_allclose(value, epoch["value"], rtol=1e-5)
        np.testing.assert_allclose(weights, epoch["weights"], rtol=1e-5)
        weighting.update(np.array(epoch["epoch_losses"], "float32"))
        weighting.epoch_end()
