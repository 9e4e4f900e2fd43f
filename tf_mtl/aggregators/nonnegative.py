"""Non-negative quadratic programmes, solved exactly, many at once.

Goldfarb and Idnani, "A numerically stable dual method for solving strictly convex quadratic
programs", Mathematical Programming 27 (1983), written on the Gramian with the sweep operator so
that one iteration is one update of rank one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_mtl.aggregators.compiled import compiled
from tf_mtl.aggregators.gramian import noise_level
from tf_mtl.aggregators.sweep import sweep


def solve_nonnegative(gramian: Any, linear: Any, precision: float) -> tuple[Any, Any]:
    """Solves min ½ xᵀGx + qᵀx subject to x ≥ 0 for each row q of `linear`.

    Seen from the rows gᵢ, d = Σ xᵢ gᵢ is the shortest vector with gᵢ·d ≥ -qᵢ for all i.

    Args:
        gramian: `[T, T]` float64, positive semidefinite with diagonal entries 0 or about 1.
        linear: `[B, T]` float64.
        precision: relative accuracy of `gramian`. A row whose squared distance to the span of
            the active ones is not well above it counts as lying in that span.

    Returns:
        `[B, T]` the solutions, and `[B]` whether the inequalities can all hold.
    """
    dependent = tf.constant(noise_level(precision), tf.float64)
    tolerance = tf.constant(max(1e-14, precision), tf.float64)
    return _solve(gramian, linear, dependent, tolerance)


class _State(NamedTuple):
    """B active sets on their way to the optimum."""

    table: Any  # [B, T, T] the Gramian, swept on the active set
    x: Any  # [B, T] the solutions
    slack: Any  # [B, T] G x + q, which has to become non-negative
    active: Any  # [B, T] 1 where the inequality holds with equality
    entering: Any  # [B] the inequality that is on its way into the active set, or -1
    solved: Any  # [B]
    feasible: Any  # [B]
    count: Any  # of iterations


@compiled
def _solve(gramian: Any, linear: Any, dependent: Any, tolerance: Any) -> tuple[Any, Any]:
    problems, tasks = linear.shape
    accepted = -tolerance * tf.reduce_max(tf.abs(linear), axis=1)
    one = tf.constant(1.0, tf.float64)
    infinite = tf.fill([problems, tasks], tf.constant(float("inf"), tf.float64))

    def unsolved(s: _State) -> Any:
        return (s.count < 4 * tasks + 8) & ~tf.reduce_all(s.solved)

    def iterate(s: _State) -> tuple[_State]:
        # The inequality that is violated most enters, unless one is already on its way.
        worst = tf.argmin(s.slack, axis=1, output_type=tf.int32)
        entering = tf.where(s.entering < 0, worst, s.entering)
        enters = tf.one_hot(entering, tasks, dtype=tf.float64)
        violation = tf.reduce_sum(enters * s.slack, 1)
        solved = s.solved | ~(violation < accepted)

        # Going there moves the active x by -along; the first of them to reach 0 must leave.
        column = tf.gather(s.table, entering, axis=1, batch_dims=1)
        distance = tf.reduce_sum(column * enters, 1)
        along = column * s.active
        shrinks = along > dependent
        limits = tf.where(shrinks, s.x / tf.where(shrinks, along, one), infinite)
        partial = tf.reduce_min(limits, 1)
        apart = distance > dependent
        full = tf.where(apart, -violation / tf.where(apart, distance, one), infinite[:, 0])
        step = tf.minimum(partial, full)
        possible = tf.math.is_finite(step)
        moves = possible & ~solved
        adds = full <= partial

        leaving = tf.argmin(limits, axis=1, output_type=tf.int32)
        leaves = tf.one_hot(leaving, tasks, dtype=tf.float64)
        index = tf.where(adds, entering, leaving)
        pivot = tf.where(adds[:, None], enters, leaves)
        change = tf.where(adds, one, -one)
        move = tf.where(moves, step, 0.0)[:, None]
        x = s.x + move * (enters - along)
        active = s.active + tf.where(moves, change, 0.0)[:, None] * pivot
        next_state = _State(
            table=tf.where(moves[:, None, None], sweep(s.table, index, pivot, change), s.table),
            x=tf.where((moves & ~adds)[:, None], x * (1.0 - leaves), x),
            slack=(s.slack + move * (column - along)) * (1.0 - active),
            active=active,
            entering=tf.where(adds | ~moves, -1, entering),
            solved=solved | ~possible,
            feasible=s.feasible & (solved | possible),
            count=s.count + 1,
        )
        return (next_state,)

    first = _State(
        table=tf.tile(gramian[None], [problems, 1, 1]),
        x=tf.zeros_like(linear),
        slack=linear,
        active=tf.zeros_like(linear),
        entering=tf.fill([problems], -1),
        solved=tf.fill([problems], False),
        feasible=tf.fill([problems], True),
        count=tf.constant(0),
    )
    (last,) = tf.while_loop(unsolved, iterate, (first,))
    # One step of iterative refinement: on the active set the table holds -G⁻¹.
    residual = (tf.linalg.matmul(last.x, gramian) + linear) * last.active
    x = last.x + tf.linalg.matvec(last.table, residual) * last.active
    return tf.maximum(x, 0.0), last.feasible
