"""One-gate mixture of experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .experts import make_experts
from .gating import gate_features, softmax_mix
from .towers import Towers, with_towers
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class OMoE(Trunk):
    """Experts mixed by one gate for all tasks; the baseline beside `MMoE`.

    f(x) = Σ_e g(x)_e · f_e(x) with g(x) = softmax(W x).

    Args:
        expert: Recipe of an expert, as in `MMoE`.
        num_experts: Number of experts; a single one has no gate.
        gate: What the gate sees, as in `MMoE`.
        towers: Every task's tower on top (units of dense layers, or any body), or
            `{task: tower}`.

    Raises:
        ValueError: As `MMoE`.

    Reference: J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts, KDD 2018, figure 1b.

    >>> OMoE(expert=[16, 8], num_experts=3)(keras.Input((5,)), ["a", "b"]).shape
    (None, 8)
    """

    def __init__(
        self,
        expert: Any = (64, 64),
        num_experts: int = 4,
        gate: Any = None,
        towers: Towers = (),
    ) -> None:
        self.expert = expert
        self.num_experts = check_whole(num_experts, "num_experts")
        self.gate = gate
        self.towers = towers

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns one tensor for all tasks, or `{task: tensor}` where there are towers."""
        names = [f"expert_{i}" for i in range(self.num_experts)]
        experts = make_experts(self.expert, inputs, names)
        features = softmax_mix(
            gate_features(inputs, self.gate), experts, ("shared_gate", "shared_mixture"), tasks
        )
        return with_towers(features, tasks, self.towers)
