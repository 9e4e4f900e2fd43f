"""DSelect-k: sparse gates that are differentiable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole, is_number
from .experts import make_experts
from .gating import gate_features, mix
from .sparse_gate import SparseGate
from .towers import Towers, with_towers
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class DSelectK(Trunk):
    """`MMoE` whose gates pick at most k experts for each task, by smooth steps instead of softmax.

    f_t(x) = Σ_e q_t(x)_e · f_e(x) with the sparse gate q_t of `SparseGate`, where its formula is.

    Args:
        expert: Recipe of an expert, as in `MMoE`.
        num_experts: Number of experts, at least 2; it need not be a power of 2.
        num_selected: Number of experts that a task picks at most (k), from 1 to `num_experts`.
        per_example: Whether every example picks its own experts, or the task for all of them.
        entropy_regularization: Weight of the selectors' entropy among the model's losses; the
            larger, the sooner each selector settles on one expert. 0 for none.
        gate: What the gates see, as in `MMoE`.
        towers: Every task's tower on top (units of dense layers, or any body), or
            `{task: tower}`.

    Raises:
        ValueError: If `num_selected` is not within 1 … `num_experts`,
            `entropy_regularization` is negative, and as `MMoE`.

    Reference: H. Hazimeh et al., DSelect-k: Differentiable Selection in the Mixture of Experts with
    Applications to Multi-Task Learning, NeurIPS 2021, equations 4 to 6. Differences: where the
    number of experts is no power of 2, the numbers left over stand for the first experts a second
    time, so that the gate sums to 1; the paper lets them stand for none and adds a penalty. The
    width of the smooth step is 1, the default of the paper's code.

    >>> features = DSelectK(expert=[8], num_experts=5)(keras.Input((6,)), ["a", "b"])
    >>> {task: tensor.shape for task, tensor in features.items()}
    {'a': (None, 8), 'b': (None, 8)}
    """

    def __init__(
        self,
        expert: Any = (64, 64),
        num_experts: int = 4,
        num_selected: int = 2,
        per_example: bool = True,
        entropy_regularization: float = 0.0,
        gate: Any = None,
        towers: Towers = (),
    ) -> None:
        self.expert = expert
        self.num_experts = check_whole(num_experts, "num_experts", 2)
        self.num_selected = check_whole(num_selected, "num_selected")
        self.per_example = per_example
        self.entropy_regularization = entropy_regularization
        self.gate = gate
        self.towers = towers
        if num_selected > num_experts:
            raise ValueError(
                f"A task cannot pick num_selected={num_selected} of num_experts={num_experts} "
                "experts. Make `num_selected` smaller."
            )
        if not is_number(entropy_regularization) or entropy_regularization < 0:
            raise ValueError(
                "`entropy_regularization` must be at least 0: a negative one would keep the "
                f"selectors from settling. Received: {entropy_regularization!r}."
            )

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        names = [f"expert_{i}" for i in range(self.num_experts)]
        experts = make_experts(self.expert, inputs, names)
        seen = gate_features(inputs, self.gate)
        features = {}
        for task in tasks:
            gate = SparseGate(
                self.num_experts,
                self.num_selected,
                self.per_example,
                self.entropy_regularization,
                name=f"gate_{task}",
            )
            features[task] = mix(gate(seen), experts, name=f"mixture_{task}", tasks=[task])
        return with_towers(features, tasks, self.towers)
