"""Steps on a GPU (or the CPU, where there is none): time, agreement with the CPU, the solve.

    python benchmarks/gpu.py [--networks mlp cnn resnet50] [--tasks 2 8 32] [--rounds 5]
        [--policies float32 mixed_bfloat16] [--xla off on] [--trace FOLDER]

Prints the median milliseconds of a step of each setting and its ratio to plain summing, taken in
turn; how far one step in float32 (without TF32) is from the CPU's; and how long the T x T solve
takes on each device. `--trace` writes a profile for TensorBoard that shows where the time goes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from networks import batch, network, network_steps

from tf_mtl import MultiTaskModel, aggregators

SETTINGS: dict[str, dict[str, Any]] = {
    "fixed weights": {"loss_weights": {"task_0": 0.5}},
    "uncertainty": {"loss_weights": "uncertainty"},
    "upgrad, features": {"aggregator": lambda: aggregators.UPGrad(wrt="features")},
    "upgrad": {"aggregator": "upgrad"},
    "upgrad, every='auto'": {"aggregator": lambda: aggregators.UPGrad(every="auto")},
    "pcgrad": {"aggregator": "pcgrad"},
    "nash_mtl": {"aggregator": "nash_mtl"},
    "cagrad": {"aggregator": "cagrad"},
    "gradnorm": {"aggregator": "gradnorm"},
}


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["mlp", "cnn", "resnet50"])
    parser.add_argument("--tasks", nargs="+", type=int, default=[2, 8, 32])
    parser.add_argument("--policies", nargs="+", default=["float32", "mixed_bfloat16"])
    parser.add_argument("--xla", nargs="+", choices=["off", "on"], default=["off", "on"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one measurement")
    parser.add_argument("--trace", help="folder for a profile")
    arguments = parser.parse_args()

    devices = [device.name for device in tf.config.list_logical_devices() if _computes(device)]
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, devices: {', '.join(devices)}")
    for policy in arguments.policies:
        for xla in arguments.xla:
            for kind in arguments.networks:
                for tasks in arguments.tasks:
                    step_times(kind, tasks, policy, xla == "on", arguments)
    if len(devices) > 1:
        agreement([kind for kind in arguments.networks if kind != "resnet50"], devices)
    else:
        print("\nno GPU: nothing to compare with the CPU")
    solves(devices)


def step_times(kind: str, tasks: int, policy: str, xla: bool, arguments: Any) -> None:
    """Prints the time of a step of each setting."""
    keras.backend.clear_session()
    keras.config.set_dtype_policy(policy)
    plain = network_steps(keras.Model, kind, tasks, jit_compile=xla)
    first = plain.milliseconds(3)
    steps = max(3, int(1000 * arguments.seconds / first))
    print(f"\n{kind}, T = {tasks}, {policy}, XLA {'on' if xla else 'off'}: plain {first:.2f} ms")
    for name in SETTINGS:
        setting = _made(name)
        ours = network_steps(MultiTaskModel, kind, tasks, jit_compile=xla, **setting)
        pairs = [
            (ours.milliseconds(steps), plain.milliseconds(steps)) for _ in range(arguments.rounds)
        ]
        ratio = statistics.median(a / b for a, b in pairs)
        print(
            f"  {name:22} {statistics.median(a for a, _ in pairs):8.2f} ms {ratio:7.2f}", flush=True
        )
        if arguments.trace:
            with tf.profiler.experimental.Profile(f"{arguments.trace}/{kind}-{tasks}-{name}"):
                ours.milliseconds(5)
    keras.config.set_dtype_policy("float32")


def agreement(kinds: list[str], devices: list[str]) -> None:
    """Prints the largest relative difference of one step's movement between devices."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    print("\none step in float32 without TF32, relative difference to the CPU (bar 1e-3)")
    for kind in kinds:
        for name in SETTINGS:
            moved = [_movement(kind, 8, name, device) for device in devices]
            base = np.linalg.norm(moved[0])
            print(
                f"  {kind} {name:22}",
                *(f"{np.linalg.norm(m - moved[0]) / base:.1e}" for m in moved[1:]),
            )
    tf.config.experimental.enable_tensor_float_32_execution(True)


def solves(devices: list[str]) -> None:
    """Prints the time of the T x T solve of each method on each device."""
    print("\nthe T x T solve alone, ms (bars on the CPU: 0.3 at T = 8, 2 at T = 40)")
    for tasks in (8, 40):
        rows = tf.random.stateless_normal([tasks, 1000], [1, 2])
        gramian = tf.matmul(rows, rows, transpose_b=True)
        for name in ("upgrad", "pcgrad", "nash_mtl", "cagrad", "gradnorm"):
            print(
                f"  T = {tasks:2} {name:10}", *(f"{_solve(name, gramian, d):8.3f}" for d in devices)
            )


def _solve(name: str, gramian: tf.Tensor, device: str) -> float:
    method = aggregators.get(name)
    with tf.device(device):
        method.build((gramian.shape[0], None))
        losses = tf.ones([gramian.shape[0]])
        solve = tf.function(lambda: method.weights(gramian, losses))
        solve()
        times = []
        for _ in range(30):
            start = time.perf_counter()
            np.asarray(solve())
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def _movement(kind: str, tasks: int, name: str, device: str) -> np.ndarray:
    """Returns how the variables move in one step."""
    keras.backend.clear_session()
    with tf.device(device):
        model = network(MultiTaskModel, kind, tasks)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        losses = {f"task_{i}": loss for i in range(tasks)}
        model.compile(keras.optimizers.SGD(1.0), loss=losses, jit_compile=False, **_made(name))
        before = [np.copy(weight) for weight in model.get_weights()]
        model.train_on_batch(*batch(kind, tasks))
    moved = zip(model.get_weights(), before, strict=True)
    return np.concatenate([np.ravel(after - b) for after, b in moved])


def _made(name: str) -> dict[str, Any]:
    return {key: value() if callable(value) else value for key, value in SETTINGS[name].items()}


def _computes(device: Any) -> bool:
    return device.device_type in ("CPU", "GPU")


if __name__ == "__main__":
    main()
