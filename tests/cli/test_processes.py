"""The command as a process of its own: start-up, Ctrl-C, replicas."""

import os
import signal
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-m", "tf_mtl"]


@pytest.fixture
def environment():
    """As on a user's machine: no variable that silences TensorFlow."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TF_")}


def test_help_does_not_load_tensorflow(environment):
    script = (
        "import sys; sys.argv = ['tf-mtl', '--help']\n"
        "from tf_mtl.cli.main import run\n"
        "try: run()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


def test_ctrl_c_keeps_the_checkpoint_and_the_run_goes_on(tmp_path, environment, cli, monkeypatch):
    options = ["train", "digits", "--epochs", "500", "--schedule", "constant", "--units", "4"]
    process = subprocess.Popen(
        [*COMMAND, *options, "--trunk", "mlp"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    checkpoints = tmp_path / "runs" / "digits" / "1" / "checkpoint"
    deadline = time.monotonic() + 60
    while not list(checkpoints.glob("epoch-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    kept = next(checkpoints.glob("epoch-*")).name.removeprefix("epoch-")
    # Nothing else stands there: TensorFlow's start-up messages stay away.
    assert errors.strip() == (
        f"Interrupted. The checkpoint after epoch {kept} is kept. "
        "Go on with: tf-mtl train --resume runs/digits/1"
    )
    monkeypatch.chdir(tmp_path)
    resumed = cli("train", "--resume", "runs/digits/1", "--epochs", int(kept) + 1)
    assert f"Epoch {int(kept) + 1}/" in resumed.out
    assert "saved_models/digits/1" in resumed.out


TWO_REPLICAS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import numpy as np
from tf_mtl import runs
results = {}
for strategy in ("none", "mirrored"):
    config = runs.check_config({
        "trunk": {"type": "MLP", "units": [8]}, "strategy": strategy, "epochs": 1,
        "data": {"batch_size": 70}, "run_directory": "runs", "saved_models": None,
    }, "test")
    finished = runs.train(config, verbose=0)
    results[strategy] = runs.load_model(finished.run).get_weights(), finished.results
assert max(np.abs(a - b).max() for a, b in zip(results["none"][0], results["mirrored"][0])) < 1e-5
for task, values in results["none"][1].items():
    for metric, value in values.items():
        assert abs(value - results["mirrored"][1][task][metric]) < 1e-3, (task, metric)
print(tf.distribute.MirroredStrategy().num_replicas_in_sync, "replicas")
"""


def test_two_replicas_give_what_one_gives(tmp_path):
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], cwd=tmp_path, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 replicas" in done.stdout
