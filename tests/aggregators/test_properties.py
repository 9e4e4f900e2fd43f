"""Every aggregator keeps every promise of its row, on every matrix."""

from __future__ import annotations

import functools

import descriptors
import matrices
import numpy as np
import properties
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

CASES = [
    pytest.param(functools.partial(row.cls, **variant), row.promises, id=f"{row.cls.__name__}{i}")
    for row in descriptors.AGGREGATORS
    for i, variant in enumerate(row.variants)
]
ASSERTS = {
    descriptors.HOMOGENEOUS: properties.assert_homogeneous,
    descriptors.EQUIVARIANT: properties.assert_equivariant,
    descriptors.ABSENT: properties.assert_absent,
    descriptors.SINGLE: properties.assert_returns_single,
    descriptors.PEACEFUL: properties.assert_non_conflicting,
}


@pytest.mark.parametrize(("make", "promises"), CASES)
def test_is_finite(make, promises):
    for matrix in matrices.LARGE.values():  # the promises are kept on the others
        properties.assert_finite(make, matrix)


@pytest.mark.parametrize("promise", ASSERTS)
@pytest.mark.parametrize(("make", "promises"), CASES)
def test_keeps_its_promises(make, promises, promise):
    if promise not in promises:
        return
    for matrix in matrices.SMALL.values():
        ASSERTS[promise](make, matrix)


@pytest.mark.parametrize(("make", "promises"), CASES)
def test_all_zero_gives_zero(make, promises):
    assert (properties.answer(make, matrices.SMALL["all_zero"]) == 0.0).all()


@pytest.mark.parametrize(
    "make", [case.values[0] for case in CASES if descriptors.PEACEFUL in case.values[1]]
)
@settings(derandomize=True, deadline=None, max_examples=25, database=None)
@given(
    tasks=st.integers(1, 12),
    n=st.integers(1, 30),
    rank=st.integers(1, 12),
    decades=st.floats(0.0, 6.0),
    scale=st.floats(-8.0, 8.0),
    seed=st.integers(0, 99),
)
def test_never_conflicts(make, tasks, n, rank, decades, scale, seed):
    matrix = matrices.jacobian(tasks, n, min(rank, n), 10.0**decades, seed)
    properties.assert_non_conflicting(make, matrix * np.float32(10.0**scale))
