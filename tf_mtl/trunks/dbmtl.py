"""DBMTL: the features of a task depend on those of the tasks that it follows from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..names import check_known
from .arguments import widths
from .copies import copy_of
from .mlp import MLP
from .trunk import Trunk


# The aggregator DBMTL, another method of that name, is registered as such.
@keras.saving.register_keras_serializable(package="tf_mtl", name="DBMTLTrunk")
class DBMTL(Trunk):
    """A Bayesian network of the tasks: P(y_1, …, y_T | x) = Π P(y_t | parents of t, x).

    With q_t the output of task t's tower on the shared body, the features of a task without
    parents are q_t; those of a task with parents s, s', … are

        z_t = MLP([q_t; z_s; z_s'; …])

    A task trains its tower and those of all its ancestors; shared are thus the body, and the towers
    of tasks that have children. Not to be confused with `aggregators.DBMTL`, dual-balancing MTL.

    Args:
        body: What the tasks share: a list of units, a body, a Keras layer or model, or a callable.
        parents: `{task: the tasks that it depends on}`.
        tower: Units of the dense layers of each task's tower.
        relation: Units of the dense layers behind the tower and the parents' features.

    Raises:
        ValueError: If a name is unknown or in no list, or a task depends on itself in the end.

    Reference: Q. Wang et al., Deep Bayesian Multi-Target Learning for Recommender Systems, arXiv
    1902.09154, 2019. The relation networks here are dense layers, as in EasyRec's `DBMTL`.

    >>> trunk = DBMTL([16], {"buy": ["click"]}, tower=[8], relation=[4])
    >>> features = trunk(keras.Input((4,)), ["click", "buy"])
    >>> features["click"].shape, features["buy"].shape
    ((None, 8), (None, 4))
    """

    def __init__(
        self,
        body: Any,
        parents: Mapping[str, Sequence[str]],
        tower: Sequence[int] = (64,),
        relation: Sequence[int] = (32,),
    ) -> None:
        if not isinstance(parents, Mapping):
            raise ValueError(
                "`parents` has a list of tasks for each task that reads others, as in {'buy': "
                f"['click']}}. Received: parents={parents!r}."
            )
        for task, of_task in parents.items():
            if isinstance(of_task, str):
                raise ValueError(
                    "`parents` has a list of tasks for each task: "
                    f"{{{task!r}: [{of_task!r}]}}. Received: parents={dict(parents)}."
                )
        self.body = body
        self.parents = {task: list(of_task) for task, of_task in parents.items()}
        self.tower = widths(tower, "tower")
        self.relation = widths(relation, "relation")

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        check_known(self.parents, tasks, "task in `parents`:")
        for of_task in self.parents.values():
            check_known(of_task, tasks, "parent:")
        shared = copy_of(self.body, inputs, "shared")
        features: dict[str, Any] = {}
        for task in self._parents_first(tasks):
            tower = MLP(self.tower)(shared, name=f"{task}_tower")
            given = [features[parent] for parent in self.parents.get(task, [])]
            if given:
                joined = keras.layers.Concatenate(name=f"{task}_dependencies")([tower, *given])
                tower = MLP(self.relation)(joined, name=f"{task}_relation")
            features[task] = tower
        return {task: features[task] for task in tasks}

    def _parents_first(self, tasks: Sequence[str]) -> list[str]:
        """Returns the tasks in an order in which each comes behind its parents."""
        order: list[str] = []
        while len(order) < len(tasks):
            free = [
                task
                for task in tasks
                if task not in order and set(self.parents.get(task, [])) <= set(order)
            ]
            if not free:
                circle = [task for task in tasks if task not in order]
                raise ValueError(
                    f"The tasks {circle} depend on each other in a circle. Received: "
                    f"parents={self.parents}. Take one dependency out."
                )
            order += free
        return order
