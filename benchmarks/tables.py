"""Memory and rows a second of a table that is read whole, streamed, and streamed by hand.

    python benchmarks/tables.py [--megabytes 300] [--rounds 3] [--only csv]

Writes a table of 14 columns of numbers, 3 of text and 2 of labels, and reads it in each way in a
process of its own. Printed are the seconds until the data are ready, rows of the training split a
second (the median of some epochs, with no model behind them), the seconds of processor time for a
million of them, and the peak of memory above that of the imported packages, until the data are
ready and after all epochs. Linux only.

By hand is, for CSV, what TensorFlow's own operations give: lines, shuffled in a buffer of as many
rows as that of `tf_mtl`, and decoded in batches. For Parquet it is pyarrow's batches, each shuffled
for itself, since a buffer of single rows took six times the processor time. Both learn nothing and
split off nothing: all of their rows count, of the others' only the four in five that are training
rows.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from tf_mtl import data

BATCH = 128
NUMBERS, TEXTS = 14, 3
TARGETS = {"kind": "classification", "price": "regression"}
COLUMNS = NUMBERS + TEXTS + len(TARGETS)
BUFFER = 4 * 2**20 // COLUMNS
WAYS = ("whole", "streamed", "by hand")
READERS = {"csv": data.from_csv, "parquet": data.from_parquet}


def piece(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Some rows."""
    numbers = {f"n{n}": random.normal(size=rows).astype("float32") for n in range(NUMBERS)}
    jobs = np.array(["baker", "smith", "tailor", "miller", "carpenter"])
    texts = {f"t{n}": random.choice(jobs, rows) for n in range(TEXTS)}
    labels = {"kind": random.integers(0, 5, rows), "price": random.normal(size=rows)}
    return pd.DataFrame(numbers | texts | labels)


def write(path: Path, rows: float = math.inf, megabytes: float = math.inf) -> int:
    """Writes a table of so many rows or megabytes, and returns the number of its rows."""
    random, size, written = np.random.default_rng(0), 50_000, 0
    with path.open("wb") as file:
        writer = None
        while written < rows and file.tell() < megabytes * 1e6:
            frame = piece(random, int(min(size, rows - written)))
            if path.suffix == ".csv":
                frame.to_csv(file, index=False, header=not written)
            else:
                table = pa.Table.from_pandas(frame)
                writer = writer or pq.ParquetWriter(file, table.schema)
                writer.write_table(table)
            written += len(frame)
        if writer:
            writer.close()
    return written


def csv_by_hand(path: str) -> tf.data.Dataset:
    """Lines, shuffled, then decoded a batch at a time."""
    defaults = [[0.0]] * NUMBERS + [[""]] * TEXTS + [[0], [0.0]]
    names = [f"n{n}" for n in range(NUMBERS)] + [f"t{n}" for n in range(TEXTS)]

    def decode(lines: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        *cells, kind, price = tf.io.decode_csv(lines, defaults)
        x = {name: cell[:, tf.newaxis] for name, cell in zip(names, cells, strict=True)}
        return x, {"kind": kind, "price": price}

    return (
        tf.data.TextLineDataset(path)
        .skip(1)
        .shuffle(BUFFER)
        .batch(BATCH)
        .map(decode, tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def parquet_by_hand(path: str) -> tf.data.Dataset:
    """Batches of pyarrow, each shuffled for itself by NumPy."""

    def batches() -> Iterator[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
        for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(2**20 // COLUMNS):
            order = np.random.permutation(len(batch))
            columns = {
                name: column.to_numpy(zero_copy_only=False)[order]
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            }
            y = {"kind": columns.pop("kind"), "price": columns.pop("price").astype("float32")}
            yield {name: column[:, np.newaxis] for name, column in columns.items()}, y

    x = {f"n{n}": tf.TensorSpec((None, 1), tf.float32) for n in range(NUMBERS)}
    x |= {f"t{n}": tf.TensorSpec((None, 1), tf.string) for n in range(TEXTS)}
    y = {"kind": tf.TensorSpec((None,), tf.int64), "price": tf.TensorSpec((None,), tf.float32)}
    return (
        tf.data.Dataset.from_generator(batches, output_signature=(x, y))
        .rebatch(BATCH)
        .prefetch(tf.data.AUTOTUNE)
    )


BY_HAND = {"csv": csv_by_hand, "parquet": parquet_by_hand}


def peak() -> float:
    """Peak of this process's memory in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", status)[1]) / 1024


def measure(way: str, kind: str, path: str, rounds: int) -> dict[str, float]:
    """Reads the table in one way."""
    for _ in tf.data.Dataset.range(2).batch(2):
        pass
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    imported, start = peak(), time.perf_counter()
    if way == "by hand":
        train = BY_HAND[kind](path)
    else:
        train = READERS[kind](path, TARGETS, batch_size=BATCH, stream=way == "streamed").train
    ready, ready_peak = time.perf_counter() - start, peak() - imported
    speeds, processor = [], []
    for _ in range(rounds):
        start, used = time.perf_counter(), time.process_time()
        rows = count(train)
        speeds.append(rows / (time.perf_counter() - start))
        processor.append((time.process_time() - used) / rows * 1e6)
    return {
        "ready s": ready,
        "rows/s": float(np.median(speeds)),
        "cpu s/million": float(np.median(processor)),
        "ready MB": ready_peak,
        "peak MB": peak() - imported,
    }


def count(dataset: tf.data.Dataset) -> int:
    """Number of rows of an epoch, of which Python sees none."""
    total = dataset.reduce(
        np.int64(0), lambda rows, batch: rows + tf.size(batch[1]["kind"], tf.int64)
    )
    return int(total)


def main() -> None:
    """Prints one row for each file and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=READERS)
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "KIND", "PATH"), help="one process")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure, arguments.rounds)))
        return
    titles = ("ready s", "rows/s", "cpu s/million", "ready MB", "peak MB")
    with tempfile.TemporaryDirectory() as folder:
        for kind in [arguments.only] if arguments.only else READERS:
            path = Path(folder) / f"table.{kind}"
            rows = write(path, megabytes=arguments.megabytes)
            print(f"{kind}, {path.stat().st_size / 1e6:.0f} MB, {rows} rows")
            print(f"{'':12}" + "".join(f"{title:>16}" for title in titles), flush=True)
            for way in WAYS:
                command = [sys.executable, __file__, "--rounds", str(arguments.rounds)]
                done = subprocess.run(
                    [*command, "--measure", way, kind, str(path)],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                found = json.loads(done.stdout.splitlines()[-1])
                print(
                    f"{way:12}" + "".join(f"{found[title]:16.1f}" for title in titles), flush=True
                )
            path.unlink()


if __name__ == "__main__":
    main()
