"""The embedded data sets of pictures from a configuration to predictions."""

import json

import numpy as np
import pytest

from tf_mtl import data, heads, runs
from tf_mtl.runs import decode


@pytest.mark.parametrize(
    "name", ["digits_canvas", "multi_digits", "digits_sequence", "digits_modal"]
)
def test_every_set_trains_with_what_suits_it(name, tmp_path):
    config = runs.check_config(
        {
            "data": {"source": name, "batch_size": 256},
            "trunk": {"filters": [4, 8]} if name == "digits_canvas" else "auto",
            "epochs": 1,
            "run_directory": str(tmp_path),
            "saved_models": None,
        },
        "test",
    )
    finished = runs.train(config, verbose=0)
    assert set(finished.results) == set(data.load(name).targets)
    for task, metrics in finished.results.items():
        assert np.isfinite(list(metrics.values())).all(), task


def test_boxes_and_masks_from_a_file_to_predictions(tmp_path):
    random = np.random.default_rng(0)
    mask = np.zeros((40, 8, 8), int)
    mask[:, 2:6, 3:7] = 1
    arrays = {
        "image": mask[..., None] + random.normal(0, 0.1, (40, 8, 8, 1)),
        "mask": mask,
        "box": np.tile(np.array([3, 2, 7, 6]) / 8, (40, 1)),
    }
    np.savez(tmp_path / "images.npz", **arrays)
    config = runs.check_config(
        {
            "data": {
                "source": str(tmp_path / "images.npz"),
                "batch_size": 8,
                "targets": {"mask": "segmentation", "box": "box"},
            },
            "trunk": {"type": "UNet", "filters": [4, 8]},
            "epochs": 2,
            "run_directory": str(tmp_path),
            "saved_models": None,
        },
        "test",
    )
    run = runs.train(config, verbose=0).run
    runs.predict(run, str(tmp_path / "images.npz"), str(tmp_path / "out.json"))
    rows = json.loads((tmp_path / "out.json").read_text())
    expected = runs.load_model(run).predict(arrays["image"].astype("float32"), verbose=0)
    masks = np.array([row["mask"] for row in rows])
    np.testing.assert_array_equal(masks, expected["mask"].argmax(axis=-1))
    np.testing.assert_allclose([row["box"] for row in rows], expected["box"], atol=1e-5)


@pytest.mark.parametrize("names", [["O", "B-song"], None])
def test_tags_are_lists_as_long_as_the_text(names):
    output = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.0, 0.0]]])
    head = heads.TokenTagging(2, class_names=names)
    first, second = names or [0, 1]
    found = decode.columns({"tag": output}, {"tag": head}, probabilities=False)
    assert found == {"tag": [[first, second], [first]]}
