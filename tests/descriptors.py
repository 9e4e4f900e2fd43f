"""One row for each public class: how to make it, and what it promises."""

from __future__ import annotations

from typing import Any, NamedTuple

from tf_mtl import aggregators

# Promises of an aggregator, each a property of tests/properties.py.
HOMOGENEOUS = "g(c J) = c g(J)"
EQUIVARIANT = "the order of the tasks does not matter"
ABSENT = "a zero row is an absent task"
SINGLE = "one task gets its own gradient"
PEACEFUL = "never conflicts with a task"

USUAL = {HOMOGENEOUS, EQUIVARIANT, ABSENT, SINGLE}


class AggregatorRow(NamedTuple):
    """A row of `AGGREGATORS`.

    Attributes:
        cls: the class.
        variants: constructor arguments, one dictionary for each way of making it worth a test.
        promises: the properties that every variant has.
    """

    cls: type[aggregators.Aggregator]
    variants: list[dict[str, Any]]
    promises: set[str]


AGGREGATORS = [
    AggregatorRow(aggregators.Mean, [{}], USUAL),
    AggregatorRow(aggregators.MGDA, [{}], {*USUAL, PEACEFUL}),
    AggregatorRow(
        aggregators.MGDA,
        [{"normalization": "l2"}, {"normalization": "loss+"}],
        {EQUIVARIANT, ABSENT, PEACEFUL},
    ),
    AggregatorRow(aggregators.PCGrad, [{"order": "fixed"}], {HOMOGENEOUS, ABSENT, SINGLE}),
    AggregatorRow(aggregators.PCGrad, [{"seed": 3}], {HOMOGENEOUS, SINGLE}),
    AggregatorRow(aggregators.Sum, [{}], USUAL),
    AggregatorRow(aggregators.UPGrad, [{}], {*USUAL, PEACEFUL}),
]
