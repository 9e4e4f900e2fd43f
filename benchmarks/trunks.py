"""Step time of each trunk against the same network written by hand in plain Keras, paired.

    python benchmarks/trunks.py [--steps 50] [--rounds 9] [--trunks MMoE PLE]

Both train in one process in turn, on the same batch; the median of the ratios is printed. The bar
is 1.05. A trunk is added by one row of `ROWS`: the trunk, and a function from inputs to
`{task: features}` in plain Keras.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tf_mtl import build_model, heads, trunks

TASKS = ["a", "b", "c"]
UNITS = [128, 64]
BATCH, COLUMNS = 512, 100


def stack(inputs: Any, units: list[int]) -> Any:
    for width in units:
        inputs = keras.layers.Dense(width, activation="relu")(inputs)
    return inputs


def mixture(gate: Any, experts: list[Any]) -> Any:
    """The fastest of the ways measured on a CPU; stacking and one einsum takes twice as long."""
    return keras.layers.add([gate[:, i : i + 1] * expert for i, expert in enumerate(experts)])


def softmax_gate(inputs: Any, experts: list[Any]) -> Any:
    gate = keras.layers.Dense(len(experts), activation="softmax", use_bias=False)(inputs)
    return mixture(gate, experts)


def hard_sharing(inputs: Any) -> dict[str, Any]:
    return dict.fromkeys(TASKS, stack(inputs, UNITS))


def mmoe(inputs: Any) -> dict[str, Any]:
    experts = [stack(inputs, UNITS) for _ in range(4)]
    return {task: softmax_gate(inputs, experts) for task in TASKS}


def omoe(inputs: Any) -> dict[str, Any]:
    return dict.fromkeys(TASKS, softmax_gate(inputs, [stack(inputs, UNITS) for _ in range(4)]))


def cgc(inputs: Any) -> dict[str, Any]:
    shared = [stack(inputs, UNITS) for _ in range(2)]
    return {
        task: softmax_gate(inputs, [stack(inputs, UNITS) for _ in range(2)] + shared)
        for task in TASKS
    }


def ple(inputs: Any) -> dict[str, Any]:
    first = {task: stack(inputs, [128]) for task in TASKS}
    shared = stack(inputs, [128])
    features = {task: softmax_gate(inputs, [first[task], shared]) for task in TASKS}
    above = stack(softmax_gate(inputs, [*first.values(), shared]), [64])
    return {task: softmax_gate(each, [stack(each, [64]), above]) for task, each in features.items()}


class PlainSelection(keras.layers.Layer):
    """Gate of DSelect-k for four experts."""

    def build(self, shape: Any) -> None:  # noqa: D102
        self.z = self.add_weight(shape=(shape[-1], 4))
        self.alpha = self.add_weight(shape=(shape[-1], 2))

    def call(self, x: Any) -> Any:  # noqa: D102
        z = tf.clip_by_value(tf.reshape(tf.matmul(x, self.z), (-1, 2, 1, 2)), -0.5, 0.5)
        step = -2 * z * z * z + 1.5 * z + 0.5
        codes = tf.constant([[0, 0], [1, 0], [0, 1], [1, 1]]) == 1
        chosen = tf.reduce_prod(tf.where(codes, step, 1 - step), axis=-1)
        weights = tf.nn.softmax(tf.matmul(x, self.alpha))[:, :, None]
        return tf.reduce_sum(weights * chosen, axis=1)


def dselect_k(inputs: Any) -> dict[str, Any]:
    experts = [stack(inputs, UNITS) for _ in range(4)]
    return {task: mixture(PlainSelection()(inputs), experts) for task in TASKS}


class PlainRouting(keras.layers.Layer):
    """What one task sees of four sub-networks, each transformed."""

    def build(self, shapes: Any) -> None:  # noqa: D102
        self.alpha = self.add_weight(shape=(4,))
        width = shapes[0][-1]
        self.kernels = [self.add_weight(shape=(width, width)) for _ in range(4)]

    def call(self, outputs: Any, training: bool = False) -> Any:  # noqa: D102
        s = tf.sigmoid(self.alpha)
        if training:
            u = tf.random.uniform((4,))
            s = tf.sigmoid((tf.math.log(u) - tf.math.log1p(-u) + self.alpha) * 1.5)
        z = tf.clip_by_value(1.2 * s - 0.1, 0.0, 1.0)
        return tf.add_n([z[i] * tf.matmul(outputs[i], self.kernels[i]) for i in range(4)])


def snr(inputs: Any) -> dict[str, Any]:
    outputs = [stack(inputs, UNITS) for _ in range(4)]
    return {task: PlainRouting()(outputs) for task in TASKS}


ROWS: dict[str, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
    "HardSharing": (trunks.HardSharing(trunks.MLP(UNITS)), hard_sharing),
    "MMoE": (trunks.MMoE(UNITS, num_experts=4), mmoe),
    "OMoE": (trunks.OMoE(UNITS, num_experts=4), omoe),
    "CGC": (trunks.CGC(UNITS, num_experts=2, num_shared_experts=2), cgc),
    "PLE": (trunks.PLE([[128], [64]], num_experts=1, num_shared_experts=1), ple),
    "DSelectK": (trunks.DSelectK(UNITS, num_experts=4, num_selected=2), dselect_k),
    "SNR": (trunks.SNR(UNITS, num_experts=4, num_levels=1), snr),
}


def models(name: str) -> tuple[keras.Model, keras.Model]:
    """The network by hand, and with the trunk; both compiled."""
    trunk, by_hand = ROWS[name]
    inputs = keras.Input((COLUMNS,), name="x")
    outputs = {
        task: keras.layers.Dense(1, name=f"head_{task}")(features)
        for task, features in by_hand(inputs).items()
    }
    plain = keras.Model(inputs, outputs)
    ours = build_model(
        keras.Input((COLUMNS,), name="x"), trunk, {task: heads.Regression() for task in TASKS}
    )
    if plain.count_params() != ours.count_params():
        raise AssertionError(f"{name}: {plain.count_params()} against {ours.count_params()}")
    for model in (plain, ours):
        loss = dict.fromkeys(TASKS, "mse")
        model.compile("adam", loss=loss, metrics=None, jit_compile=False)
    return plain, ours


def seconds(model: keras.Model, data: tf.data.Dataset, steps: int) -> float:
    """Time of `steps` steps of fit."""
    start = time.perf_counter()
    model.fit(data, steps_per_epoch=steps, verbose=0, shuffle=False)
    return time.perf_counter() - start


def main() -> None:
    """Prints one row for each trunk."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--trunks", nargs="+", choices=list(ROWS), default=list(ROWS))
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    x = random.normal(size=(BATCH, COLUMNS)).astype("float32")
    y = {task: random.normal(size=(BATCH, 1)).astype("float32") for task in TASKS}
    data = tf.data.Dataset.from_tensors((x, y)).repeat()
    print(f"{'trunk':12}{'parameters':>12}{'by hand ms':>12}{'ours ms':>9}{'ratio':>8}")
    for name in arguments.trunks:
        pair = models(name)
        for model in pair:
            seconds(model, data, 5)
        times = []
        for i in range(arguments.rounds):
            order = (0, 1) if i % 2 else (1, 0)
            found = {which: seconds(pair[which], data, arguments.steps) for which in order}
            times.append((found[0], found[1]))
        plain, ours = (
            1000 * statistics.median(time[which] for time in times) / arguments.steps
            for which in (0, 1)
        )
        ratio = statistics.median(b / a for a, b in times)
        parameters = pair[0].count_params()
        print(f"{name:12}{parameters:12}{plain:12.2f}{ours:9.2f}{ratio:8.3f}", flush=True)


if __name__ == "__main__":
    main()
