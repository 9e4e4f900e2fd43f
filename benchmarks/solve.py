"""Time of the T×T solve of every aggregator, inside a tf.function, with and without XLA.

    python benchmarks/solve.py [--methods upgrad pcgrad] [--tasks 2 8 32 40] [--calls 100]

Prints milliseconds: the median of many calls of `weights(gramian)`, less that of a function that
returns a row of the Gramian. Methods that keep T gradients (GradDrop, TrimmedMean, MoCo, DBMTL)
have no T×T solve and are timed on a Jacobian `[T, 1000]`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_mtl import aggregators


def milliseconds(function: Callable[..., Any], *arguments: Any, calls: int) -> float:
    """Returns the median time of a call, after two to warm up."""
    times = []
    for call in range(calls + 2):
        start = time.perf_counter()
        tf.nest.map_structure(lambda tensor: tensor.numpy(), function(*arguments))
        if call >= 2:
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def solve_time(name: str, tasks: int, jit: bool, calls: int) -> float:
    """Returns the milliseconds that one method takes for its weights, less an empty call."""
    rng = np.random.default_rng(tasks)
    rows = rng.standard_normal((tasks, 1000)) * rng.uniform(0.1, 10.0, (tasks, 1))
    rows[:, :20] *= 10.0  # so that many pairs conflict
    losses = tf.ones(tasks)
    method = aggregators.get(name)
    if isinstance(method, aggregators.GramianAggregator):
        given, solve = tf.constant(rows @ rows.T, tf.float32), method.weights
    else:
        given, solve = tf.constant(rows, tf.float32), method.call
    method.build((tasks, given.shape[1]))
    solved = tf.function(solve, jit_compile=jit, autograph=False)
    empty = tf.function(lambda given, losses: given[0], jit_compile=jit, autograph=False)
    return milliseconds(solved, given, losses, calls=calls) - milliseconds(
        empty, given, losses, calls=calls
    )


def main() -> None:
    known = [name.lower() for name in aggregators.__all__ if name[0].isupper()]
    known = [name for name in known if name not in ("aggregator", "gramianaggregator")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=sorted(known))
    parser.add_argument("--tasks", nargs="+", type=int, default=[2, 8, 32, 40])
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    heads = [
        f"T={tasks}{' XLA' if jit else ''}" for tasks in options.tasks for jit in (False, True)
    ]
    print("| ms | " + " | ".join(heads) + " |")
    print("|---|" + "---|" * len(heads))
    for name in options.methods:
        times = [
            solve_time(name, tasks, jit, options.calls)
            for tasks in options.tasks
            for jit in (False, True)
        ]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in times) + " |", flush=True)


if __name__ == "__main__":
    main()
