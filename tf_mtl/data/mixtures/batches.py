"""What a batch of a mixture holds: examples of all data sets, of one, or a quota of each.

Whatever the kind, the batches of an epoch are a table of counts `[steps, data sets]`: how many rows
of each data set a batch takes. All drawing is done on this table; the rows follow it.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...names import check_known
from .strategies import RoundRobin, Strategy, get, shares_of, whole_shares


class Batches(abc.ABC):
    """Makes the table of counts of an epoch."""

    @abc.abstractmethod
    def rows(
        self, sizes: Mapping[str, int], strategy: Strategy, epoch: int, steps: int | None
    ) -> dict[str, int]:
        """Returns how many rows each data set gives to an epoch.

        Args:
            sizes: `{name: rows}`.
            strategy: The shares.
            epoch: Number of the epoch, counted from 0.
            steps: Batches in the epoch, or None for the length that the strategy tells.
        """

    @abc.abstractmethod
    def steps(self, rows: Mapping[str, int]) -> int:
        """Returns the number of batches in an epoch of so many rows."""

    @abc.abstractmethod
    def counts(self, rows: np.ndarray, in_turn: bool, random: np.random.Generator) -> np.ndarray:
        """Returns the table of an epoch, `[steps, D]` for D data sets.

        Args:
            rows: `[D]`, the numbers that `rows` returned.
            in_turn: Whether the data sets come in turn instead of at random.
            random: Draws their order.
        """


@dataclass(frozen=True)
class MixedExamples(Batches):
    """Batches of `size` rows that may come from any data set; the last one may be smaller.

    Args:
        size: Rows in a batch.
    """

    size: int

    def __post_init__(self) -> None:
        _check_rows(self.size, "`batch`")

    def rows(
        self, sizes: Mapping[str, int], strategy: Strategy, epoch: int, steps: int | None
    ) -> dict[str, int]:
        """Divides the rows of the epoch by the shares."""
        length = strategy.length(sizes) if steps is None else steps * self.size
        return whole_shares(shares_of(strategy, sizes, epoch), length)

    def steps(self, rows: Mapping[str, int]) -> int:
        """Returns the number of batches that hold all rows."""
        return -(-sum(rows.values()) // self.size)

    def counts(self, rows: np.ndarray, in_turn: bool, random: np.random.Generator) -> np.ndarray:
        """Puts the data sets in order, one for each row, and cuts the order in batches."""
        order = _in_order(rows, in_turn, random)
        steps, kinds = -(-len(order) // self.size), len(rows)
        cell = np.arange(len(order)) // self.size * kinds + order
        return np.bincount(cell, minlength=steps * kinds).reshape(steps, kinds)


@dataclass(frozen=True)
class OneTask(Batches):
    """Batches of `size` rows of one data set each.

    The strategy then shares out batches instead of rows. A data set that an epoch goes through
    exactly once ends with a smaller batch.

    Args:
        size: Rows in a batch.

    Raises:
        ValueError: If the size is not a positive whole number.
    """

    size: int

    def __post_init__(self) -> None:
        _check_rows(self.size, "`size` of OneTask")

    def rows(
        self, sizes: Mapping[str, int], strategy: Strategy, epoch: int, steps: int | None
    ) -> dict[str, int]:
        """Divides the batches of the epoch by the shares."""
        batches = {name: -(-size // self.size) for name, size in sizes.items()}
        length = strategy.length(batches) if steps is None else steps
        shares = whole_shares(shares_of(strategy, batches, epoch), length)
        return {
            name: sizes[name] if share == batches[name] else share * self.size
            for name, share in shares.items()
        }

    def steps(self, rows: Mapping[str, int]) -> int:
        """Returns the number of batches of all data sets."""
        return sum(-(-count // self.size) for count in rows.values())

    def counts(self, rows: np.ndarray, in_turn: bool, random: np.random.Generator) -> np.ndarray:
        """Puts the numbers of the data sets in order, one for each batch."""
        order = _in_order(-(-rows // self.size), in_turn, random)
        chosen = np.eye(len(rows), dtype="int64")[order]
        before = (np.cumsum(chosen, axis=0) - chosen) * self.size
        return chosen * np.minimum(rows - before, self.size)


@dataclass(frozen=True)
class Quota(Batches):
    """Batches with a fixed number of rows of each data set.

    Args:
        size: `{name: rows}` for every data set.
    """

    size: Mapping[str, int]

    def __post_init__(self) -> None:
        for name, rows in self.size.items():
            _check_rows(rows, f"The quota of {name!r}")

    def rows(
        self, sizes: Mapping[str, int], strategy: Strategy, epoch: int, steps: int | None
    ) -> dict[str, int]:
        """Returns the quotas times the steps: until the longest or shortest has been seen once."""
        if steps is None:
            passes = [sizes[name] / rows for name, rows in self.size.items()]
            longest = strategy == RoundRobin("longest")
            steps = int(np.ceil(max(passes))) if longest else max(1, int(min(passes)))
        return {name: self.size[name] * steps for name in sizes}

    def steps(self, rows: Mapping[str, int]) -> int:
        """Returns how often the quotas fit into the rows."""
        return min(count // self.size[name] for name, count in rows.items())

    def counts(self, rows: np.ndarray, in_turn: bool, random: np.random.Generator) -> np.ndarray:
        """Returns the same quotas for each batch."""
        quotas = np.array([*self.size.values()])
        return np.tile(quotas, (int(rows[0] // quotas[0]), 1))


def get_batches(batch: Any, strategy: Any, names: list[str]) -> tuple[Batches, Strategy]:
    """Returns the batches and the strategy that the arguments of `mix` mean.

    Args:
        batch: Rows in a batch, `OneTask(rows)`, or `{name: rows}`.
        strategy: What `mix` was given; None for the usual one.
        names: The data sets.

    Raises:
        ValueError: For an unknown data set, one without a quota, or a strategy that a quota rules
            out.
    """
    if not isinstance(batch, Mapping):
        made = batch if isinstance(batch, OneTask) else MixedExamples(batch)
        return made, get("proportional" if strategy is None else strategy)
    check_known(batch, names, "data set in `batch`")
    absent = [name for name in names if name not in batch]
    if absent:
        raise ValueError(
            f"`batch` {dict(batch)} has no rows for {', '.join(map(repr, absent))}: give a quota "
            "for every data set."
        )
    ends = [RoundRobin("longest"), RoundRobin("shortest")]
    found = get("longest" if strategy is None else strategy)
    if found not in ends:
        raise ValueError(
            "With a quota of each data set in every batch, the strategy only tells when an epoch "
            f"ends: 'longest' or 'shortest', not {strategy!r}. For other rates pass `batch` as "
            "a number of rows."
        )
    return Quota({name: batch[name] for name in names}), found


def _in_order(units: np.ndarray, in_turn: bool, random: np.random.Generator) -> np.ndarray:
    """Returns the number of a data set for each of its units, `[sum of units]`."""
    order = np.repeat(np.arange(len(units)), units)
    if not in_turn:
        return random.permutation(order)
    turn = np.concatenate([np.arange(count) for count in units])
    return order[np.argsort(turn, kind="stable")]


def _check_rows(rows: Any, what: str) -> None:
    if not isinstance(rows, (int, np.integer)) or isinstance(rows, bool) or rows < 1:
        raise ValueError(
            f"{what} must be a positive whole number of rows, not {rows!r}. `batch` may also be "
            "`tf_mtl.data.OneTask(rows)` or {name: rows}."
        )
