"""The peer's side of step_time.py: TorchJD, in an environment of its own that has PyTorch.

Reads one JSON line for each measurement and answers with milliseconds a step, or null where this
TorchJD has no such method, or none for these options or so few tasks. It is started by
step_time.py; the networks, batches and optimizer are those of that file.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
from torch import nn
from torchjd import aggregation
from torchjd.autojac import jac_to_grad, mtl_backward

METHODS = {
    "upgrad": lambda tasks: aggregation.UPGrad(),
    "dualproj": lambda tasks: aggregation.DualProj(),
    "pcgrad": lambda tasks: aggregation.PCGrad(),
    "mgda": lambda tasks: aggregation.MGDA(),
    "cagrad": lambda tasks: aggregation.CAGrad(c=0.4),
    "nash_mtl": lambda tasks: aggregation.NashMTL(n_tasks=tasks),
    "imtl_g": lambda tasks: aggregation.IMTLG(),
    "aligned_mtl": lambda tasks: aggregation.AlignedMTL(),
    "config": lambda tasks: aggregation.ConFIG(),
    "graddrop": lambda tasks: aggregation.GradDrop(),
    "gradvac": lambda tasks: aggregation.GradVac(),
    "fairgrad": lambda tasks: aggregation.FairGrad(alpha=1.0),
    "pcd": lambda tasks: aggregation.PCD(),
    "krum": lambda tasks: aggregation.Krum(0),
    "trimmed_mean": lambda tasks: aggregation.TrimmedMean(0),
    "mean": lambda tasks: aggregation.Mean(),
    "sum": lambda tasks: aggregation.Sum(),
}


class Network(nn.Module):
    """An MLP 784-4x512 or a CNN 32-64-128-256 with heads of ten classes."""

    def __init__(self, kind: str, tasks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if kind == "mlp":
            width = 784
            for _ in range(4):
                layers += [nn.Linear(width, 512), nn.ReLU()]
                width = 512
        else:
            channels = 1
            for filters in (32, 64, 128):
                layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
                channels = filters
            layers += [nn.Flatten(), nn.Linear(128 * 9, 256), nn.ReLU()]
            width = 256
        self.trunk = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Linear(width, 10) for _ in range(tasks))


class Measurement:
    """One network with one method, ready to take steps.

    Args:
        network: "mlp" or "cnn".
        tasks: Number of tasks.
        method: A key of `METHODS`, or "plain".
        options: `chunk` (parallel_chunk_size) and `gramian` (optimize_gramian_computation), or
            `loop`: a backward pass for each task and rows of all shared gradients, as LibMTL does.
    """

    def __init__(self, network: str, tasks: int, method: str, options: dict[str, Any]) -> None:
        torch.manual_seed(0)
        self.model = Network(network, tasks)
        batch, shape = (256, (784,)) if network == "mlp" else (128, (1, 28, 28))
        self.x = torch.randn(batch, *shape)
        self.y = [torch.randint(0, 10, (batch,)) for _ in range(tasks)]
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
        self.aggregator = None if method == "plain" else METHODS[method](tasks)
        self.chunk = options.get("chunk")
        self.by_gramian = options.get("gramian", False)
        self.loop = options.get("loop", False)

    def step(self) -> None:
        """Takes a training step."""
        features = self.model.trunk(self.x)
        loss = nn.functional.cross_entropy
        losses = [loss(head(features), y) for head, y in zip(self.model.heads, self.y, strict=True)]
        self.optimizer.zero_grad()
        if self.aggregator is None:
            torch.stack(losses).sum().backward()
        elif self.loop:
            self._one_backward_each(losses)
        else:
            mtl_backward(losses, features=features, parallel_chunk_size=self.chunk)
            more = {"optimize_gramian_computation": True} if self.by_gramian else {}
            jac_to_grad(self.model.trunk.parameters(), self.aggregator, **more)
        self.optimizer.step()

    def _one_backward_each(self, losses: list[torch.Tensor]) -> None:
        shared = list(self.model.trunk.parameters())
        rows = []
        for number, loss in enumerate(losses, start=1):
            loss.backward(retain_graph=number < len(losses))
            rows.append(torch.cat([parameter.grad.flatten() for parameter in shared]))
            for parameter in shared:
                parameter.grad = None
        parts = self.aggregator(torch.stack(rows)).split([each.numel() for each in shared])
        for parameter, part in zip(shared, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def milliseconds(self, steps: int) -> float:
        """Returns the mean time of a step."""
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        return 1000.0 * (time.perf_counter() - start) / steps


def started(**request: Any) -> Measurement | None:
    """Returns a measurement that has taken its first steps, or None if TorchJD refuses them."""
    try:
        measurement = Measurement(**request)
        measurement.step()
        measurement.step()
    except (KeyError, ValueError) as error:
        print(f"TorchJD, {request}: {error}", file=sys.stderr)
        return None
    return measurement


def main() -> None:
    """Answers requests until the input ends; threads are the first argument."""
    torch.set_num_threads(int(sys.argv[1]))
    ready: dict[str, Measurement | None] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request == "forget":
            ready.clear()
            continue
        steps = request.pop("steps")
        key = json.dumps(request)
        if key not in ready:
            ready[key] = started(**request)
        measurement = ready[key]
        print(json.dumps(measurement and measurement.milliseconds(steps)), flush=True)


if __name__ == "__main__":
    main()
