"""Milliseconds of a training step: this package, plain Keras, and PyTorch's, taken in turn.

    python benchmarks/step_time.py [--peer-python PATH] [--networks mlp cnn] [--tasks 2 8 32]
        [--methods upgrad ...] [--rounds 7]

`--peer-python` is the interpreter of an environment with torch and torchjd[full]; without it the
peers' columns are left out: TorchJD at its fastest, and LibMTL's way of taking gradients (a
backward pass for each task, whose gradients are joined) with TorchJD's methods. Every round asks
each program in turn, and the medians of the rounds' ratios are printed, so that a machine whose
speed changes does not matter.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

BARS = {("mlp", 2): 1.6, ("mlp", 8): 4.2, ("mlp", 32): 12.0}
BARS |= {("cnn", 2): 1.65, ("cnn", 8): 5.0, ("cnn", 32): 15.0}
PEER_BARS = {"mlp": 0.55, "cnn": 0.85}
# With n steps of TorchJD's options that are fastest somewhere.
PEER_OPTIONS: list[dict[str, Any]] = [{}, {"chunk": 1}, {"chunk": 1, "gramian": True}]
METHODS = [
    "upgrad",
    "dualproj",
    "pcgrad",
    "mgda",
    "cagrad",
    "nash_mtl",
    "imtl_g",
    "aligned_mtl",
    "config",
    "graddrop",
    "gradvac",
    "fairgrad",
    "sdmgrad",
    "modo",
    "pcd",
    "krum",
    "trimmed_mean",
    "mean",
]


class Worker:
    """A program that answers requests for measurements.

    Args:
        command: What to start.
    """

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request: Any) -> float:
        """Returns the milliseconds of a step, infinite where the worker cannot take it."""
        self.send(request)
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The worker stopped at {request}.")
        milliseconds = json.loads(answer)
        return math.inf if milliseconds is None else float(milliseconds)

    def send(self, request: Any) -> None:
        """Sends a request."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()


def serve() -> None:
    """The worker of this package: answers requests until the input ends."""
    import keras
    from networks import Steps, network_steps

    from tf_mtl import MultiTaskModel, aggregators

    def steps_of(network: str, tasks: int, method: str, options: dict[str, Any]) -> Steps:
        if method == "plain":
            return network_steps(keras.Model, network, tasks)
        aggregator = type(aggregators.get(method))(**options)
        return network_steps(MultiTaskModel, network, tasks, aggregator=aggregator)

    ready: dict[str, Steps] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request == "forget":
            ready.clear()
            keras.backend.clear_session()
            continue
        steps = request.pop("steps")
        key = json.dumps(request)
        if key not in ready:
            ready[key] = steps_of(**request)
        print(json.dumps(ready[key].milliseconds(steps)), flush=True)


def main() -> None:
    """Prints one row for each network, number of tasks and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="interpreter with torch and torchjd")
    parser.add_argument("--networks", nargs="+", default=["mlp", "cnn"])
    parser.add_argument("--tasks", nargs="+", type=int, default=[2, 8, 32])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument(
        "--options", type=json.loads, default={}, help='such as {"wrt": "features"}'
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one measurement")
    arguments = parser.parse_args()

    ours = Worker([sys.executable, __file__, "--worker"])
    peer = None
    if arguments.peer_python:
        script = Path(__file__).with_name("step_time_torchjd.py")
        peer = Worker([arguments.peer_python, str(script), str(os.cpu_count())])
    print(
        f"options: {arguments.options or 'none'}; ms a step, medians of {arguments.rounds} rounds"
    )
    print(
        "network   T  method          plain    ours  ours/plain   bar   "
        "TorchJD  ours/TorchJD  bar   LibMTL's way  ours/LibMTL's"
    )
    for network in arguments.networks:
        for tasks in arguments.tasks:
            for method in arguments.methods:
                print(_row(ours, peer, network, tasks, method, arguments), flush=True)
            for worker in (ours, peer):
                if worker is not None:
                    worker.send("forget")


def _row(
    ours: Worker, peer: Worker | None, network: str, tasks: int, method: str, arguments: Any
) -> str:
    one: dict[str, Any] = {"network": network, "tasks": tasks}
    first = ours.ask(**one, method=method, options=arguments.options, steps=1)
    steps = max(2, int(arguments.seconds * 1000 / first))
    plain, mine, theirs, loops = [], [], [], []
    for _ in range(arguments.rounds):
        plain.append(ours.ask(**one, method="plain", options={}, steps=2 * steps))
        mine.append(ours.ask(**one, method=method, options=arguments.options, steps=steps))
        if peer is not None:
            asked = {**one, "method": method, "steps": max(1, steps // 2)}
            theirs.append(min(peer.ask(**asked, options=each) for each in PEER_OPTIONS))
            loops.append(peer.ask(**asked, options={"loop": True}))
    ratio = statistics.median(a / b for a, b in zip(mine, plain, strict=True))
    row = (
        f"{network:7} {tasks:3}  {method:13} {statistics.median(plain):7.1f} "
        f"{statistics.median(mine):7.1f} {ratio:11.2f} {BARS.get((network, tasks), 0):5.2f}"
    )
    if math.inf in theirs:
        return f"{row}  not in TorchJD"
    if theirs:
        against, against_loop = (
            statistics.median(a / b for a, b in zip(mine, times, strict=True))
            for times in (theirs, loops)
        )
        row += f" {statistics.median(theirs):9.1f} {against:13.2f} {PEER_BARS[network]:4.2f}"
        row += f" {statistics.median(loops):14.1f} {against_loop:14.2f}"
    return row


if __name__ == "__main__":
    serve() if "--worker" in sys.argv else main()
