"""What many tasks cost: seconds to the first step, size of the graph, memory, milliseconds a step.

    python benchmarks/many_tasks.py [--tasks 8 32 128 617] [--rows 128] [--missing 0.7]

One binary head for each task on an MLP with 1024 inputs, labels missing at random, UPGrad at the
shared features; each number of tasks is run in a process of its own. Time to the first step and
graph should grow linearly in T, and 617 tasks (those of ToxCast) should stay below 6 GB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time


def measure(tasks: int, rows: int, missing: float, aggregator: str) -> None:
    """Prints a row."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tf_mtl import aggregators, build_model, heads, trunks

    random = np.random.default_rng(0)
    inputs = keras.Input((1024,))
    model = build_model(
        inputs,
        trunks.MLP([512, 256]),
        {f"task_{i}": heads.BinaryClassification() for i in range(tasks)},
    )
    method = {"features": aggregators.UPGrad(wrt="features"), "none": None}[aggregator]
    model.compile("sgd", metrics=None, aggregator=method, jit_compile=False)
    x = random.normal(size=(rows, 1024)).astype("float32")
    labels = random.integers(0, 2, (tasks, rows)).astype("float32")
    labels[random.random(labels.shape) < missing] = np.nan
    y = {f"task_{i}": row for i, row in enumerate(labels)}
    batches = iter(tf.data.Dataset.from_tensors((x, y)).repeat())
    model.make_train_function()
    start = time.perf_counter()
    model.train_function(batches)
    first = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(10):
        logs = model.train_function(batches)
    float(keras.tree.flatten(logs)[0])
    step = 100 * (time.perf_counter() - start)
    traced = tf.function(model.train_step, autograph=False).get_concrete_function(next(batches))
    operations = len(traced.graph.get_operations())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{tasks:5} {first:9.1f} {operations:11} {step:9.1f} {memory:7.2f}", flush=True)


def main() -> None:
    """Prints a row for each number of tasks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", type=int, default=[8, 32, 128, 617])
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--missing", type=float, default=0.7)
    parser.add_argument("--aggregator", choices=["features", "none"], default="features")
    parser.add_argument("--alone", action="store_true", help="in this process")
    arguments = parser.parse_args()
    if arguments.alone:
        measure(arguments.tasks[0], arguments.rows, arguments.missing, arguments.aggregator)
        return
    print("tasks   first s  operations   step ms  GB peak")
    for tasks in arguments.tasks:
        options = ["--tasks", str(tasks), "--rows", str(arguments.rows)]
        options += ["--missing", str(arguments.missing), "--aggregator", arguments.aggregator]
        subprocess.run([sys.executable, __file__, "--alone", *options], check=True)


if __name__ == "__main__":
    main()
