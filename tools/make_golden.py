"""Makes the golden models of saved_models/golden: `python tools/make_golden.py NAME`.

They are files of the past that every later version must load with the same outputs, so that nobody
loses a trained model to an update. Never make one anew: where a format changes on purpose, add
another beside it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

import tf_mtl as mtl

GOLDEN = Path(__file__).resolve().parents[1] / "saved_models" / "golden"


def build() -> mtl.MultiTaskModel:
    """Returns a tiny network on images of 8 × 8 pixels with one head of every kind."""
    heads = {
        "digit": mtl.heads.Classification(class_names=list("0123456789")),
        "odd": mtl.heads.BinaryClassification(class_names=["even", "odd"]),
        "strokes": mtl.heads.MultiLabel(class_names=["line", "curve", "loop"]),
        "ink": mtl.heads.Regression(mean=0.3, std=0.05),
        "quality": mtl.heads.Head(keras.layers.Dense(2), loss="mse", metrics=["mae"]),
    }
    inputs = keras.Input((8, 8, 1), name="image")
    return mtl.build_model(inputs, mtl.trunks.MLP([8]), heads, name="golden")


def train(model: mtl.MultiTaskModel) -> None:
    """Takes a few steps, so that no weight is at its start and the optimizer has a state."""
    train_data, _, _ = mtl.data.load("digits", batch_size=256)

    def all_tasks(image, labels):
        extra = {
            "strokes": keras.ops.one_hot(labels["digit"] % 3, 3),
            "quality": keras.ops.stack([labels["ink"], 1 - labels["ink"]], axis=-1),
        }
        return image, {**labels, **extra}

    model.compile("adam", loss_weights={"odd": 0.5})
    model.fit(train_data.map(all_tasks), epochs=2, verbose=0)


def main(name: str) -> None:
    folder = GOLDEN / name
    if folder.exists():
        raise SystemExit(f"{folder} exists, and a golden model is never made anew.")
    keras.utils.set_random_seed(0)
    model = build()
    train(model)
    image = np.random.default_rng(0).random((4, 8, 8, 1), dtype="float32")
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "inputs.npz", image=image)
    np.savez_compressed(folder / "outputs.npz", **model.predict(image, verbose=0))
    model.save(folder / "model.keras")
    with tempfile.TemporaryDirectory() as holder:
        shutil.move(mtl.export.saved_model(model, holder), folder / "saved_model")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"wrote {folder.relative_to(GOLDEN.parents[1])}, {size / 1000:.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
