"""GO4Align against the formulas in NumPy, with the best of all ways of grouping."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import weightings
from tf_mtl.weightings.go4align import group_means

LOSSES = np.array(
    [[0.5, 2.0, 8.0, 0.7], [0.4, 1.9, 8.5, 0.2], [0.3, 1.9, 6.0, 0.6], [0.35, 1.0, 5.0, 0.5]]
)


def grouped(values, groups):
    """The means of the clusters with the least sum of squares, of all that there are."""
    found = []
    for labels in map(np.array, itertools.product(range(groups), repeat=len(values))):
        means = np.array([values[labels == label].mean() for label in labels])
        found.append((((values - means) ** 2).sum(), tuple(means)))
    return np.array(min(found)[1])


def program(losses, groups, beta):
    """Weights in each step, as the authors' code computes them."""
    p, weights = np.full(losses.shape[1], 1 / losses.shape[1]), []
    for step in losses:
        p = p * np.exp(-beta * step)
        p = p / p.sum()
        weights.append(grouped(p * step.sum() / step, groups))
    return np.array(weights)


@pytest.mark.parametrize(("groups", "beta"), [(1, 0.1), (2, 0.1), (2, 1e-4), (3, 0.0), (4, 0.5)])
def test_weights_are_those_of_the_formulas(groups, beta):
    weighting = weightings.GO4Align(num_groups=groups, robust_step_size=beta)
    for step, expected in zip(LOSSES, program(LOSSES, groups, beta), strict=True):
        losses = tf.constant(step, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(losses)
            value = tf.reduce_sum(weighting(losses))
        np.testing.assert_allclose(tape.gradient(value, losses), expected, rtol=1e-5)
        weighting.update(losses)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_grouping_is_the_best(groups, seed):
    random = np.random.default_rng(seed)
    values = random.lognormal(0, 3, 6) * 10.0 ** random.integers(-6, 7)
    found = group_means(values, np.ones(6), groups)
    np.testing.assert_allclose(found, grouped(values, groups), rtol=1e-5)
    order = random.permutation(6)
    np.testing.assert_array_equal(
        group_means(values[order], np.ones(6), groups), found.numpy()[order]
    )
    mask = np.array([1.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    masked = group_means(np.where(mask > 0, values, 1e30), mask, groups)
    expected = grouped(values[mask > 0], groups)
    np.testing.assert_allclose(masked.numpy()[mask > 0], expected, rtol=1e-5)


def test_with_groups_enough_each_has_its_own():
    values = np.array([3.0, 1.0, 2.0, 1.0])
    for groups in (3, 4, 9):
        np.testing.assert_allclose(group_means(values, np.ones(4), groups), values, rtol=1e-6)


def test_equal_losses_have_equal_weights():
    losses = np.array([2.0, 2.0, 2.0, 2.0, 5.0], "float32")
    weighted = weightings.GO4Align(num_groups=3)(losses)
    assert len(set(np.asarray(weighted)[:4])) == 1


@pytest.mark.parametrize("bad", [0, 1.5, True])
def test_the_number_of_groups_is_whole(bad):
    with pytest.raises(ValueError, match="num_groups="):
        weightings.GO4Align(num_groups=bad)
