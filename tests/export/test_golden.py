"""Models saved in the past load for ever, and give the outputs they gave."""

import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_mtl as mtl

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path for path in (ROOT / "saved_models" / "golden").iterdir() if path.is_dir())


def arrays(file):
    with np.load(file) as stored:
        return {name: stored[name] for name in stored.files}


def same(outputs, expected):
    assert set(outputs) == set(expected)
    for task, values in expected.items():
        np.testing.assert_allclose(outputs[task], values, rtol=0, atol=1e-6, err_msg=task)


def test_there_are_golden_models():
    assert "heads_0_1" in {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_saved_model_gives_the_stored_outputs(folder):
    serve = tf.saved_model.load(folder / "saved_model").signatures["serving_default"]
    same(serve(**arrays(folder / "inputs.npz")), arrays(folder / "outputs.npz"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_keras_file_gives_the_stored_outputs(folder):
    model = keras.saving.load_model(folder / "model.keras")
    assert isinstance(model, mtl.MultiTaskModel)
    named = arrays(folder / "inputs.npz")
    inputs = keras.tree.map_structure(lambda tensor: named[tensor.name], model.input)
    same(model.predict(inputs, verbose=0), arrays(folder / "outputs.npz"))


def test_the_first_golden_model_is_all_there():
    folder = ROOT / "saved_models" / "golden" / "heads_0_1"
    model = keras.saving.load_model(folder / "model.keras")
    assert {task: head.kind for task, head in model.heads.items()} == {
        "digit": "classification",
        "odd": "binary",
        "strokes": "multilabel",
        "ink": "regression",
        "quality": "custom",
    }
    labels = json.loads((folder / "saved_model" / "assets.extra" / "labels.json").read_text())
    assert labels == {
        task: head.class_names for task, head in model.heads.items() if task in labels
    }
    assert set(labels) == {"digit", "odd", "strokes"}
    assert model.compiled
    assert model.get_compile_config()["loss_weights"] == {"odd": 0.5}
    assert model.optimizer.iterations.numpy() == 12
    moments = [np.abs(variable.numpy()).max() for variable in model.optimizer.variables[2:]]
    assert min(moments) > 0  # the optimizer goes on where it stopped
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < 100_000


def test_a_golden_model_is_never_made_anew():
    spec = importlib.util.spec_from_file_location("golden", ROOT / "tools" / "make_golden.py")
    make_golden = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_golden)
    with pytest.raises(SystemExit, match="never made anew"):
        make_golden.main("heads_0_1")
