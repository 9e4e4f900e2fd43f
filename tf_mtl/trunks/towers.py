"""Layers of each task's own on top of what the tasks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..names import check_known
from .mlp import MLP

Towers = Sequence[int] | Mapping[str, Sequence[int]]


def with_towers(features: Any, tasks: Sequence[str], towers: Towers) -> Any:
    """Returns the features behind each task's tower.

    Args:
        features: One tensor for all tasks, or `{task: tensor}`.
        tasks: Names of the tasks.
        towers: Units of the dense layers of every task's tower, or `{task: units}`.

    Returns:
        `features` as they are where there is no tower, otherwise `{task: tensor}`.

    Raises:
        ValueError: If `towers` names a task that does not exist.
    """
    if not towers:
        return features
    if isinstance(towers, Mapping):
        check_known(towers, tasks, "task in `towers`:")
    else:
        towers = dict.fromkeys(tasks, towers)
    of_task = features if isinstance(features, Mapping) else dict.fromkeys(tasks, features)
    return {
        task: MLP(towers[task])(of_task[task], name=f"{task}_tower")
        if task in towers
        else of_task[task]
        for task in tasks
    }
