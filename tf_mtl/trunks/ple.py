"""Progressive layered extraction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .experts import recipes_by_level
from .extraction import Level, extraction_level
from .gating import gate_features
from .towers import Towers, with_towers
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class PLE(Trunk):
    """Several levels of `CGC`: what the tasks share is separated from level to level.

    Each level has experts of every task and shared ones. A task's gate mixes the task's own
    experts and the shared ones for that task's experts of the next level; a shared gate mixes all
    of them for the next shared experts. From the second level on a gate sees what its experts see.
    With one level this is `CGC`.

    Args:
        expert: Recipe of an expert, as in `MMoE`, for all levels; or a list of recipes, one for
            each level from the inputs up: `[CNN([16]), [64]]`, `[[64], [32]]`.
        num_experts: Number of experts of each task's own, in each level.
        num_shared_experts: Number of experts that all tasks share, in each level, at least 1.
        num_levels: Number of levels.
        gate: What the gates of the first level see, as in `MMoE`.
        towers: Every task's tower on top (units of dense layers, or any body), or
            `{task: tower}`.

    Raises:
        ValueError: If a number is less than 1, or the list of recipes has another length than
            `num_levels`; and as `MMoE`.

    Reference: H. Tang et al., Progressive Layered Extraction (PLE): A Novel Multi-Task Learning
    Model for Personalized Recommendations, RecSys 2020, figure 5.

    >>> features = PLE(expert=[[16], [8]], num_experts=1)(keras.Input((5,)), ["a", "b"])
    >>> {task: tensor.shape for task, tensor in features.items()}
    {'a': (None, 8), 'b': (None, 8)}
    """

    def __init__(
        self,
        expert: Any = (64,),
        num_experts: int = 2,
        num_shared_experts: int = 2,
        num_levels: int = 2,
        gate: Any = None,
        towers: Towers = (),
    ) -> None:
        self.expert = expert
        self.num_experts = check_whole(num_experts, "num_experts")
        self.num_shared_experts = check_whole(num_shared_experts, "num_shared_experts")
        self.num_levels = check_whole(num_levels, "num_levels")
        self.gate = gate
        self.towers = towers
        recipes_by_level(expert, num_levels)  # refuses a list of another length

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        features = Level(dict.fromkeys(tasks, inputs), inputs)
        first = gate_features(inputs, self.gate)
        seen = Level(dict.fromkeys(tasks, first), first)
        for level, expert in enumerate(recipes_by_level(self.expert, self.num_levels)):
            prefix = f"level_{level}_"
            if level:
                seen = Level(
                    {
                        task: gate_features(each, name=f"{prefix}gate_{task}")
                        for task, each in features.tasks.items()
                    },
                    gate_features(features.shared, name=f"{prefix}shared_gate"),
                )
            features = extraction_level(
                features,
                seen,
                expert,
                (self.num_experts, self.num_shared_experts),
                prefix=prefix,
                level=level,
                last=level + 1 == self.num_levels,
            )
        return with_towers(features.tasks, tasks, self.towers)
