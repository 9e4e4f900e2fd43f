"""Newton's method for the bargaining equations of Nash-MTL and FairGrad."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_mtl.aggregators.compiled import traced
from tf_mtl.aggregators.gramian import Rows

# Added to the cosines, so that there is a solution where a positive combination of rows is zero;
# where it changes the solution by more than SEEN, there is none without it.
RIDGE, SEEN = 1e-15, 1e-4
MOST_STEPS = 200
# Longest step of a logarithm, and the bound of those that become numbers.
LONGEST, BOUND = 2.0, 300.0


def solve_power(rows: Rows, power: float) -> Any:
    """Returns `[T]` the w > 0 with G w = w^(-power), G being the Gramian of the raw rows.

    It is where the convex ½ wᵀGw - Σ ∫ w^(-power) is least. With y = w over its solution for
    orthogonal rows, Newton's method solves C y = u (each side scaled) and log u = -power log y for
    the logarithms of both: with a power that is far from 1, one of y and u ranges over many orders
    of magnitude. It starts at the power 1 and goes to the one wanted by factors of 2. Absent tasks
    get 0, and all do where there is no solution, since a positive combination of the rows is zero.
    """
    # Rounding must not make the cosines indefinite.
    ridge = max(RIDGE, rows.precision * rows.tasks**0.5)
    numbers = [power, ridge, max(SEEN, min(ridge / rows.noise, 0.5))]
    return _solve(rows.cosines, rows.norms, rows.present, tf.constant(numbers, tf.float64))


@traced
def _solve(cosines: Any, norms: Any, present: Any, numbers: Any) -> Any:
    wanted, ridge, seen = tf.unstack(numbers)
    logarithms = tf.math.log(tf.where(present > 0, norms, tf.ones_like(norms)))
    identity = tf.eye(norms.shape[0], dtype=tf.float64)
    cosines += tf.linalg.diag(1.0 - present) + ridge * identity
    one = tf.ones_like(wanted)

    def unsolved(k: Any, log_y: Any, log_u: Any, power: Any, longest: Any, share: Any) -> Any:
        return (k < MOST_STEPS) & (longest > 1e-9)

    def step(k: Any, log_y: Any, log_u: Any, power: Any, longest: Any, share: Any) -> Any:
        # The terms of the answer have the sizes sᵢ yᵢ; s C s y = s² u is divided by s.
        sizes = logarithms * (power - 1.0) / (power + 1.0)
        sizes = tf.exp(sizes - tf.reduce_max(sizes))
        y, u = _numbers(log_y), _numbers(log_u)
        apart = log_u + power * log_y  # 0 where the second equation holds
        slope = power * u
        error = (u * (1.0 - apart) - tf.linalg.matvec(cosines, sizes * y) / sizes) / slope
        # Scaled by the slope, the system is I + a positive semidefinite matrix.
        inner, outer = tf.sqrt(y / slope), sizes * tf.sqrt(y * slope)
        matrix = identity + inner[:, None] * cosines * inner[None, :]
        right = tf.stack([outer * error, outer * ridge * y / slope], 1)
        solved = tf.linalg.solve(matrix, right) / outer[:, None]
        change_y, change_u = solved[:, 0], -apart - power * solved[:, 0]
        longest = tf.reduce_max(tf.abs(change_y))
        # A step is shortened to LONGEST, in the scale in which each logarithm may range.
        slow = tf.maximum(
            longest * tf.minimum(power, 1.0),
            tf.reduce_max(tf.abs(change_u)) / tf.maximum(power, 1.0),
        )
        slow = tf.maximum(slow, tf.reduce_max(change_y))
        part = LONGEST / tf.maximum(slow, LONGEST)
        # Where this power is nearly solved, its solution is a good start for the next one.
        near = (slow <= LONGEST) & (longest < 0.5)
        nearer = tf.clip_by_value(wanted, 0.5 * power, 2.0 * power)
        following = tf.where(near, nearer, power)
        longest = tf.where(following == power, longest, 1.0)
        # What the ridge changes of log w: much of it, if there is no solution without one.
        share = (power + 1.0) * tf.reduce_max(tf.abs(solved[:, 1]) * present)
        log_y, log_u = log_y + part * change_y, log_u + part * change_u
        return k + 1, log_y, log_u, following, longest, share

    tasks = tf.ones_like(norms)
    start = 0.5 * tf.math.log(tf.reduce_sum(tasks) / tf.reduce_sum(cosines)) * tasks
    first = (0, start, -start, one, one, 0.0 * one)
    _, log_y, _, power, longest, share = tf.while_loop(unsolved, step, first)
    lost = (share > seen) | (longest > 1e-1) | (power != wanted)
    weights = tf.exp(log_y - 2.0 / (wanted + 1.0) * logarithms) * present
    return tf.where(lost, tf.zeros_like(weights), weights)


def _numbers(logarithms: Any) -> Any:
    return tf.exp(tf.clip_by_value(logarithms, -BOUND, BOUND))
