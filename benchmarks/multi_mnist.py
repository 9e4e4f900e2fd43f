"""Multi-MNIST: two overlapping digits, and what the ways of balancing them cost and bring.

    python benchmarks/multi_mnist.py --data-dir FOLDER [--images 20000] [--epochs 3] [--seeds 3]

FOLDER holds mnist.npz. Each image has one digit moved to the top left and another moved to the
bottom right, as in Sener and Koltun (2018); the training and the test images stay apart. With
`--tasks 8` there are six more tasks made of the two digits: parity, size and prime of each.
Prints the mean accuracy on the test images of each setting for each seed, then its mean and
standard deviation over the seeds, and the time of an epoch relative to the first setting, in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tf_mtl import MultiTaskModel, aggregators

SETTINGS: dict[str, dict[str, Any]] = {
    "sum": {},
    "uncertainty": {"loss_weights": "uncertainty"},
    "upgrad": {"aggregator": aggregators.UPGrad},
    "upgrad, every='auto'": {"aggregator": lambda: aggregators.UPGrad(every="auto")},
    "upgrad, wrt='features'": {"aggregator": lambda: aggregators.UPGrad(wrt="features")},
    "mgda": {"aggregator": aggregators.MGDA},
    "mgda, every='auto'": {"aggregator": lambda: aggregators.MGDA(every="auto")},
}


def pairs(images: np.ndarray, digits: np.ndarray, number: int, seed: int) -> tuple[Any, Any]:
    """Returns images of 36 x 36 with two digits each, and `{task: labels}`."""
    random = np.random.default_rng(seed)
    left, right = random.integers(0, len(images), (2, number))
    canvas = np.zeros((number, 36, 36), "uint8")
    canvas[:, :28, :28] = images[left]
    canvas[:, 8:, 8:] = np.maximum(canvas[:, 8:, 8:], images[right])
    labels: dict[str, np.ndarray] = {}
    for side, chosen in (("left", left), ("right", right)):
        digit = digits[chosen].astype("int64")
        labels[side] = digit
        labels[f"{side}_odd"] = digit % 2
        labels[f"{side}_large"] = (digit > 4).astype("int64")
        labels[f"{side}_prime"] = np.isin(digit, (2, 3, 5, 7)).astype("int64")
    return canvas[..., None].astype("float32") / 255.0, labels


def network(tasks: dict[str, int]) -> MultiTaskModel:
    """LeNet with one head for each task."""
    inputs = keras.Input((36, 36, 1), name="image")
    x = inputs
    for filters in (10, 20):
        x = keras.layers.Conv2D(filters, 5, activation="relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Dense(50, activation="relu")(keras.layers.Flatten()(x))
    heads = {
        task: keras.layers.Dense(classes, activation="softmax", name=f"{task}_output")(x)
        for task, classes in tasks.items()
    }
    return MultiTaskModel(inputs, heads)


def main() -> None:
    """Prints one row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--images", type=int, default=20000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", type=int, choices=[2, 8], default=2)
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS))
    arguments = parser.parse_args()

    source = np.load(arguments.data_dir / "mnist.npz")
    x, y = pairs(source["x_train"], source["y_train"], arguments.images, seed=0)
    x_test, y_test = pairs(source["x_test"], source["y_test"], 10000, seed=1)
    names = ("left", "right") if arguments.tasks == 2 else tuple(y)
    tasks = {task: int(y[task].max()) + 1 for task in names}
    y, y_test = ({task: labels[task] for task in names} for labels in (y, y_test))

    accuracies: dict[str, list[float]] = {name: [] for name in arguments.settings}
    ratios: dict[str, list[float]] = {name: [] for name in arguments.settings}
    for seed in range(arguments.seeds):
        seconds: dict[str, float] = {}
        for name in arguments.settings:
            keras.utils.set_random_seed(seed)
            model = network(tasks)
            setting = {key: v() if callable(v) else v for key, v in SETTINGS[name].items()}
            model.compile(
                keras.optimizers.Adam(1e-3),
                loss="sparse_categorical_crossentropy",
                metrics={task: ["accuracy"] for task in tasks},
                jit_compile=False,
                **setting,
            )
            model.fit(x[:512], {task: v[:512] for task, v in y.items()}, batch_size=256, verbose=0)
            start = time.perf_counter()
            model.fit(x, y, batch_size=256, epochs=arguments.epochs, verbose=0)
            seconds[name] = time.perf_counter() - start
            logs = model.evaluate(x_test, y_test, batch_size=1000, verbose=0, return_dict=True)
            accuracies[name].append(statistics.mean(logs[f"{task}_accuracy"] for task in tasks))
            ratios[name].append(seconds[name] / seconds[arguments.settings[0]])
        found = ", ".join(f"{name} {accuracies[name][-1]:.4f}" for name in arguments.settings)
        print(f"seed {seed}: {found}", flush=True)
    print(f"{arguments.tasks} tasks, {arguments.images} images, {arguments.epochs} epochs")
    print("setting                   mean accuracy (over seeds)   time relative to the first")
    for name in arguments.settings:
        mean, spread = statistics.mean(accuracies[name]), statistics.pstdev(accuracies[name])
        print(f"{name:25} {mean:.4f} ± {spread:.4f} {statistics.median(ratios[name]):20.2f}")


if __name__ == "__main__":
    main()
