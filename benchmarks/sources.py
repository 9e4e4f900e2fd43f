"""Rows a second of the package's sources against the same `tf.data` pipelines written by hand.

    python benchmarks/sources.py [--rows 60000] [--rounds 7] [--only tfrecord]

Both pipelines read the same files with the same batches, shuffle buffer and prefetching. They are
read in turn, once to warm up and then in pairs in alternating order; the median of the ratios is
printed, of time and of processor time. The bar is 0.95.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tables
import tensorflow as tf
from scipy.io import wavfile

from tf_mtl import data

BATCH = 128
BUFFER = 10_000
SHARES = (0.98, 0.01, 0.01)  # where nothing is split off by hand
Case = tuple[str, tf.data.Dataset, tf.data.Dataset, int]


def tfrecords(folder: Path, rows: int) -> Iterator[Case]:
    """Rows of 28 × 28 bytes, of 64 floats, and of 20 columns, plain and compressed."""
    random = np.random.default_rng(0)
    y = {"kind": random.integers(0, 5, rows), "price": random.normal(size=rows)}
    sources = {
        "floats": random.normal(size=(rows, 64)).astype("float32"),
        "pixels": random.integers(0, 255, (rows, 784)),
        "columns": {f"c{n}": random.normal(size=(rows, 1)).astype("float32") for n in range(20)},
    }
    for name, x in sources.items():
        splits = data.from_numpy(x, y, {"kind": "classification"}, batch_size=BATCH)
        for compression in (None, "gzip"):
            place = folder / f"{name}-{compression}"
            data.write_tfrecord(splits, place, rows_per_shard=rows // 16, compression=compression)
            ours = data.from_tfrecord(place, batch_size=BATCH, shuffle=BUFFER)
            files = sorted(str(path) for path in place.glob("train-*"))
            title = f"tfrecord {name}{' gzip' if compression else ''}"
            yield title, by_hand(files, x, compression), ours.train, splits.sizes["train"]


def images(folder: Path, rows: int) -> Iterator[Case]:
    """JPEG files of 96 × 128 pixels, resized to 64 × 64."""
    random = np.random.default_rng(0)
    place, rows = folder / "images", rows // 20
    noise = tf.image.resize(random.integers(0, 255, (12, 16, 3)), (96, 128)).numpy()
    for number in range(rows):
        path = place / f"class_{number % 5}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = tf.cast(np.roll(noise, number, axis=1), tf.uint8)
        path.write_bytes(tf.io.encode_jpeg(image).numpy())
    ours = data.from_image_folder(place, size=(64, 64), batch_size=BATCH, test_files="0[.]jpg")
    names = sorted(str(path) for path in place.rglob("*.jpg"))[: ours.sizes["train"]]
    labels = [int(Path(name).parent.name[-1]) for name in names]

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        image = tf.io.decode_jpeg(tf.io.read_file(path), 3)
        image = tf.round(tf.image.resize(image, (64, 64), antialias=True))
        return tf.cast(image, tf.uint8), {"label": label}

    yield "image folder", of_files(names, labels, read), ours.train, len(names)


def sounds(folder: Path, rows: int) -> Iterator[Case]:
    """WAV files of half a second at 8000 samples a second."""
    random = np.random.default_rng(0)
    place, rows = folder / "sounds", rows // 20
    place.mkdir()
    for number in range(rows):
        sound = np.round(random.uniform(-1, 1, 4000) * 32767).astype("int16")
        wavfile.write(place / f"{number % 5}_{number}.wav", 8000, sound)
    ours = data.from_audio_folder(place, r"(?P<label>\d)_", batch_size=BATCH, test_files="0[.]wav")
    names = sorted(str(path) for path in place.rglob("*.wav"))[: ours.sizes["train"]]
    labels = [int(Path(name).name[0]) for name in names]

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        sound = tf.audio.decode_wav(tf.io.read_file(path), 1, 4000).audio
        return tf.squeeze(sound, axis=-1), {"label": label}

    yield "audio folder", of_files(names, labels, read), ours.train, len(names)


def of_files(names: list[str], labels: list[int], read: Any) -> tf.data.Dataset:
    return (
        tf.data.Dataset.from_tensor_slices((names, labels))
        .shuffle(len(names))
        .map(read, tf.data.AUTOTUNE)
        .batch(BATCH)
        .prefetch(tf.data.AUTOTUNE)
    )


def streamed(folder: Path, rows: int) -> Iterator[Case]:
    """Files of a table that are read in pieces; by hand nothing is split off."""
    for kind, read in tables.READERS.items():
        path = folder / f"table.{kind}"
        count = tables.write(path, rows=5 * rows)
        splits = read(path, tables.TARGETS, batch_size=BATCH, fractions=SHARES, stream=True)
        yield f"streamed {kind}", tables.BY_HAND[kind](str(path)), splits.train, count


def by_hand(files: list[str], x: object, compression: str | None) -> tf.data.Dataset:
    """The pipeline of TensorFlow's own guide to performance."""
    if isinstance(x, dict):
        features = {f"x/{name}": tf.io.FixedLenFeature((1,), tf.float32) for name in x}
    else:
        dtype = tf.float32 if x.dtype.kind == "f" else tf.int64
        features = {"x": tf.io.FixedLenFeature((x.shape[1],), dtype)}
    features["y/kind"] = tf.io.FixedLenFeature((), tf.int64)
    features["y/price"] = tf.io.FixedLenFeature((), tf.float32)

    def parse(records: tf.Tensor) -> tuple[object, dict[str, tf.Tensor]]:
        parsed = tf.io.parse_example(records, features)
        y = {task: parsed.pop(f"y/{task}") for task in ("kind", "price")}
        y["kind"] = tf.cast(y["kind"], tf.int32)
        if "x" not in parsed:
            return {name.removeprefix("x/"): value for name, value in parsed.items()}, y
        x = parsed["x"]
        return (tf.cast(x, tf.int32) if x.dtype == tf.int64 else x), y

    return (
        tf.data.Dataset.from_tensor_slices(files)
        .shuffle(len(files))
        .interleave(
            lambda path: tf.data.TFRecordDataset(path, "GZIP" if compression else ""),
            cycle_length=16,
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .shuffle(BUFFER)
        .batch(BATCH)
        .map(parse, tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def seconds(dataset: tf.data.Dataset) -> np.ndarray:
    """Time and processor time to read a data set once."""
    start = np.array([time.perf_counter(), time.process_time()])
    for _ in dataset:
        pass
    return np.array([time.perf_counter(), time.process_time()]) - start


KINDS = {"tfrecord": tfrecords, "images": images, "sounds": sounds, "tables": streamed}


def main() -> None:
    """Prints one row for each kind of source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=KINDS)
    arguments = parser.parse_args()
    titles = ("by hand rows/s", "rows/s", "ratio", "min", "max", "cpu ratio")
    print(f"{'source':24}" + "".join(f"{title:>16}" for title in titles))
    with tempfile.TemporaryDirectory() as folder:
        for kind in [arguments.only] if arguments.only else KINDS:
            for name, hand, ours, rows in KINDS[kind](Path(folder), arguments.rows):
                pairs = []
                for turn in range(arguments.rounds + 1):
                    pair = {}
                    for which in (0, 1) if turn % 2 else (1, 0):
                        pair[which] = rows / seconds((hand, ours)[which])
                    pairs.append([pair[0], pair[1]])
                speeds = np.array(pairs[1:])
                ratios = speeds[:, 1] / speeds[:, 0]
                middle = np.median(speeds[..., 0], axis=0)
                print(
                    f"{name:24}{middle[0]:16.0f}{middle[1]:16.0f}{np.median(ratios[:, 0]):16.2f}"
                    f"{ratios[:, 0].min():16.2f}{ratios[:, 0].max():16.2f}"
                    f"{np.median(ratios[:, 1]):16.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
