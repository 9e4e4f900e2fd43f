"""One level of experts of the tasks' own and shared ones: what CGC and PLE are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .experts import make_experts
from .gating import softmax_mix


class Level(NamedTuple):
    """The inputs of one level, or the outputs of the one below it.

    Attributes:
        tasks: `{task: what the experts of this task see}`.
        shared: what the shared experts see; None above the last level.
    """

    tasks: Mapping[str, Any]
    shared: Any


def extraction_level(
    inputs: Level,
    seen: Level,
    expert: Any,
    num_experts: tuple[int, int],
    *,
    prefix: str = "",
    level: int = 0,
    last: bool = True,
) -> Level:
    """Returns the features of the tasks, and of the shared experts of the next level.

    Args:
        inputs: What the experts see.
        seen: What the gates see, `[B, d]`.
        expert: Recipe of the experts, as `copy_of` takes it.
        num_experts: Number of experts of each task, and of shared ones.
        prefix: Of the layers' names.
        level: Number of the level.
        last: Whether no level follows, so that no gate of the shared experts is needed.
    """
    of_task = {
        task: make_experts(expert, features, _names(f"{prefix}expert_{task}", num_experts[0]))
        for task, features in inputs.tasks.items()
    }
    shared = make_experts(expert, inputs.shared, _names(f"{prefix}shared_expert", num_experts[1]))
    features = {
        task: softmax_mix(
            seen.tasks[task],
            {**own, **shared},
            (f"{prefix}gate_{task}", f"{prefix}mixture_{task}"),
            [task],
            level,
        )
        for task, own in of_task.items()
    }
    if last:
        return Level(features, None)
    every = {name: output for own in of_task.values() for name, output in own.items()} | shared
    names = (f"{prefix}shared_gate", f"{prefix}shared_mixture")
    return Level(features, softmax_mix(seen.shared, every, names, level=level))


def _names(prefix: str, number: int) -> Sequence[str]:
    return [f"{prefix}_{i}" for i in range(number)]
