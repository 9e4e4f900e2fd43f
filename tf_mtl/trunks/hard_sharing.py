"""Hard parameter sharing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .mlp import MLP
from .trunk import Trunk


class HardSharing(Trunk):
    """One body for all tasks (Caruana 1997), and if asked for, a tower of each task's own on top.

    Passing a body straight to `build_model` is the same without towers.

    Args:
        body: Shared part: a body of this package, any Keras layer or model, or a callable from
            inputs to features.
        towers: Units of the dense layers of every task's tower, or `{task: units}`.

    Reference: R. Caruana, Multitask Learning, Machine Learning 28, 1997.

    >>> import keras
    >>> inputs = keras.Input((8,))
    >>> features = HardSharing(MLP([16]), towers={"a": [4]})(inputs, ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 4), (None, 16))
    """

    def __init__(
        self,
        body: Callable[..., Any],
        towers: Sequence[int] | Mapping[str, Sequence[int]] = (),
    ) -> None:
        self.body = body
        self.towers = towers

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns one tensor for all tasks, or `{task: tensor}` where there are towers."""
        features = self.body(inputs)
        if not self.towers:
            return features
        towers = (
            self.towers if isinstance(self.towers, Mapping) else dict.fromkeys(tasks, self.towers)
        )
        return {
            task: MLP(towers[task])(features, name=f"{task}_tower") if task in towers else features
            for task in tasks
        }
