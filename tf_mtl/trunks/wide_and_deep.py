"""A deep body that tasks share, and for a task a wide one of its own beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..names import check_known
from .copies import copy_of, itself
from .flatten import averaged
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class WideAndDeep(Trunk):
    """Shared features, joined for a task with features that a body of its own makes of the inputs.

        features_t = [average(deep(x)); wide_t(x)]

    What one task can tell from simple signs it need not ask of the shared body: `PhraseEncoder`
    for the topic of a text beside the tagging of its words, crossed columns beside a network on a
    table. Sequences and maps are averaged for the tasks with a wide body; other tasks get the deep
    features as they are.

    Args:
        body: The deep part, which all tasks share: a trunk, or a body as in `HardSharing`.
        wide: Every task's wide body (a list of units, a body, a Keras layer or model, or a
            callable), of which each task gets a copy, or `{task: body}`.

    Raises:
        ValueError: If `wide` is empty, or names a task that does not exist.

    Reference: H.-T. Cheng et al., Wide & Deep Learning for Recommender Systems, DLRS 2016; there
    one task, and the wide part a linear model of its own optimizer.

    >>> trunk = WideAndDeep([16, 8], wide={"a": [4]})
    >>> features = trunk(keras.Input((5,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 12), (None, 8))
    """

    def __init__(self, body: Any, wide: Any) -> None:
        if not wide:
            raise ValueError(
                "WideAndDeep needs `wide`: a body, or {task: body}. "
                f"Received: wide={wide!r}. Without one it is HardSharing."
            )
        self.body = body
        self.wide = wide

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        wide = self.wide if isinstance(self.wide, Mapping) else dict.fromkeys(tasks, self.wide)
        check_known(wide, tasks, "task in `wide`:")
        is_trunk = isinstance(self.body, Trunk)
        deep = self.body(inputs, tasks) if is_trunk else itself(self.body, inputs)
        if isinstance(deep, Mapping):
            flat = {task: averaged(deep[task], f"{task}_deep_average") for task in wide}
        else:
            flat = dict.fromkeys(wide, averaged(deep, "deep_average"))
            deep = dict.fromkeys(tasks, deep)
        joined = {
            task: keras.layers.Concatenate(name=f"{task}_wide_and_deep")(
                [
                    flat[task],
                    averaged(copy_of(body, inputs, f"{task}_wide"), f"{task}_wide_average"),
                ]
            )
            for task, body in wide.items()
        }
        return {task: joined.get(task, deep[task]) for task in tasks}
