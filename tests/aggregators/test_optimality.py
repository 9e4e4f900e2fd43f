"""Methods that are defined by an optimum find it."""

from __future__ import annotations

import matrices
import numpy as np
import pytest
from scipy.optimize import nnls

from tf_mtl import aggregators

HARD = {
    name: matrices.SMALL[name]
    for name in ("conflict", "eight", "rank_2", "ratio_1e6", "duplicate", "nearly_opposite_1e6")
}
HARD |= {"forty": matrices.LARGE["forty"], "forty_1e6": matrices.LARGE["forty_1e6"]}


@pytest.fixture(params=HARD, name="rows")
def _rows(request):
    return HARD[request.param].astype("float64")


@pytest.mark.parametrize("c", [0.4, 1.5])
def test_cagrad_closes_the_duality_gap(rows, c):
    weights = np.asarray(aggregators.CAGrad(c=c).weights(rows @ rows.T))
    mean, gradient = rows.mean(0), weights @ rows
    radius = c * np.linalg.norm(mean)
    assert np.linalg.norm(gradient - mean) == pytest.approx(radius, rel=1e-4)
    simplex = np.maximum(weights - 1.0 / len(rows), 0.0)
    simplex /= simplex.sum()
    dual = simplex @ rows @ mean + radius * np.linalg.norm(simplex @ rows)
    assert (rows @ gradient).min() == pytest.approx(dual, rel=1e-4)


@pytest.mark.parametrize("power", [1.0, 0.5, 2.0])
def test_bargaining_equations_hold(rows, power):
    if power == 2.0 and len(rows) == 2:
        pytest.skip("nearly opposite rows are beyond float64 with this power")
    method = aggregators.FairGrad(alpha=1.0 / power)
    if power == 1.0:
        method = aggregators.NashMTL(max_norm=0.0)
    gramian = rows @ rows.T
    weights = np.asarray(method.weights(gramian))
    np.testing.assert_allclose(gramian @ weights, weights**-power, rtol=1e-4)


@pytest.mark.parametrize("name", ["conflict", "eight", "ratio_1e6"])
def test_fairgrad_has_an_answer_for_every_alpha(name):
    """The limits are programmes: the sum within the dual cone, and the largest slowest rate."""
    rows = HARD[name].astype("float64")
    gramian, tasks = rows @ rows.T, len(rows)
    nearly_sum = np.asarray(aggregators.FairGrad(alpha=1e-6).weights(gramian))
    projected = np.asarray(aggregators.DualProj().weights(gramian)) * tasks
    np.testing.assert_allclose(nearly_sum, projected, rtol=1e-3)
    slowest = np.asarray(aggregators.FairGrad(alpha=1e6).weights(gramian))
    shortest = np.asarray(aggregators.MGDA().weights(gramian))
    np.testing.assert_allclose(slowest / slowest.sum(), shortest, rtol=1e-3, atol=1e-9)
    for alpha in (0.05, 0.2, 10.0, 100.0):
        weights = np.asarray(aggregators.FairGrad(alpha=alpha).weights(gramian))
        assert weights.any(), alpha


def test_mgda_is_optimal(rows):
    weights = np.asarray(aggregators.MGDA().weights(rows @ rows.T))
    gradient = weights @ rows
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0)
    # No convex combination is shorter: g·gᵢ ≥ ‖g‖² for all i.
    rounding = 1e-9 * np.linalg.norm(gradient) * np.linalg.norm(rows, axis=1)
    assert (rows @ gradient >= gradient @ gradient - rounding).all()


def test_projections_are_those_of_another_solver(rows):
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    each = np.array([row + nnls(units.T, -row)[0] @ units for row in rows])
    upgrad = np.asarray(aggregators.UPGrad()(rows))
    np.testing.assert_allclose(upgrad, each.mean(0), atol=1e-6 * np.linalg.norm(upgrad))
    mean = rows.mean(0)
    projected = mean + nnls(units.T, -mean)[0] @ units
    dualproj = np.asarray(aggregators.DualProj()(rows))
    np.testing.assert_allclose(dualproj, projected, atol=1e-6 * np.linalg.norm(dualproj))


def test_imtlg_projects_equally():
    rows = matrices.SMALL["eight"].astype("float64")
    products = rows @ np.asarray(aggregators.IMTLG()(rows)) / np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(products, products[0], rtol=1e-9)


def test_gradnorm_evens_out_the_norms():
    rows = np.diag([4.0, 1.0, 0.5])
    method = aggregators.GradNorm(alpha=0.0, learning_rate=0.01)
    norms = [np.asarray(method(rows, np.ones(3))) for _ in range(200)][-1]
    np.testing.assert_allclose(norms, norms.mean(), rtol=0.05)


@pytest.mark.parametrize("name", ["MoDo", "SDMGrad", "MoCo"])
def test_followers_of_mgda_arrive(name):
    rows = matrices.SMALL["eight"].astype("float64")
    options = {
        "MoDo": {},
        "SDMGrad": {"lambda_": 0.0},
        "MoCo": {"gamma_decay": 0.0},
    }
    method = getattr(aggregators, name)(**options[name])
    arrived = [np.asarray(method(rows)) for _ in range({"SDMGrad": 20}.get(name, 150))][-1]
    shortest = np.linalg.norm(np.asarray(aggregators.MGDA()(rows)))
    assert np.linalg.norm(arrived) == pytest.approx(shortest, rel=1e-2)


def test_pcd_gives_the_others_their_share():
    rows = matrices.SMALL["eight"].astype("float64")
    rows[1:3] -= rows[0]
    direction = np.asarray(aggregators.PCD(tau=0.1)(rows))
    assert np.linalg.norm(direction) == pytest.approx(np.linalg.norm(rows[0]))
    assert (rows @ direction > 0.0).all()


def test_krum_ignores_an_outlier():
    rows = np.array([[1.0, 0.0], [1.1, 0.1], [0.9, -0.1], [-50.0, 80.0]])
    chosen = np.asarray(aggregators.Krum(num_selected=2)(rows))
    np.testing.assert_allclose(chosen, [1.0, 0.0], atol=0.11)


def test_graddrop_has_the_expectation_of_its_paper():
    rows = np.array([[3.0] * 4000, [-1.0] * 4000])
    values = np.asarray(aggregators.GradDrop(seed=5)(rows))
    assert set(values) == {3.0, -1.0}
    assert (values == 3.0).mean() == pytest.approx(0.75, abs=0.03)


def test_graddrop_draws_for_each_layer_by_itself():
    """A sign is picked coordinate by coordinate: which layer it is in makes no difference."""
    blocks = [np.array([[1.0] * 100, [-1.0] * 100])] * 3
    whole = aggregators.GradDrop(seed=5).aggregate(blocks)
    layers = aggregators.GradDrop(seed=5, groups="layer").aggregate(blocks, layers=[0, 0, 1])
    np.testing.assert_array_equal(layers, whole)
    assert (np.asarray(layers[0]) != np.asarray(layers[2])).any()


def test_dbmtl_divides_by_losses_and_norms():
    rows = np.array([[2.0, 0.0], [0.0, 8.0]])
    vector = np.asarray(aggregators.DBMTL()(rows, np.array([1.0, 2.0])))
    np.testing.assert_allclose(vector, [4.0, 4.0])
