"""Accuracy of `tf-mtl train digits` over seeds: `python benchmarks/digits.py [--seeds 5]`."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tf_mtl import runs

SHOWN = {"digit": "accuracy", "odd": "accuracy", "ink": "r2"}
BARS = {"digit": 0.975, "odd": 0.98, "ink": 0.97}


def main(seeds: int) -> None:
    """Trains the default configuration with each seed and prints the results on the test split."""
    rows = []
    print(f"{'seed':>5} {'digit acc.':>11} {'odd acc.':>11} {'ink R²':>11} {'best':>5} {'s':>6}")
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            config = runs.RunConfig(seed=seed, run_directory=folder, saved_models=None)
            start = time.monotonic()
            finished = runs.train(config, verbose=0)
            seconds = time.monotonic() - start
        row = [finished.results[task][metric] for task, metric in SHOWN.items()]
        rows.append(row)
        numbers = " ".join(f"{value:11.4f}" for value in row)
        print(f"{seed:>5} {numbers} {finished.best_epoch:>5} {seconds:6.1f}", flush=True)
    for name, function in (("mean", statistics.mean), ("min", min)):
        values = [function(column) for column in zip(*rows, strict=True)]
        print(f"{name:>5} " + " ".join(f"{value:11.4f}" for value in values))
    print(f"{'bar':>5} " + " ".join(f"{bar:11.4f}" for bar in BARS.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    main(**vars(parser.parse_args()))
