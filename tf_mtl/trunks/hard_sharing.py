"""Hard parameter sharing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from .copies import itself
from .towers import Towers, with_towers
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class HardSharing(Trunk):
    """One body for all tasks (Caruana 1997), and if asked for, a tower of each task's own on top.

    Passing a body straight to `build_model` is the same without towers.

    Args:
        body: Shared part: a list of units, a body of this package, any Keras layer or model, or a
            callable from inputs to features.
        towers: Every task's tower (units of dense layers, or any body), or `{task: tower}`.

    Reference: R. Caruana, Multitask Learning, Machine Learning 28, 1997.

    >>> from tf_mtl.trunks import MLP
    >>> inputs = keras.Input((8,))
    >>> features = HardSharing(MLP([16]), towers={"a": [4]})(inputs, ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 4), (None, 16))
    """

    def __init__(
        self,
        body: Any,
        towers: Towers = (),
    ) -> None:
        self.body = body
        self.towers = towers

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns one tensor for all tasks, or `{task: tensor}` where there are towers."""
        return with_towers(itself(self.body, inputs), tasks, self.towers)
