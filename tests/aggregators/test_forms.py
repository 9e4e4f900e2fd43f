"""The ways of calling an aggregator agree: blocks, Gramian, graphs, XLA, layers, dtypes."""

from __future__ import annotations

import functools

import descriptors
import matrices
import numpy as np
import properties
import pytest
import tensorflow as tf

from tf_mtl import aggregators
from tf_mtl.aggregators import gramian

FIRST = {row.cls: row.variants[0] for row in reversed(descriptors.AGGREGATORS)}
CASES = [
    pytest.param(functools.partial(cls, **variant), id=cls.__name__)
    for cls, variant in FIRST.items()
]
WEIGHERS = [c for c in CASES if issubclass(c.values[0].func, aggregators.GramianAggregator)]
LOSSES = np.array([1.0, 0.5, 2.0], "float32")
STEPS = [matrices.jacobian(3, 8, seed=seed) for seed in range(3)]


def run(make, call=None):
    method = make()
    call = call or (lambda method: method)
    function = call(method)
    return [np.asarray(function(tf.constant(step), tf.constant(LOSSES))) for step in STEPS]


@pytest.mark.parametrize("make", CASES)
@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_graphs_do_what_eager_calls_do(make, jit):
    graph = run(make, lambda method: tf.function(method.call, jit_compile=jit, autograph=False))
    for eager, compiled in zip(run(make), graph, strict=True):
        properties.assert_close(compiled, eager, 1e-5)


@pytest.mark.parametrize("make", CASES)
def test_blocks_are_the_jacobian(make):
    if make.func is aggregators.GradDrop:
        pytest.skip("draws anew for each block")
    method = make()
    for step, whole in zip(STEPS, run(make), strict=True):
        blocks = method.aggregate([step[:, :5], step[:, 5:]], LOSSES)
        properties.assert_close(np.concatenate(blocks), whole, 1e-5)


@pytest.mark.parametrize("make", WEIGHERS)
def test_weights_are_those_of_the_answer(make):
    method = make()
    for step, vector in zip(STEPS, run(make), strict=True):
        rows = step.astype("float64")
        weights = np.asarray(method.weights(rows @ rows.T, LOSSES))
        properties.assert_close(weights @ rows, vector, 1e-5)


@pytest.mark.parametrize("make", CASES)
def test_tasks_come_and_go(make):
    """A task that is absent in a step keeps its state: the others go on as without it."""
    if "random" in str(make().get_config().get("order")):
        pytest.skip("orders are drawn for positions")
    if make.func is aggregators.PCD:
        pytest.skip("the first task has a part of its own")
    some, all_tasks = make(), make()
    for k in range(3):
        step = matrices.jacobian(3, 8, seed=k)
        with_zero = np.insert(step, 1, 0.0, axis=0)
        losses = np.insert(LOSSES, 1, 1.0)
        expected = some(step, LOSSES)
        properties.assert_close(np.asarray(all_tasks(with_zero, losses)), expected, 1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_any_float_dtype(dtype):
    matrix = tf.cast(matrices.SMALL["three"], dtype)
    for name in ("upgrad", "graddrop", "trimmedmean", "moco"):
        vector = aggregators.get(name)(matrix)
        assert vector.dtype == matrix.dtype
        assert np.isfinite(np.asarray(tf.cast(vector, tf.float32))).all()


def test_layers_are_aggregated_one_by_one():
    blocks = [matrices.jacobian(3, n, seed=n) for n in (4, 2, 5)]
    method = aggregators.PCGrad(order="fixed", groups="layer")
    grouped = method.aggregate(blocks, layers=[0, 0, 1])
    one = aggregators.PCGrad(order="fixed")
    first = np.concatenate(one.aggregate(blocks[:2]))
    properties.assert_close(np.concatenate(grouped[:2]), first, 1e-6)
    properties.assert_close(np.asarray(grouped[2]), np.asarray(one(blocks[2])), 1e-6)


@pytest.mark.parametrize("tasks", [4, 20])
def test_large_jacobians(tasks):
    """Above the size for float64 throughout, the answer is the same to float32."""
    n = 2 * gramian.SMALL // tasks
    matrix = matrices.jacobian(tasks, n, rank=tasks, ratio=1e3)
    for name in ("upgrad", "mgda", "alignedmtl"):
        exact = np.asarray(aggregators.get(name)(matrix.astype("float64")[:, : n // 4]))
        fast = np.asarray(aggregators.get(name)(np.repeat(matrix[:, : n // 4], 4, axis=1)))
        properties.assert_close(fast[::4].astype("float64"), exact, 1e-4)


@pytest.mark.parametrize("name", ["upgrad", "dualproj", "mgda"])
def test_large_jacobians_do_not_conflict_where_rows_cancel(name):
    matrix = matrices.nearly_opposite(2**18, angle=1e-3, ratio=1e3)
    properties.assert_non_conflicting(functools.partial(aggregators.get, name), matrix)


@pytest.mark.parametrize("tasks", [2, 3])
def test_large_jacobians_are_bargained_over_where_rows_cancel(tasks):
    """In float32 their Gramian has no solution, or is not even positive semidefinite."""
    for seed in range(3):
        matrix = matrices.jacobian(tasks, 2**18, seed=seed)
        matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
        away = matrices.jacobian(1, 2**18, seed=9)[0]
        matrix += 1e-4 * away / np.linalg.norm(away) - matrix.mean(axis=0)
        vector = np.asarray(aggregators.NashMTL(max_norm=0.0)(matrix), "float64")
        assert np.linalg.norm(vector) == pytest.approx(np.sqrt(tasks), rel=1e-3)


def test_rows_beyond_the_squares_of_float32():
    matrix = matrices.jacobian(2, 2**18)
    for scale in (1e-16, 1e25):
        scaled = np.asarray(aggregators.UPGrad()(matrix * np.float32(scale)), "float64")
        properties.assert_close(scaled / scale, np.asarray(aggregators.UPGrad()(matrix)), 1e-4)


@pytest.mark.parametrize("make", WEIGHERS)
def test_weights_are_kept_in_graphs_too(make):
    method, graph = make(every=2), make(every=2)
    call = tf.function(graph.call, autograph=False)
    for step in STEPS:
        vector = call(tf.constant(step), tf.constant(LOSSES))
        properties.assert_close(np.asarray(vector), np.asarray(method(step, LOSSES)), 1e-5)


def test_very_many_tasks_do_not_conflict():
    matrix = matrices.jacobian(150, 400, ratio=1e3)
    matrix[:, :5] *= 4.0
    properties.assert_non_conflicting(aggregators.UPGrad, matrix)
