"""A tree of layers, on which tasks part at given points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..names import check_known
from ..whole_numbers import check_whole, is_whole
from .blocks import blocks_of
from .copies import check_separate
from .trunk import Trunk

Partition = Sequence[Sequence[str]]


@keras.saving.register_keras_serializable(package="tf_mtl")
class Branching(Trunk):
    """A tree: each block is shared by groups of tasks, and the groups only ever part.

        block 0   {a b c}            tree = [[["a", "b", "c"]],
        block 1   {a b}   {c}                [["a", "b"], ["c"]],
        block 2   {a} {b} {c}                [["a"], ["b"], ["c"]]]

    The layers of a group are named after its tasks ("a_b_dense_1", or "a-b_dense_1" beside a task
    that is called "a_b"), those of all tasks "shared".
    Shared are the blocks of groups of more than one task, by these tasks.

    Args:
        body: What every task runs through: a list of units, MLP, CNN, or a list of blocks. `cut`
            makes blocks of a model.
        tree: The groups of tasks at each block. A block without an entry has the groups of the last
            one. `Branching.at` and `Branching.of_groups` make it; `learnt_tree` of a trained `LTB`.

    Raises:
        ValueError: If there are more entries than blocks, a task is missing in one, or tasks that
            have parted meet again.

    Reference: S. Vandenhende et al., Branched Multi-Task Networks: Deciding What Layers To Share,
    BMVC 2020, figure 1; Y. Lu et al., Fully-adaptive Feature Sharing in Multi-Task Networks, CVPR
    2017.

    >>> trunk = Branching.at([16, 8, 8], {"a": 2, "b": 2, "c": 1})
    >>> trunk.tree
    [[['a', 'b', 'c']], [['a', 'b'], ['c']], [['a'], ['b'], ['c']]]
    """

    def __init__(self, body: Any, tree: Sequence[Partition]) -> None:
        if not _is_tree(tree):
            raise ValueError(
                "`tree` must be a list with the groups of one block or more, such as "
                "[[['a', 'b']], [['a'], ['b']]]; `Branching.at` makes it of "
                "{task: number of shared blocks}. "
                f"Received: tree={tree!r}."
            )
        self.body = body
        self.tree = [[list(group) for group in partition] for partition in tree]

    @classmethod
    def at(cls, body: Any, points: Mapping[str, int]) -> Branching:
        """Returns the tree in which each task leaves the common blocks at its branch point.

        Args:
            body: As in the constructor.
            points: `{task: number of blocks before it is on its own}`.

        Raises:
            ValueError: If a number is negative or larger than that of the blocks.
        """
        number = len(blocks_of(body))
        if not points or not all(
            is_whole(point) and 0 <= point <= number for point in points.values()
        ):
            raise ValueError(
                "Branch points are numbers of shared blocks for each task, from 0 to the "
                f"{number} that the body has. Received: {dict(points)}."
            )
        tree = []
        for i in range(min(max(points.values()) + 1, number)):
            together = [task for task, point in points.items() if point > i]
            alone = [[task] for task, point in points.items() if point <= i]
            tree.append(([together] if together else []) + alone)
        return cls(body, tree)

    @classmethod
    def of_groups(cls, body: Any, groups: Partition, shared: int = 0) -> Branching:
        """Returns the tree in which all tasks share some blocks and then groups share the rest.

        Args:
            body: As in the constructor.
            groups: Lists of tasks, such as a grouping by affinity.
            shared: Number of blocks shared by all tasks.

        Raises:
            ValueError: If `shared` is negative, or no whole number.

        >>> Branching.of_groups([16, 8], [["a", "b"], ["c"]], shared=1).tree
        [[['a', 'b', 'c']], [['a', 'b'], ['c']]]
        """
        tasks = [task for group in groups for task in group]
        return cls(body, [[tasks]] * check_whole(shared, "shared", 0) + [groups])

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        blocks = blocks_of(self.body)
        self._check(tasks, len(blocks))
        features = dict.fromkeys(tasks, inputs)
        for i, block in enumerate(blocks):
            made = {}
            for name, group in _named(self.tree[min(i, len(self.tree) - 1)]).items():
                made[name] = block(features[group[0]], name=name)
                features.update(dict.fromkeys(group, made[name]))
            check_separate(made, block, "block")
        return features

    def _check(self, tasks: Sequence[str], number_of_blocks: int) -> None:
        if len(self.tree) > number_of_blocks:
            raise ValueError(
                f"`tree` has groups for {len(self.tree)} blocks, but the body has "
                f"{number_of_blocks}. Received: tree={self.tree}."
            )
        before = [list(tasks)]
        for i, partition in enumerate(self.tree):
            named = [task for group in partition for task in group]
            check_known(named, tasks, f"task in block {i} of `tree`:")
            if sorted(named) != sorted(tasks):
                raise ValueError(
                    f"Block {i} of `tree` must name each task once. Received: {partition} for the "
                    f"tasks {list(tasks)}."
                )
            for group in partition:
                if not any(set(group) <= set(earlier) for earlier in before):
                    raise ValueError(
                        f"The tasks {group} share block {i} but not the block before it, {before}: "
                        "branches that have parted cannot meet again."
                    )
            before = partition


def _is_tree(value: Any, depth: int = 3) -> bool:
    """Whether names are in groups in blocks in a list; a text has letters in place of names."""
    if depth == 0:
        return isinstance(value, str)
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(_is_tree(part, depth - 1) for part in value)
    )


def _named(partition: Partition) -> dict[str, Sequence[str]]:
    """Returns `{name: group}`."""
    if len(partition) == 1 < len(partition[0]):
        return {"shared": partition[0]}
    names = ["_".join(group) for group in partition]
    if len(set(names)) < len(names):  # ["a", "b"] and ["a_b"]; no task's name has a dash
        names = ["-".join(group) for group in partition]
    return dict(zip(names, partition, strict=True))
