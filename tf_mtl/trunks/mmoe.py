"""Multi-gate mixture of experts."""

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
class MMoE(Trunk):
    """Experts shared by all tasks, and a softmax gate for each task that mixes them.

    f_t(x) = Σ_e g_t(x)_e · f_e(x) with g_t(x) = softmax(W_t x). Tasks that disagree come to use
    different experts; `tf_mtl.evaluation.gates` tells which.

    Args:
        expert: Recipe of an expert: units of dense layers (`[64, 64]`), a body of this package,
            a Keras layer or model, or a function from inputs to features that makes new layers in
            every call. Each expert has weights of its own. A layer that has weights already
            (a pretrained backbone) is copied with them.
        num_experts: Number of experts; a single one has no gate.
        gate: What the gates see: None for the inputs, flattened (images of unknown size
            averaged), or a recipe like `expert`, used once for all gates.
        towers: Every task's tower on top (units of dense layers, or any body), or
            `{task: tower}`.

    Raises:
        ValueError: If `num_experts` is less than 1, the experts' outputs do not fit
            together, or the gates cannot see the inputs since they are no floats.

    Reference: J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts, KDD 2018, figure 1c.

    >>> features = MMoE(expert=[16, 8], num_experts=3)(keras.Input((5,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
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
        """Returns `{task: features}`."""
        names = [f"expert_{i}" for i in range(self.num_experts)]
        experts = make_experts(self.expert, inputs, names)
        seen = gate_features(inputs, self.gate)
        features = {
            task: softmax_mix(seen, experts, (f"gate_{task}", f"mixture_{task}"), [task])
            for task in tasks
        }
        return with_towers(features, tasks, self.towers)
