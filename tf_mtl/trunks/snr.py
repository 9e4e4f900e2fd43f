"""Sub-network routing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..names import check_known
from ..whole_numbers import check_whole, is_number
from .copies import check_separate
from .experts import make_experts, recipes_by_level
from .gating import mix
from .hard_concrete import HardConcreteGate
from .towers import Towers, with_towers
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class SNR(Trunk):
    """Sub-networks in levels whose connections, to each other and to the tasks, are learnt.

    What a task, or a sub-network of the next level, sees of the outputs o_e below is
    Σ_e z_e W_e o_e ("transform", SNR-Trans) or Σ_e z_e o_e ("average", SNR-Aver). The gates z
    belong to the connection, not to the example, and can close altogether; see
    `HardConcreteGate`.

    Args:
        expert: Recipe of a sub-network, as in `MMoE`; or a list of recipes, one for each level.
        num_experts: Number of sub-networks in each level.
        num_levels: Number of levels.
        connection: "transform" or "average".
        l0_regularization: Weight of the expected number of open connections among the losses of
            the model; 0 for none.
        towers: Every task's tower on top (units of dense layers, or any body), or
            `{task: tower}`.

    Raises:
        ValueError: If a number is less than 1, `connection` is unknown, `l0_regularization` is
            negative, the list of recipes has another length than `num_levels`, or the
            sub-networks' outputs do not fit together.

    Reference: J. Ma et al., SNR: Sub-Network Routing for Flexible Parameter Sharing in Multi-Task
    Learning, AAAI 2019, figure 2. Difference: connections start half open, ln α near 0.

    >>> features = SNR(expert=[8], num_experts=3)(keras.Input((5,)), ["a", "b"])
    >>> {task: tensor.shape for task, tensor in features.items()}
    {'a': (None, 8), 'b': (None, 8)}
    """

    def __init__(
        self,
        expert: Any = (64,),
        num_experts: int = 4,
        num_levels: int = 2,
        connection: str = "transform",
        l0_regularization: float = 0.0,
        towers: Towers = (),
    ) -> None:
        self.expert = expert
        self.num_experts = check_whole(num_experts, "num_experts")
        self.num_levels = check_whole(num_levels, "num_levels")
        self.connection = connection
        self.l0_regularization = l0_regularization
        self.towers = towers
        check_known([connection], ["transform", "average"], "connection of SNR:")
        if not is_number(l0_regularization) or l0_regularization < 0:
            raise ValueError(
                "`l0_regularization` must be at least 0: a negative one would reward open "
                f"connections without end. Received: {l0_regularization!r}."
            )
        recipes_by_level(expert, num_levels)  # refuses a list of another length

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        numbers = range(self.num_experts)
        seen = [inputs] * self.num_experts
        features = {}
        for level, recipe in enumerate(recipes_by_level(self.expert, self.num_levels)):
            prefix = f"level_{level}_"
            experts: dict[str, Any] = {}
            for i in numbers:
                experts |= make_experts(recipe, seen[i], [f"{prefix}expert_{i}"])
            check_separate(experts, recipe, "expert")
            if level + 1 < self.num_levels:
                seen = [self._connected(experts, prefix, str(i), level) for i in numbers]
            else:
                features = {
                    task: self._connected(experts, "", task, level, [task]) for task in tasks
                }
        return with_towers(features, tasks, self.towers)

    def _connected(
        self,
        experts: Mapping[str, Any],
        prefix: str,
        target: str,
        level: int,
        tasks: Sequence[str] = (),
    ) -> Any:
        """Returns what one task, or one sub-network above, sees of the sub-networks."""
        gate = HardConcreteGate(
            self.num_experts, self.l0_regularization, name=f"{prefix}gate_{target}"
        )
        gates = gate(next(iter(experts.values())))
        if self.connection == "transform":
            experts = {
                name: keras.layers.Dense(
                    output.shape[-1], use_bias=False, name=f"{prefix}transform_{target}_{i}"
                )(output)
                for i, (name, output) in enumerate(experts.items())
            }
        return mix(gates, experts, f"{prefix}mixture_{target}", tasks, level)
