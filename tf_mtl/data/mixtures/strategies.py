"""How much each data set of a mixture gives to an epoch: one small class for each strategy.

A strategy tells shares from sizes, and how long an epoch is. It draws nothing: `Mixture` turns
shares into whole numbers and draws the order.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ...names import check_known, unknown_name


class Strategy(abc.ABC):
    """Tells the share of each data set in an epoch.

    Attributes:
        in_turn: Whether the data sets come in turn instead of at random.
    """

    in_turn: ClassVar[bool] = False

    @abc.abstractmethod
    def shares(self, sizes: Mapping[str, int], epoch: int) -> dict[str, float]:
        """Returns the share of each data set, on any scale.

        Args:
            sizes: `{name: size}`, in rows or, where a batch holds one data set, in batches.
            epoch: Number of the epoch, counted from 0.
        """

    @abc.abstractmethod
    def length(self, sizes: Mapping[str, int]) -> int:
        """Returns the length of an epoch that is not stated, in the unit of the sizes."""


@dataclass(frozen=True)
class Temperature(Strategy):
    """Shares as size^(1 / temperature): 1 is "proportional", infinity is "uniform".

    An epoch is as long as all data sets together; in a proportional one every row comes once.

    Multilingual BERT (Devlin et al. 2019) and T5 (Raffel et al. 2020, section 3.5.2) use it; there
    it comes with a cap on the size, here `ExamplesCap` is a strategy of its own.

    Args:
        temperature: At least 1.

    Raises:
        ValueError: If the temperature is less than 1.

    >>> Temperature(2.0).shares({"a": 900, "b": 100}, epoch=0)
    {'a': 30.0, 'b': 10.0}
    """

    temperature: float = 2.0

    def __post_init__(self) -> None:
        if not self.temperature >= 1:
            raise ValueError(
                f"`temperature` must be 1 (proportional) or more, not {self.temperature!r}."
            )

    def shares(self, sizes: Mapping[str, int], epoch: int) -> dict[str, float]:
        """Returns the roots of the sizes."""
        return _powers(sizes, 1 / self.temperature)

    def length(self, sizes: Mapping[str, int]) -> int:
        """Returns the sum of the sizes."""
        return sum(sizes.values())


@dataclass(frozen=True)
class Annealed(Strategy):
    """From proportional in the first epoch to uniform in the last: shares as size^α, α = 1 … 0.

    Stickland and Murray 2019, "BERT and PALs", section 3.3: α falls linearly with the epoch. There
    it ends at 0.2; that is `last=0.2`.

    Args:
        epochs: Number of epochs, 2 or more; later ones are as the last.
        last: α of the last epoch, 0 … 1.

    Raises:
        ValueError: For fewer than two epochs or α outside 0 … 1.

    >>> [Annealed(epochs=3).shares({"a": 400}, epoch)["a"] for epoch in range(4)]
    [400.0, 20.0, 1.0, 1.0]
    """

    epochs: int = 10
    last: float = 0.0

    def __post_init__(self) -> None:
        if self.epochs < 2 or int(self.epochs) != self.epochs:
            raise ValueError(f"`epochs` must be a whole number from 2, not {self.epochs!r}.")
        if not 0 <= self.last <= 1:
            raise ValueError(f"`last` must be from 0 to 1, not {self.last!r}.")

    def shares(self, sizes: Mapping[str, int], epoch: int) -> dict[str, float]:
        """Returns powers of the sizes."""
        progress = min(epoch / (self.epochs - 1), 1.0)
        return _powers(sizes, 1.0 - (1.0 - self.last) * progress)

    def length(self, sizes: Mapping[str, int]) -> int:
        """Returns the sum of the sizes."""
        return sum(sizes.values())


@dataclass(frozen=True)
class ExamplesCap(Strategy):
    """Proportional, but a data set counts with `cap` at most (Raffel et al. 2020, 3.5.2).

    Args:
        cap: The largest size that counts; in batches where a batch holds one data set.

    Raises:
        ValueError: If the cap is not a positive whole number.

    >>> ExamplesCap(200).shares({"a": 300, "b": 100}, epoch=0)
    {'a': 200.0, 'b': 100.0}
    """

    cap: int

    def __post_init__(self) -> None:
        if self.cap < 1 or int(self.cap) != self.cap:
            raise ValueError(f"`cap` must be a positive whole number, not {self.cap!r}.")

    def shares(self, sizes: Mapping[str, int], epoch: int) -> dict[str, float]:
        """Returns the sizes as far as they count."""
        return _powers({name: min(size, self.cap) for name, size in sizes.items()}, 1.0)

    def length(self, sizes: Mapping[str, int]) -> int:
        """Returns the sum of the sizes as far as they count."""
        return sum(min(size, self.cap) for size in sizes.values())


@dataclass(frozen=True)
class Rates(Strategy):
    """Shares that are given; an epoch is as long as all data sets together.

    Args:
        rates: `{name: share}` for every data set, positive, on any scale.

    Raises:
        ValueError: For a rate that is not a positive number; by `mix`, for names that are not those
            of the data sets.
    """

    rates: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, rate in self.rates.items():
            number = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool)
            if not number or not 0 < rate < math.inf:
                raise ValueError(
                    f"The rate of {name!r} must be a positive number, not {rate!r}. To leave a "
                    "data set out, do not pass it."
                )

    def shares(self, sizes: Mapping[str, int], epoch: int) -> dict[str, float]:
        """Returns the rates."""
        check_known(self.rates, sizes, "data set in the rates")
        absent = [name for name in sizes if name not in self.rates]
        if absent:
            raise ValueError(
                f"The rates {dict(self.rates)} lack {', '.join(map(repr, absent))}: give one for "
                "every data set."
            )
        return {name: float(self.rates[name]) for name in sizes}

    def length(self, sizes: Mapping[str, int]) -> int:
        """Returns the sum of the sizes."""
        return sum(sizes.values())


@dataclass(frozen=True)
class RoundRobin(Strategy):
    """The data sets in turn, in their order; one that is through begins again.

    Args:
        until: What ends an epoch: "sum", as many rows as all data sets have together; "longest" or
            "shortest", when the largest or the smallest has been seen once.

    Raises:
        ValueError: For another `until`.

    >>> RoundRobin("shortest").length({"a": 300, "b": 100})
    200
    """

    until: str = "sum"
    in_turn: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_known([self.until], ("sum", "longest", "shortest"), "`until` of RoundRobin")

    def shares(self, sizes: Mapping[str, int], epoch: int) -> dict[str, float]:
        """Returns 1 for each."""
        return dict.fromkeys(sizes, 1.0)

    def length(self, sizes: Mapping[str, int]) -> int:
        """Returns the size that ends an epoch, for each data set."""
        if self.until == "sum":
            return sum(sizes.values())
        end = max if self.until == "longest" else min
        return len(sizes) * end(sizes.values())


def _needs_arguments(example: str) -> Strategy:
    raise ValueError(f"This strategy needs an argument: pass `tf_mtl.data.{example}`.")


_STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "proportional": partial(Temperature, 1.0),
    "uniform": partial(Temperature, math.inf),
    "temperature": Temperature,
    "annealed": Annealed,
    "examples_cap": partial(_needs_arguments, "ExamplesCap(1000)"),
    "rates": partial(_needs_arguments, "Rates({'a': 0.7, 'b': 0.3})"),
    "round_robin": RoundRobin,
    "longest": partial(RoundRobin, "longest"),
    "shortest": partial(RoundRobin, "shortest"),
}


def get(identifier: Any) -> Strategy:
    """Returns a strategy from its name, `{name of a data set: rate}` or itself.

    Args:
        identifier: A name in any case, underscores and hyphens ignored; rates; or an instance.

    >>> get("Round-Robin")
    RoundRobin(until='sum')
    >>> get("unifrom")
    Traceback (most recent call last):
    ...
    ValueError: Unknown strategy 'unifrom'. ... Did you mean 'uniform'?
    """
    if isinstance(identifier, Strategy):
        return identifier
    if isinstance(identifier, Mapping):
        return Rates(dict(identifier))
    if not isinstance(identifier, str):
        raise ValueError(
            "A strategy must be a name, {name: rate} or an instance such as `Temperature(2.0)`. "
            f"Received: {identifier!r}. Try 'proportional'."
        )
    plain = identifier.lower().replace("_", "").replace("-", "")
    by_plain = {name.replace("_", ""): name for name in _STRATEGIES}
    if plain not in by_plain:
        raise ValueError(unknown_name(identifier, _STRATEGIES, "strategy"))
    return _STRATEGIES[by_plain[plain]]()


def shares_of(strategy: Strategy, sizes: Mapping[str, int], epoch: int) -> dict[str, float]:
    """Returns what a strategy says of an epoch, if it can be followed.

    Args:
        strategy: One of those here, or of the user's own.
        sizes: `{name: size}`.
        epoch: Number of the epoch, counted from 0.

    Raises:
        ValueError: Unless there is one positive, finite share for each data set.
    """
    shares = strategy.shares(sizes, epoch)
    positive = isinstance(shares, Mapping) and all(0 < each < math.inf for each in shares.values())
    if not positive or set(shares) != set(sizes):
        raise ValueError(
            f"{type(strategy).__name__}.shares must return {{name: share}} with a finite number "
            f"above 0 for each data set, {', '.join(map(repr, sizes))}. Received for epoch "
            f"{epoch}: {shares!r}."
        )
    return {name: shares[name] for name in sizes}  # in the order of the data sets


def whole_shares(shares: Mapping[str, float], length: int) -> dict[str, int]:
    """Divides an epoch by shares: whole numbers, at least 1 each, that sum to its length.

    The largest remainders are rounded up. Where the shares are whole and sum to `length`, they are
    the result.

    Args:
        shares: `{name: share}`, positive.
        length: What to divide.

    Raises:
        ValueError: If the epoch is too short for one of each.

    >>> whole_shares({"a": 2.0, "b": 1.0}, 10)
    {'a': 7, 'b': 3}
    """
    if length < len(shares):
        raise ValueError(
            f"An epoch of {length} cannot hold one of each of {len(shares)} data sets: "
            f"{', '.join(map(repr, shares))}. Make the epoch longer."
        )
    # Whoever is due less than 1 gets 1, and the others divide the rest.
    scarce: list[str] = []
    while True:
        rest = {name: share for name, share in shares.items() if name not in scarce}
        scale = (length - len(scarce)) / math.fsum(rest.values())
        below = [name for name, share in rest.items() if share * scale < 1]
        if not below:
            break
        scarce += below
    exact = {name: 1.0 if name in scarce else share * scale for name, share in shares.items()}
    whole = {name: math.floor(value) for name, value in exact.items()}
    by_remainder = sorted(shares, key=lambda name: whole[name] - exact[name])
    for name in by_remainder[: length - sum(whole.values())]:
        whole[name] += 1
    return whole


def _powers(sizes: Mapping[str, int], exponent: float) -> dict[str, float]:
    return {name: float(size) ** exponent for name, size in sizes.items()}
