"""Class, box and mask of a digit on a canvas: `python benchmarks/digits_canvas.py [--seeds 1]`."""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import tf_mtl as mtl

BARS = {"digit_accuracy": 0.95, "box_mean_iou": 0.85, "mask_mean_iou": 0.85}
COPIES, EPOCHS = 5, 8


def main(seeds: int) -> None:
    """Trains with each seed and prints the results on the test split."""
    print(f"{'seed':>4} {'class acc.':>11} {'box IoU':>11} {'mask IoU':>11} {'s':>6} {'CPU s':>6}")
    for seed in range(seeds):
        start, used = time.monotonic(), time.process_time()
        results = train(seed)
        numbers = " ".join(f"{results[name]:11.4f}" for name in BARS)
        seconds, used = time.monotonic() - start, time.process_time() - used
        print(f"{seed:>4} {numbers} {seconds:6.0f} {used:6.0f}", flush=True)
    print(f"{'bar':>4} " + " ".join(f"{bar:11.4f}" for bar in BARS.values()))


def train(seed: int) -> dict[str, float]:
    """Returns the results on the test split after training with one seed."""
    keras.utils.set_random_seed(seed)
    splits = mtl.data.load("digits_canvas", batch_size=32, seed=seed, copies=COPIES)
    model = mtl.build_model(
        splits.features,
        mtl.trunks.UNet([8, 24, 64, 128], coarse=["digit"], convolutions=2),
        {
            "digit": mtl.heads.Classification(10),
            "box": mtl.heads.BoundingBox(),
            "mask": mtl.heads.Segmentation(class_names=["background", "digit"]),
        },
    )
    schedule = keras.optimizers.schedules.CosineDecay(0.002, EPOCHS * len(splits.train))
    model.compile(keras.optimizers.Adam(schedule))
    model.fit(splits.train, epochs=EPOCHS, verbose=0)
    return model.evaluate(splits.test, verbose=0, return_dict=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    main(**vars(parser.parse_args()))
