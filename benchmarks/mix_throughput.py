"""Rows a second of `tf_mtl.data.mix` against a single-source `tf.data` pipeline of the same rows.

    python benchmarks/mix_throughput.py [--rows 100000] [--rounds 7]

The single source holds the rows of all data sets in the structure of the mixture:
`from_tensor_slices`, `shuffle` with the same buffer, `batch`, `prefetch`. Both are read in turn,
once to warm up and then in pairs; the median of the ratios is printed, of time and of processor
time, both from the first batch on. The bar is 0.95. Before its first batch an epoch of a mixture
builds its data sets anew, some 20 ms for each; the last column is that time.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from tf_mtl import data

BATCH = 128
BUFFER = 1000


def tables(rows: int) -> dict[str, tuple[Any, Any]]:
    """Two data sets of 64 numbers a row, one with classes and one with a regression."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 64)).astype("float32")
    half = rows // 2
    return {
        "kind": (x[:half], random.integers(0, 5, half).astype("int32")),
        "price": (x[half:], random.normal(size=rows - half).astype("float32")),
    }


def images(rows: int) -> dict[str, tuple[Any, Any]]:
    """Eight data sets of images 28 × 28, of different sizes and a task each."""
    random = np.random.default_rng(0)
    sizes = [max(1, rows // 4 >> number) for number in range(8)]
    return {
        f"task_{number}": (
            random.integers(0, 255, (size, 28, 28, 1), "uint8"),
            random.integers(0, 10, size).astype("int32"),
        )
        for number, size in enumerate(sizes)
    }


def texts_and_images(rows: int) -> dict[str, tuple[Any, Any]]:
    """Texts for one task and images for the other: inputs are missing too."""
    half = rows // 2
    random = np.random.default_rng(0)
    text = np.array([f"text number {number}" for number in range(half)])
    picture = random.integers(0, 255, (rows - half, 28, 28, 1), "uint8")
    return {
        "spam": ({"text": text}, random.integers(0, 2, half).astype("int32")),
        "digit": ({"image": picture}, random.integers(0, 10, rows - half).astype("int32")),
    }


def decode(x: Any, y: Any) -> tuple[Any, Any]:
    """Some work on each row, as reading an image is."""
    return tf.image.resize(tf.image.random_flip_left_right(x), (32, 32)), y


def pipelines(
    kind: str, parts: dict[str, tuple[Any, Any]], batch: Any
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Returns the single-source pipeline and the mixture of the same rows."""
    plain = {name: tf.data.Dataset.from_tensor_slices(part) for name, part in parts.items()}
    joined = data.mix(plain, batch=1024, shuffle=0)
    whole = [tf.nest.flatten(element) for element in joined.as_numpy_iterator()]
    arrays = [np.concatenate(column) for column in zip(*whole, strict=True)]
    single = tf.data.Dataset.from_tensor_slices(
        tf.nest.pack_sequence_as(joined.element_spec, arrays)
    )
    if kind == "decoded":
        plain = {name: rows.map(decode, tf.data.AUTOTUNE) for name, rows in plain.items()}
        single = single.map(decode, tf.data.AUTOTUNE)
    single = single.shuffle(BUFFER, seed=0).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    return single, data.mix(plain, batch=batch, shuffle=BUFFER)


def seconds(dataset: tf.data.Dataset) -> np.ndarray:
    """Time and processor time after the first batch, and time until it."""
    begun = time.perf_counter()
    batches = iter(dataset)
    next(batches)
    start = np.array([time.perf_counter(), time.process_time()])
    for _ in batches:
        pass
    end = np.array([time.perf_counter(), time.process_time()])
    return np.array([*(end - start), start[0] - begun])


def main() -> None:
    """Prints one row for each kind of data and of batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    cases = {
        "tables": tables(arguments.rows),
        "images": images(arguments.rows),
        "decoded": images(arguments.rows // 4),
        "texts_and_images": texts_and_images(arguments.rows),
    }
    titles = ("single rows/s", "mix rows/s", "ratio", "min", "max", "cpu ratio", "start ms")
    print(f"{'data':18}{'sets':>5}{'batches':>10}" + "".join(f"{title:>14}" for title in titles))
    for kind, parts in cases.items():
        rows = sum(len(y) for _, y in parts.values())
        quota = dict.fromkeys(parts, BATCH // len(parts))
        for name, batch in (("mixed", BATCH), ("one task", data.OneTask(BATCH)), ("quota", quota)):
            single, mixed = pipelines(kind, parts, batch)
            pairs = []
            for turn in range(arguments.rounds + 1):
                counted = [(0, single, rows), (1, mixed, sum(mixed.rows().values()))]
                order = counted if turn % 2 else counted[::-1]
                pair = {number: (count, *seconds(each)) for number, each, count in order}
                pairs.append([pair[0], pair[1]])
            counts, times, starts = np.split(np.array(pairs[1:]), [1, 3], axis=2)
            speeds = (counts - BATCH) / times
            ratios = speeds[:, 1] / speeds[:, 0]
            middle = np.median(speeds[..., 0], axis=0)
            print(
                f"{kind:18}{len(parts):5}{name:>10}{middle[0]:14.0f}{middle[1]:14.0f}"
                f"{np.median(ratios[:, 0]):14.2f}{ratios[:, 0].min():14.2f}"
                f"{ratios[:, 0].max():14.2f}{np.median(ratios[:, 1]):14.2f}"
                f"{1000 * np.median(starts[:, 1]):14.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
