"""ToxCast: 617 assays, 71 % of the labels missing. Memory, and the time of a step.

    python benchmarks/toxcast.py --data-dir DIRECTORY [--steps 40] [--rounds 5] [--tasks 617]

DIRECTORY holds `toxcast_data.csv.gz` of MoleculeNet. One network trains in turn on the labels as
they are and on the same labels with every gap filled; the median of the ratios of times is printed.
The bars are 1.15 for the ratio and 6 GB for the peak memory of the process. Almost all of the time
before the first step is TensorFlow's: it optimises a graph of 617 losses and gradients.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.feature_extraction.text import HashingVectorizer

import tf_mtl as mtl

RATIO, GIGABYTES = 1.15, 6.0


def read(directory: Path, tasks: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns counts of n-grams `[B, 1024]` and labels `[B, T]`, NaN where one is missing."""
    table = pd.read_csv(directory / "toxcast_data.csv.gz")
    counter = HashingVectorizer(
        analyzer="char",
        ngram_range=(1, 3),
        lowercase=False,
        n_features=1024,
        norm=None,
        alternate_sign=False,
    )
    x = np.log1p(counter.transform(table["smiles"].astype(str)).toarray().astype("float32"))
    return x, table.drop(columns="smiles").to_numpy("float32")[:, :tasks]


def network(size: int, tasks: int, metrics: str | None) -> mtl.MultiTaskModel:
    """A shared MLP with a head for each assay."""
    keras.utils.set_random_seed(0)
    model = mtl.build_model(
        keras.Input((size,), name="ngrams"),
        mtl.trunks.MLP([512, 256]),
        {f"assay_{i}": mtl.heads.BinaryClassification() for i in range(tasks)},
    )
    model.compile("adam", metrics=metrics)
    return model


def batches(x: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    """Returns an endless stream of batches of 128 that costs no time."""
    first = {f"assay_{i}": labels[:128, i] for i in range(labels.shape[1])}
    return tf.data.Dataset.from_tensors((x[:128], first)).repeat()


def seconds(model: keras.Model, data: tf.data.Dataset, steps: int) -> float:
    """Returns the time of `steps` steps of `fit`."""
    start = time.perf_counter()
    model.fit(data, steps_per_epoch=steps, verbose=0)
    return time.perf_counter() - start


def main() -> None:
    """Prints the time before the first step, the times of a step, their ratio and the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--tasks", type=int, default=617)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--metrics", choices=["auto", "none"], default="none")
    arguments = parser.parse_args()
    x, labels = read(arguments.data_dir, arguments.tasks)
    model = network(
        x.shape[1], labels.shape[1], None if arguments.metrics == "none" else arguments.metrics
    )
    missing, complete = batches(x, labels), batches(x, np.nan_to_num(labels))
    share = np.isnan(labels).mean()
    print(f"{labels.shape[1]} tasks, {len(x)} rows, {share:.1%} of the labels missing")
    print(f"first step: {seconds(model, missing, 1):.0f} s", flush=True)
    seconds(model, complete, 2)
    times = []
    for i in range(arguments.rounds):
        order = (missing, complete) if i % 2 else (complete, missing)
        pair = {id(data): seconds(model, data, arguments.steps) for data in order}
        times.append((pair[id(missing)], pair[id(complete)]))
    middle = [
        1000 * statistics.median(column) / arguments.steps for column in zip(*times, strict=True)
    ]
    ratios = [with_gaps / without for with_gaps, without in times]
    print(f"step with missing labels {middle[0]:.1f} ms, with complete ones {middle[1]:.1f} ms")
    print(
        f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), "
        f"bar {RATIO}"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB, bar {GIGABYTES}")


if __name__ == "__main__":
    main()
