"""On two replicas every method remembers what it remembers on one, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import numpy as np, tensorflow as tf
from rows import WEIGHTINGS, build, look
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
rng = np.random.default_rng(0)
losses, present = rng.uniform(0.1, 9.0, (4, 3)).astype("float32"), rng.uniform(size=(4, 3)) < 0.8
for row in WEIGHTINGS:
    alone = row.cls(**row.variants[0])
    with strategy.scope():
        spread = row.cls(**row.variants[0])
        build(spread, 3)

    @tf.function
    def step(now, here):
        def replica():
            look(spread, now, here)
            weighted = spread(now, here)
            spread.update(now, here)
            return weighted
        return strategy.run(replica)

    for now, here in zip(losses, present):
        look(alone, now, here)
        expected = alone(now, here)
        alone.update(now, here)
        answers = step(tf.constant(now), tf.constant(here))
        for answer in strategy.experimental_local_results(answers):
            np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
        alone.epoch_end(), spread.epoch_end()
    for key, value in alone.read_state().items():
        np.testing.assert_allclose(spread.read_state()[key], value, rtol=1e-5, atol=1e-6)
"""


def test_two_replicas_are_one():
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r}){PROGRAM}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
