"""Every weighting and aggregator takes the same 20 steps on one, two and four replicas."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import keras
import numpy as np
import tensorflow as tf

replicas, kind = int(sys.argv[1]), sys.argv[2]
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)

from tests.descriptors import AGGREGATORS
from tests.training.programs import LOSSES, arrays, network
from tests.weightings.rows import WEIGHTINGS
from tf_mtl.aggregators import GramianAggregator

x, y, weights = arrays(32 * 20)
random, rows = np.random.default_rng(3), np.arange(32 * 20)
y["price"][(rows % 32 < 14) & (random.random(len(x)) < 0.9)] = np.nan  # first replicas only
y["kind"][random.random(len(x)) < 0.5] = -1
y["sold"][32:64] = -1  # nowhere in one step
batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(32, drop_remainder=True)

def methods():
    if kind == "weightings":
        return [(f"{row.cls.__name__} {n}", {"loss_weights": lambda row=row, v=v: row.cls(**v)})
                for row in WEIGHTINGS for n, v in enumerate(row.variants)]
    features = {"wrt": "features"} if kind == "features" else {}
    found = []
    for row in AGGREGATORS:
        for n, v in enumerate(row.variants[:1]):
            try:
                row.cls(**v, **features)
            except ValueError:
                continue  # this method has no weights and takes parameters only
            make = lambda row=row, v=v: row.cls(**v, **features)
            found.append((f"{row.cls.__name__} {n}", {"aggregator": make}))
    return found

def run(strategy, arguments):
    keras.backend.clear_session()
    with strategy.scope():
        model = network()
        made = {name: make() for name, make in arguments.items()}
        model.compile(keras.optimizers.SGD(0.02, momentum=0.9), loss=dict(LOSSES), **made)
        model.fit(batches, verbose=0)
    return model.get_weights()

one = tf.distribute.OneDeviceStrategy("/cpu:0")
many = tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(replicas)])
for name, arguments in methods():
    pairs = zip(run(one, arguments), run(many, arguments))
    print(name, max(float(abs(a - b).max()) for a, b in pairs), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
@pytest.mark.parametrize("kind", ["weightings", "parameters", "features"])
def test_replicas_take_the_steps_of_one(replicas, kind):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(replicas), kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    found = {line.rpartition(" ")[0]: float(line.split()[-1]) for line in run.stdout.splitlines()}
    assert len(found) >= 12
    assert {name: value for name, value in found.items() if not value <= 1e-5} == {}
