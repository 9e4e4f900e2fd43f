"""Newton's method for the bargaining equations of Nash-MTL and FairGrad."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_mtl.aggregators.compiled import traced
from tf_mtl.aggregators.gramian import Rows

# Added to the cosines, so that there is a solution where a positive combination of rows is zero;
# where it changes one of the equations by more than SEEN, there is none without it.
RIDGE, SEEN = 1e-15, 1e-4
MOST_STEPS = 40


def solve_power(rows: Rows, power: float) -> Any:
    """Returns `[T]` the w > 0 with G w = w^(-power), G being the Gramian of the raw rows.

    It is where the convex ½ wᵀGw - Σ ∫ w^(-power) is least. Newton's steps Δ are taken on w over
    its solution for orthogonal rows, and shortened to 1 / (1 + max |Δ/w|), which keeps w positive,
    always descends, and becomes 1 at the solution. Absent tasks get 0, and all do where there is no
    solution, since a positive combination of the rows is zero.
    """
    return _solve(rows.cosines, rows.norms, rows.present, tf.constant(power, tf.float64))


@traced
def _solve(cosines: Any, norms: Any, present: Any, power: Any) -> Any:
    norms = tf.where(present > 0, norms, tf.ones_like(norms))
    alone = norms ** (-2.0 / (power + 1.0))  # the solution if the rows were orthogonal
    sizes = alone * norms  # of the terms of the answer
    sizes = sizes / tf.reduce_max(sizes)
    identity = tf.eye(norms.shape[0], dtype=tf.float64)
    cosines += tf.linalg.diag(1.0 - present) + RIDGE * identity
    gramian = sizes[:, None] * cosines * sizes[None, :]
    squares = tf.square(sizes)
    y = tf.ones_like(norms) * (tf.reduce_sum(squares) / tf.reduce_sum(gramian)) ** (
        1.0 / (power + 1.0)
    )

    def unsolved(k: Any, y: Any, longest: Any) -> Any:
        return (k < MOST_STEPS) & (longest > 1e-9)

    def step(k: Any, y: Any, longest: Any) -> tuple[Any, Any, Any]:
        # Scaled by the curvature of the power, the system is I + a positive semidefinite matrix.
        pull = squares * y ** (-power)
        scaling = tf.sqrt(y / (power * pull))
        matrix = identity + scaling[:, None] * gramian * scaling[None, :]
        right = scaling * (pull - tf.linalg.matvec(gramian, y))
        change = scaling * tf.linalg.solve(matrix, right[:, None])[:, 0] / y
        longest = tf.reduce_max(tf.abs(change))
        shortened = change / (1.0 + tf.maximum(0.5 * (power + 1.0), 1.0) * longest)
        return k + 1, y * (1.0 + shortened), longest

    _, y, longest = tf.while_loop(unsolved, step, (0, y, tf.constant(1.0, tf.float64)))
    share = tf.reduce_max(RIDGE * y ** (power + 1.0) * present)
    lost = (share > SEEN) | (longest > 1e-3)
    return tf.where(lost, tf.zeros_like(y), alone * y * present)
