"""Two and four replicas take the step that one takes, also when labels are missing unevenly."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
import keras
import tensorflow as tf

replicas, mode = int(sys.argv[1]), sys.argv[2]
aggregator = sys.argv[3] if len(sys.argv) > 3 else None
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)

from tests.training.programs import LOSSES, arrays, network
from tf_mtl.training import GradualUnfreezing

x, y, weights = arrays(32 * 10)
if mode == "missing":
    random = np.random.default_rng(3)
    rows = np.arange(len(x))
    y["price"][(rows % 32 < 14) & (random.random(len(x)) < 0.9)] = np.nan  # first replica only
    y["price"][5, 0] = np.nan
    y["kind"][random.random(len(x)) < 0.5] = -1
data = (x, y, weights) if mode == "weights" else (x, y)

def run(strategy):
    with strategy.scope():
        model = network()
        model.compile(
            keras.optimizers.Adam(0.01),
            loss=dict(LOSSES),
            loss_weights={"price": 0.5},
            metrics={"price": ["mae"], "kind": ["accuracy"]},
            aggregator=aggregator,
        )
        stream = tf.data.Dataset.from_tensor_slices(data).batch(32, drop_remainder=True)
        callbacks = [GradualUnfreezing({1: True})] if mode == "unfreezing" else []
        history = model.fit(stream, epochs=2, verbose=0, callbacks=callbacks).history
        return model.get_weights(), history, model.evaluate(stream, verbose=0, return_dict=True)

one = run(tf.distribute.OneDeviceStrategy("/cpu:0"))
many = run(tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(replicas)]))
print("weights", max(float(abs(a - b).max()) for a, b in zip(one[0], many[0])))
names = set(one[2])
print("logs", max(abs(one[1][n][e] - many[1][n][e]) for n in names for e in (0, 1)))
print("evaluate", max(abs(one[2][name] - many[2][name]) for name in names))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("replicas", "mode", "aggregator"),
    [
        (2, "complete", None),
        (2, "missing", None),
        (2, "weights", None),
        (4, "missing", None),
        (2, "missing", "upgrad"),
        (2, "missing", "pcgrad"),
        (4, "missing", "gradnorm"),
        (2, "unfreezing", None),
        (2, "unfreezing", "upgrad"),
    ],
)
def test_replicas_take_the_step_of_one(replicas, mode, aggregator):
    """20 steps of Adam; a process of its own, since logical devices are set once."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(replicas), mode, *([aggregator] if aggregator else [])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    found = dict(line.split() for line in run.stdout.splitlines() if " " in line)
    assert float(found["weights"]) <= 1e-5
    assert float(found["evaluate"]) <= 1e-5
    assert float(found["logs"]) <= 1e-4
