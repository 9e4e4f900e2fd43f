"""Customized gate control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .extraction import Level, extraction_level
from .gating import gate_features
from .towers import Towers, with_towers
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class CGC(Trunk):
    """Experts of each task's own beside shared ones; a task's gate mixes its own and the shared.

    f_t(x) = Σ_e g_t(x)_e · f_e(x) over the experts e of task t and the shared ones, with
    g_t(x) = softmax(W_t x). No task can spoil the experts of another one.

    Args:
        expert: Recipe of an expert, as in `MMoE`.
        num_experts: Number of experts of each task's own.
        num_shared_experts: Number of experts that all tasks share; 0 for none.
        gate: What the gates see, as in `MMoE`.
        towers: Every task's tower on top (units of dense layers, or any body), or
            `{task: tower}`.

    Raises:
        ValueError: If `num_experts` is less than 1 or `num_shared_experts` less than 0, and as
            `MMoE`.

    Reference: H. Tang et al., Progressive Layered Extraction (PLE): A Novel Multi-Task Learning
    Model for Personalized Recommendations, RecSys 2020, figure 4.

    >>> features = CGC(expert=[8], num_experts=1)(keras.Input((5,)), ["a", "b"])
    >>> {task: tensor.shape for task, tensor in features.items()}
    {'a': (None, 8), 'b': (None, 8)}
    """

    def __init__(
        self,
        expert: Any = (64, 64),
        num_experts: int = 2,
        num_shared_experts: int = 2,
        gate: Any = None,
        towers: Towers = (),
    ) -> None:
        self.expert = expert
        self.num_experts = check_whole(num_experts, "num_experts")
        self.num_shared_experts = check_whole(num_shared_experts, "num_shared_experts", 0)
        self.gate = gate
        self.towers = towers

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        seen = gate_features(inputs, self.gate)
        features = extraction_level(
            Level(dict.fromkeys(tasks, inputs), inputs),
            Level(dict.fromkeys(tasks, seen), seen),
            self.expert,
            (self.num_experts, self.num_shared_experts),
        ).tasks
        return with_towers(features, tasks, self.towers)
