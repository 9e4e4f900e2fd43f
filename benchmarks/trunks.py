"""Step time of each trunk against the same network written by hand in plain Keras, paired.

    python benchmarks/trunks.py [--steps 300] [--rounds 7] [--trunks MMoE PLE]

Both train in one process in turn, on the same batch; the median of the ratios of steps is printed
(`fit_overhead.py` tells what `fit` adds). The bar is 1.05. A trunk is added by one row of `ROWS`:
the trunk, and a function from inputs to `{task: features}` in plain Keras.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from networks import Steps

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


class PlainSum(keras.layers.Layer):
    """A weighted sum of tensors, channel by channel."""

    def build(self, shapes: Any) -> None:  # noqa: D102
        self.alpha = self.add_weight(shape=(len(shapes), shapes[0][-1]))

    def call(self, tensors: Any) -> Any:  # noqa: D102
        return tf.add_n([each * self.alpha[i] for i, each in enumerate(tensors)])


def cross_stitch(inputs: Any) -> dict[str, Any]:
    columns = [inputs] * 3
    for width in UNITS:
        columns = [stack(each, [width]) for each in columns]
        columns = [PlainSum()(columns) for _ in TASKS]
    return dict(zip(TASKS, columns, strict=True))


def nddr(inputs: Any) -> dict[str, Any]:
    columns = [inputs] * 3
    for width in UNITS:
        joined = keras.layers.concatenate([stack(each, [width]) for each in columns])
        columns = [keras.layers.Dense(width, use_bias=False)(joined) for _ in TASKS]
        columns = [keras.layers.BatchNormalization()(each) for each in columns]
        columns = [keras.layers.Activation("relu")(each) for each in columns]
    return dict(zip(TASKS, columns, strict=True))


def mtan(inputs: Any) -> dict[str, Any]:
    first = stack(inputs, [128])
    second = stack(first, [64])
    extract = keras.layers.Dense(64, "relu")
    features = {}
    for task in TASKS:
        mask = keras.layers.Dense(128, "sigmoid")(stack(first, [128]))
        seen = keras.layers.concatenate([second, extract(mask * first)])
        features[task] = keras.layers.Dense(64, "sigmoid")(stack(seen, [64])) * second
    return features


class PlainTie(keras.layers.Layer):
    """The squared distances between kernels, as a loss."""

    def __init__(self, columns: list[list[keras.layers.Layer]]) -> None:
        super().__init__()
        object.__setattr__(self, "columns", columns)

    def call(self, x: Any) -> Any:  # noqa: D102
        for layers in zip(*self.columns, strict=True):
            for group in zip(*(layer.trainable_variables for layer in layers), strict=True):
                for i, first in enumerate(group):
                    for second in group[:i]:
                        self.add_loss(0.01 * tf.reduce_sum(tf.square(first.value - second.value)))
        return x


def soft_sharing(inputs: Any) -> dict[str, Any]:
    columns = [[keras.layers.Dense(width, activation="relu") for width in UNITS] for _ in TASKS]
    features = []
    for column in columns:
        each = inputs
        for layer in column:
            each = layer(each)
        features.append(each)
    features[-1] = PlainTie(columns)(features[-1])
    return dict(zip(TASKS, features, strict=True))


class PlainModulation(keras.layers.Layer):
    """A scale and a shift of each channel."""

    def build(self, shape: Any) -> None:  # noqa: D102
        self.gamma = self.add_weight(shape=(shape[-1],))
        self.beta = self.add_weight(shape=(shape[-1],))

    def call(self, x: Any) -> Any:  # noqa: D102
        return x * (1 + self.gamma) + self.beta


def task_perturbed(inputs: Any) -> dict[str, Any]:
    shared = stack(inputs, UNITS)
    return {task: PlainModulation()(shared) for task in TASKS}


class PlainTransfer(keras.layers.Layer):
    """Attention between two vectors."""

    def build(self, shapes: Any) -> None:  # noqa: D102
        width = shapes[0][-1]
        self.kernels = [self.add_weight(shape=(width, width)) for _ in range(3)]

    def call(self, pair: Any) -> Any:  # noqa: D102
        stacked = tf.stack(pair, axis=1)
        value, key, query = (tf.matmul(stacked, kernel) for kernel in self.kernels)
        scores = tf.reduce_sum(key * query, axis=-1, keepdims=True) / stacked.shape[-1] ** 0.5
        return tf.reduce_sum(tf.nn.softmax(scores, axis=1) * value, axis=1)


def aitm(inputs: Any) -> dict[str, Any]:
    shared = stack(inputs, [128])
    towers = [stack(shared, [64]) for _ in TASKS]
    features = towers[:1]
    for tower in towers[1:]:
        features.append(PlainTransfer()([stack(features[-1], [64]), tower]))
    return dict(zip(TASKS, features, strict=True))


def dbmtl(inputs: Any) -> dict[str, Any]:
    shared = stack(inputs, [128])
    a, b, c = (stack(shared, [64]) for _ in TASKS)
    b = stack(keras.layers.concatenate([b, a]), [32])
    return {"a": a, "b": b, "c": stack(keras.layers.concatenate([c, a, b]), [32])}


def branching(inputs: Any) -> dict[str, Any]:
    shared = stack(inputs, [128])
    return {task: stack(shared, [64]) for task in TASKS}


ROWS: dict[str, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
    "HardSharing": (trunks.HardSharing(trunks.MLP(UNITS)), hard_sharing),
    "MMoE": (trunks.MMoE(UNITS, num_experts=4), mmoe),
    "OMoE": (trunks.OMoE(UNITS, num_experts=4), omoe),
    "CGC": (trunks.CGC(UNITS, num_experts=2, num_shared_experts=2), cgc),
    "PLE": (trunks.PLE([[128], [64]], num_experts=1, num_shared_experts=1), ple),
    "DSelectK": (trunks.DSelectK(UNITS, num_experts=4, num_selected=2), dselect_k),
    "SNR": (trunks.SNR(UNITS, num_experts=4, num_levels=1), snr),
    "CrossStitch": (trunks.CrossStitch(UNITS), cross_stitch),
    "NDDR": (trunks.NDDR(UNITS), nddr),
    "MTAN": (trunks.MTAN(UNITS, normalization=False), mtan),
    "SoftSharing": (trunks.SoftSharing(UNITS), soft_sharing),
    "TaskPerturbed": (trunks.TaskPerturbed(UNITS), task_perturbed),
    "AITM": (trunks.AITM([128]), aitm),
    "DBMTL": (trunks.DBMTL([128], {"b": ["a"], "c": ["a", "b"]}), dbmtl),
    "Branching": (trunks.Branching.at(UNITS, dict.fromkeys(TASKS, 1)), branching),
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


def main() -> None:
    """Prints one row for each trunk."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--trunks", nargs="+", choices=list(ROWS), default=list(ROWS))
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    x = random.normal(size=(BATCH, COLUMNS)).astype("float32")
    y = {task: random.normal(size=(BATCH, 1)).astype("float32") for task in TASKS}
    print(f"{'trunk':14}{'parameters':>12}{'by hand ms':>12}{'ours ms':>9}{'ratio':>8}")
    for name in arguments.trunks:
        made = models(name)
        parameters = made[0].count_params()
        pair = [Steps(model, (x, y)) for model in made]
        times = []
        for i in range(arguments.rounds):
            order = (0, 1) if i % 2 else (1, 0)
            found = {which: pair[which].milliseconds(arguments.steps) for which in order}
            times.append((found[0], found[1]))
        plain, ours = (statistics.median(time[which] for time in times) for which in (0, 1))
        ratio = statistics.median(b / a for a, b in times)
        print(f"{name:14}{parameters:12}{plain:12.2f}{ours:9.2f}{ratio:8.3f}", flush=True)


if __name__ == "__main__":
    main()
