"""Under replicas every head takes the step of one device."""

import pytest

from tests.replicas import printed_by

PROGRAM = """
import keras
import numpy as np
import tensorflow as tf

from tests.descriptors import HEADS
from tests.replicas import strategies
from tf_mtl import MultiTaskModel, heads

BATCH, STEPS = 16, 4
# An embedding compares the rows of one replica with each other, as its docstring says.
ROWS = {f"task_{i}": row for i, row in enumerate(HEADS) if row.cls is not heads.Embedding}
SHAPES = sorted({row.features for row in ROWS.values()})

random = np.random.default_rng(0)
rows = np.arange(BATCH * STEPS)
x = {f"x{i}": random.normal(size=(len(rows), *s)).astype("float32") for i, s in enumerate(SHAPES)}
y = {"other": random.integers(0, 2, len(rows)).astype("float32")}
for task, row in ROWS.items():
    first_replica = rows % BATCH < BATCH // 2  # labels are missing there, and there only
    missing = first_replica & (random.random(len(rows)) < 0.7)
    y[task] = row.with_missing(row.labels(random, len(rows)), missing)


def run(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        inputs = {f"x{i}": keras.Input(shape, name=f"x{i}") for i, shape in enumerate(SHAPES)}
        features = {
            shape: keras.layers.Dense(4, activation="tanh", name=f"shared_{i}")(inputs[f"x{i}"])
            for i, shape in enumerate(SHAPES)
        }
        outputs = {"other": heads.BinaryClassification(name="other")(features[(6,)])}
        for task, row in ROWS.items():
            head = row.make()
            outputs[task] = head(features[row.features], *[outputs[name] for name in head.reads])
        model = MultiTaskModel(inputs, outputs)
        model.compile(keras.optimizers.SGD(0.01))
        stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH, drop_remainder=True)
        history = model.fit(stream, verbose=0).history
        return model.get_weights(), {name: values[0] for name, values in history.items()}


one, many = map(run, strategies(2))
print("weights", max(float(abs(a - b).max()) for a, b in zip(one[0], many[0])))
for name in one[1]:
    print(name, abs(one[1][name] - many[1][name]) / max(abs(one[1][name]), 1))
print("heads", len(ROWS))
"""


@pytest.mark.slow
def test_two_replicas_take_the_step_of_one():
    """All heads in one model."""
    found = printed_by(PROGRAM)
    assert found.pop("heads") > 15
    assert {name: value for name, value in found.items() if not value <= 1e-5} == {}
