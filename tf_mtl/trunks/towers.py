"""Layers of each task's own on top of what the tasks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..names import check_known
from .copies import check_tensor, copy_of

# What `copy_of` takes, or {task: what it takes}; empty for none.
Towers = Any


def with_towers(features: Any, tasks: Sequence[str], towers: Towers) -> Any:
    """Returns the features behind each task's tower.

    Args:
        features: One tensor for all tasks, or `{task: tensor}`.
        tasks: Names of the tasks.
        towers: Every task's tower (units of dense layers, or any body), or `{task: tower}`.

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
    if isinstance(features, Mapping):
        check_known(tasks, list(features), "task without features of the trunk:")
    else:
        features = dict.fromkeys(tasks, check_tensor(features, "trunk"))
    return {
        task: copy_of(towers[task], features[task], f"{task}_tower")
        if towers.get(task)
        else features[task]
        for task in tasks
    }
