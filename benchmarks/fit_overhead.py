"""Step time of MultiTaskModel.fit with fixed weights against keras.Model.fit, paired.

    python benchmarks/fit_overhead.py [--steps 100] [--rounds 7]

Both models train in one process in turn, on the same data from one `tf.data` pipeline; the median
of the ratios is printed. The bar is 1.02.
"""

from __future__ import annotations

import argparse
import statistics
import time

import keras
import tensorflow as tf
from networks import batch, network

from tf_mtl import MultiTaskModel


def compiled(model_class: type[keras.Model], kind: str, tasks: int) -> keras.Model:
    """A network with fixed loss weights and metrics."""
    model = network(model_class, kind, tasks)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    names = list(model.output)
    model.compile(
        "sgd",
        loss=dict.fromkeys(names, loss),
        loss_weights=dict.fromkeys(names, 0.5),
        metrics=dict.fromkeys(names, "accuracy"),
        jit_compile=False,
    )
    return model


def seconds(model: keras.Model, data: tf.data.Dataset, steps: int) -> float:
    """Time of `steps` steps of fit."""
    start = time.perf_counter()
    model.fit(data, steps_per_epoch=steps, verbose=0, shuffle=False)
    return time.perf_counter() - start


def main() -> None:
    """Prints one row for each network and number of tasks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(
        f"{'network':8}{'tasks':>6}{'keras ms':>10}{'ours ms':>9}{'ratio':>8}{'min':>8}{'max':>8}"
    )
    for kind in ("mlp", "cnn"):
        for tasks in (2, 8):
            data = tf.data.Dataset.from_tensors(batch(kind, tasks)).repeat()
            models = [compiled(each, kind, tasks) for each in (keras.Model, MultiTaskModel)]
            for model in models:
                seconds(model, data, 5)
            times = []
            for i in range(arguments.rounds):
                order = (0, 1) if i % 2 else (1, 0)
                pair = {which: seconds(models[which], data, arguments.steps) for which in order}
                times.append((pair[0], pair[1]))
            ratios = [ours / plain for plain, ours in times]
            plain = 1000 * statistics.median(pair[0] for pair in times) / arguments.steps
            ours = 1000 * statistics.median(pair[1] for pair in times) / arguments.steps
            print(
                f"{kind:8}{tasks:6}{plain:10.2f}{ours:9.2f}{statistics.median(ratios):8.3f}"
                f"{min(ratios):8.3f}{max(ratios):8.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
