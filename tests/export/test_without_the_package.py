"""The SavedModel needs TensorFlow and nothing else."""

import subprocess
import sys

import numpy as np
import pytest

from tf_mtl.export import saved_model

from .models import MODELS, by_input_name

SERVE = """
import json, sys
from pathlib import Path
for name in ("tf_mtl", "keras"):
    sys.modules[name] = None  # importing it is an error
import numpy as np
import tensorflow as tf

root = Path(sys.argv[1])
for folder in sorted(root.glob("*/1")):
    with np.load(folder.parent / "request.npz") as file:
        request = {name: tf.constant(file[name]) for name in file.files}
    loaded = tf.saved_model.load(folder)
    np.savez(folder.parent / "response.npz", **loaded.signatures["serving_default"](**request))
    np.savez(folder.parent / "classes.npz", **loaded.signatures["classes"](**request))
    labels = json.loads((folder / "assets.extra" / "labels.json").read_text(encoding="utf-8"))
    assert labels and all(isinstance(name, str) for names in labels.values() for name in names)
"""

MIRRORED = """
import sys
import numpy as np
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import tf_mtl as mtl

with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    inputs = keras.Input((4,), name="x")
    model = mtl.build_model(inputs, mtl.trunks.MLP([8]), {"y": mtl.heads.Regression()})
    model.compile("sgd")
x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
model.fit(x, {"y": x[:, 0]}, batch_size=8, verbose=0)
folder = mtl.export.saved_model(model, sys.argv[1])
served = tf.saved_model.load(folder).signatures["serving_default"](x=x)["y"]
np.testing.assert_allclose(served, model.predict(x, verbose=0)["y"], atol=1e-6)
"""


def run(*arguments):
    result = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.mark.slow
def test_the_same_numbers_where_only_tensorflow_is(tmp_path):
    expected = {}
    for make in MODELS:
        model, x = make()
        folder = saved_model(model, tmp_path / make.__name__).parent
        request = {
            name: tensor.numpy().astype("S") if tensor.dtype == "string" else tensor.numpy()
            for name, tensor in by_input_name(model, x).items()
        }
        np.savez(folder / "request.npz", **request)
        expected[folder] = model.predict(x, verbose=0)
    run("-c", SERVE, tmp_path)
    for folder, predicted in expected.items():
        with np.load(folder / "response.npz") as served:
            assert set(served.files) == set(predicted)
            for task, values in predicted.items():
                np.testing.assert_allclose(served[task], values, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_model_trained_on_replicas_is_exported(tmp_path):
    run("-c", MIRRORED, tmp_path)


@pytest.mark.slow
def test_tensorflows_own_tool_shows_inputs_and_tasks(tmp_path):
    model, _ = MODELS[0]()
    folder = saved_model(model, tmp_path)
    tool = "tensorflow.python.tools.saved_model_cli"
    shown = run("-m", tool, "show", "--dir", folder, "--all")
    assert "inputs['image']" in shown
    for task in model.tasks:
        assert f"outputs['{task}']" in shown
    assert "signature_def['classes']" in shown
