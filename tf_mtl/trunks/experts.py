"""Experts: copies of one recipe, each with weights of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .copies import are_units, check_separate, copy_of


def make_experts(expert: Any, inputs: Any, names: Sequence[str]) -> dict[str, Any]:
    """Returns `{name: output}` of new experts on the same inputs.

    Args:
        expert: What `copy_of` takes.
        inputs: Keras tensor, or a dictionary or list of them.
        names: Name of each expert.

    Raises:
        ValueError: If an expert returns more than one tensor, or a function returns the same
            layer for two experts.
    """
    outputs = {name: copy_of(expert, inputs, name) for name in names}
    check_separate(outputs, expert, "expert")
    return outputs


def recipes_by_level(expert: Any, num_levels: int) -> list[Any]:
    """Returns the recipe of each level's experts.

    Args:
        expert: One recipe for all levels, or a list of recipes, one for each level.
        num_levels: Number of levels.

    Raises:
        ValueError: If a list has another length.

    >>> recipes_by_level([8, 4], 2), recipes_by_level([[8], [4]], 2)
    ([[8, 4], [8, 4]], [[8], [4]])
    """
    if not isinstance(expert, (list, tuple)) or are_units(expert):
        return [expert] * num_levels
    if len(expert) != num_levels:
        raise ValueError(
            f"`expert` lists {len(expert)} recipes for num_levels={num_levels}: {expert!r}. Give "
            "one for each level, or a single one for all."
        )
    return list(expert)
