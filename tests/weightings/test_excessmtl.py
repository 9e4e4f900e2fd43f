"""ExcessMTL against the formulas in NumPy and against published code, on gradients by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tf_mtl import weightings

RANDOM = np.random.default_rng(0)
GRADIENTS = RANDOM.normal(size=(6, 3, 7)).astype("float32") * [[[1.0], [4.0], [0.3]]]
ONES = np.ones(3, "float32")

# TorchJD 0.18 on four Jacobians. Its first step also moves the weights, by the excess without a
# unit; what is compared is how they move from then on.
JACOBIANS = [
    [[1.0, 0.2, 0.0, 0.1, -0.3], [-0.8, 1.0, 0.1, 0.0, 0.2], [-0.3, -0.7, 0.9, 0.4, 0.0]],
    [[0.5, 0.1, 0.0, 0.05, -0.15], [-0.4, 0.5, 0.05, 0.0, 0.1], [-0.15, -0.35, 0.45, 0.2, 0.0]],
    [[0.3, 0.7, -0.9, -0.4, 0.0], [0.8, -1.0, -0.1, 0.0, -0.2], [-1.0, -0.2, 0.0, -0.1, 0.3]],
    [[1.0, 0.2, 0.0, 0.1, -0.3], [-0.8, 1.0, 0.1, 0.0, 0.2], [-0.3, -0.7, 0.9, 0.4, 0.0]],
]
TORCHJD = [
    [0.21447835, 0.35361505, 0.43190660],
    [0.21447835, 0.35361506, 0.43190659],
    [0.34386308, 0.31053361, 0.34560331],
    [0.34311836, 0.30180831, 0.35507333],
]


def program(gradients, step_size):
    """Weights after each step, as the paper's algorithm has them."""
    weights, squares, first, found = np.ones(gradients.shape[1]), 0.0, None, []
    for step in gradients:
        squares = squares + step**2
        excess = (step**2 / np.sqrt(squares)).sum(1)
        first = excess if first is None else first
        weights = weights * np.exp(step_size * excess / first)
        weights = weights / weights.sum() * len(weights)
        found.append(weights)
    return np.array(found)


def run(weighting, gradients, present=None):
    """Weights after each step; gradients in two blocks."""
    found = []
    for number, step in enumerate(np.asarray(gradients, "float32")):
        weighting.look([step[:, :3], step[:, 3:]], None if present is None else present[number])
        found.append(np.asarray(weighting(ONES[: len(step)])))
    return np.array(found)


@pytest.mark.parametrize("step_size", [0.01, 1.0])
def test_weights_are_those_of_the_formulas(step_size):
    found = run(weightings.ExcessMTL(step_size), GRADIENTS)
    np.testing.assert_allclose(found, program(GRADIENTS, step_size), rtol=1e-5)
    np.testing.assert_array_equal(found[0], 1.0)


def test_weights_move_as_published_code_moves_them():
    found = run(weightings.ExcessMTL(1.0), JACOBIANS)
    expected = np.array(TORCHJD) / TORCHJD[0]
    expected *= 3 / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=2e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1e8, 1e30])
def test_scales_do_not_matter(scale):
    scales = np.array([[1.0], [scale], [1.0]])
    plain = run(weightings.ExcessMTL(1.0), GRADIENTS)
    np.testing.assert_allclose(run(weightings.ExcessMTL(1.0), GRADIENTS * scales), plain, rtol=1e-5)


def test_an_absent_task_keeps_its_share():
    """The others get what they would get without it, and go on from there when it is back."""
    three, pair = weightings.ExcessMTL(1.0), weightings.ExcessMTL(1.0)
    present = np.array([[True, True, True]] * 2 + [[True, False, True]] * 3 + [[True, True, True]])
    shown = np.where(present[:, :, None], GRADIENTS, 0.0)
    before = run(three, shown[:2], present[:2])[-1]
    state = three.read_state()
    run(three, shown[2:5], present[2:5])
    for key, value in three.read_state().items():
        np.testing.assert_array_equal(value[1], state[key][1], key)
    np.testing.assert_allclose(np.asarray(three(ONES))[1], before[1], rtol=1e-6)
    others = run(pair, GRADIENTS[:5, [0, 2]])[-1]
    here = np.asarray(three(ONES, np.array([True, False, True])))
    np.testing.assert_allclose(here[[0, 2]], others, rtol=1e-5)


def test_a_task_that_comes_late_begins_where_the_others_began():
    weighting = weightings.ExcessMTL(1.0)
    late = GRADIENTS.copy()
    late[:3, 0] = 0.0
    found = run(weighting, late, [[False, True, True]] * 3 + [[True, True, True]] * 3)
    assert np.isfinite(found).all()
    assert found[3, 0] > 0.9


def test_a_gradient_that_is_zero_is_no_absence():
    weighting = weightings.ExcessMTL(1.0)
    step = GRADIENTS[:1].copy()
    step[0, 2] = 0.0
    found = run(weighting, np.concatenate([step, step]))
    assert np.isfinite(found).all()
    assert found[-1, 2] < found[-1, 0]


def test_gradients_that_overflowed_are_forgotten():
    weighting = weightings.ExcessMTL(1.0)
    run(weighting, GRADIENTS[:2])
    before = weighting.read_state()
    broken = GRADIENTS[2].astype("float32")
    broken[1, 2] = np.inf
    weighting.look([broken[:, :3], broken[:, 3:]])
    for key, value in weighting.read_state().items():
        np.testing.assert_array_equal(value, before[key])


def test_gradients_of_other_shapes_are_refused():
    weighting = weightings.ExcessMTL()
    weighting.look([GRADIENTS[0]])
    with pytest.raises(ValueError, match="other shapes"):
        weighting.look([GRADIENTS[0, :, :3]])
    early = weightings.ExcessMTL()
    np.testing.assert_array_equal(early(ONES), 1.0)
    with pytest.raises(ValueError, match="look at gradients before"):
        early.look([GRADIENTS[0]])
