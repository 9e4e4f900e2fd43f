"""The step of limited length that is best for the worst-off task, by critical lines."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_mtl.aggregators.compiled import compiled
from tf_mtl.aggregators.sweep import sweep


class _Problem(NamedTuple):
    """What stays the same along the path; `rise` is `[1, T]`, the others are scalars."""

    rise: Any
    radius: Any
    top: Any
    noise: Any


class _State(NamedTuple):
    """A point on the path of the shortest e(θ)."""

    table: Any  # [1, T, T] the cosines, swept on the active set
    x: Any  # [1, T] with e = Σ x_i u_i, x ≥ 0
    slack: Any  # [1, T] start + u·e - θ rise, not negative
    active: Any  # [1, T] 1 where the inequality holds with equality
    theta: Any
    squared: Any  # ‖e‖²
    entering: Any  # the inequality that is on its way into the active set, or -1
    arrived: Any
    count: Any


@compiled
def raise_the_worst(cosines: Any, start: Any, rise: Any, radius: Any, top: Any, noise: Any) -> Any:
    """Returns x ≥ 0 such that e = Σ x_i u_i makes min_i (start_i + u_i·e) / rise_i largest.

    The shortest e with u_i·e ≥ θ rise_i - start_i for all i is followed from the θ where it is 0
    until it is as long as `radius`, or θ is `top`. x is linear in θ between the points where an
    inequality becomes active or inactive: Markowitz, "The optimization of a quadratic function
    subject to linear constraints", 1956.

    Args:
        cosines: `[T, T]` float64 Gramian of the unit rows u.
        start: `[T]` progress along the unit rows without e.
        rise: `[T]` positive factors, 0 for absent tasks; the largest is 1.
        radius: largest length of e.
        top: largest θ, finite where no e takes all tasks further.
        noise: squared distances of unit rows that count as zero.
    """
    tasks = cosines.shape[0]
    start, rise = start[None], rise[None]
    problem = _Problem(rise, radius, top, noise)
    quotients = _divide_where(rise > 0, start, rise)
    theta = tf.minimum(tf.reduce_min(quotients), tf.float64.max)

    def moving(s: _State) -> Any:
        return (s.count < 6 * tasks + 8) & ~s.arrived

    first = _State(
        table=cosines[None],
        x=tf.zeros_like(rise),
        slack=tf.where(rise > 0, start - theta * rise, tf.zeros_like(rise)),
        active=tf.zeros_like(rise),
        theta=theta,
        squared=tf.zeros_like(radius),
        entering=tf.constant(-1),
        arrived=(radius <= 0.0) | (theta >= top),
        count=tf.constant(0),
    )
    (last,) = tf.while_loop(moving, lambda s: (_follow(s, problem),), (first,))
    return tf.maximum(last.x[0], 0.0)


def _follow(s: _State, problem: _Problem) -> _State:
    """Moves along the line to the next event, and changes the active set there."""
    rise = problem.rise
    # Along the line dx/dθ is G⁻¹ rise on the active set, where the table holds -G⁻¹.
    image = tf.linalg.matvec(s.table, rise * s.active)
    dx, dslack = -image * s.active, (image - rise) * (1.0 - s.active)
    slope, bend = tf.reduce_sum(s.x * rise), tf.reduce_sum(dx * rise)

    # Speeds that are nothing but rounding lead nowhere: duplicates stay where they are.
    leave = _time_to_zero(s.x, dx, 1e-12 * tf.reduce_max(tf.abs(dx)))
    enter = _time_to_zero(s.slack, dslack, 1e-12 * (tf.abs(image) + rise))
    end = tf.minimum(_time_to_radius(s.squared, slope, bend, problem.radius), problem.top - s.theta)
    event = tf.minimum(tf.reduce_min(leave), tf.reduce_min(enter))
    waiting = s.entering >= 0
    time = tf.where(waiting, tf.zeros_like(end), tf.minimum(end, event))
    # All inequalities become active at the top: rounding must not choose one of them.
    arrived = ~waiting & ((end <= event * (1.0 + 1e-9)) | ~tf.math.is_finite(time))
    time = tf.where(tf.math.is_finite(time), time, tf.zeros_like(time))
    moved = s._replace(
        x=s.x + time * dx,
        slack=tf.maximum(s.slack + time * dslack, 0.0),
        theta=s.theta + time,
        squared=s.squared + time * (2.0 * slope + time * bend),
        arrived=arrived,
        count=s.count + 1,
    )
    leaves = ~waiting & (tf.reduce_min(leave) <= event)
    newcomer = tf.where(waiting, s.entering, _argmin(enter))
    return _exchange(moved, leaves, _argmin(leave), newcomer, problem.noise)


def _exchange(s: _State, leaves: Any, leaving: Any, newcomer: Any, noise: Any) -> _State:
    """Takes `leaving` out, or `newcomer` in, after another is out if it depends on the active."""
    tasks = s.x.shape[1]
    at = tf.one_hot(newcomer, tasks, dtype=tf.float64)[None]
    column = tf.gather(s.table[0], newcomer, axis=1)[None]
    along = column * s.active
    swaps = ~leaves & (tf.reduce_sum(column * at) <= noise)
    limits = _divide_where(along > noise, s.x, along)
    room = tf.reduce_min(limits)
    arrived = s.arrived | (swaps & ~tf.math.is_finite(room))
    moves = tf.cast(~arrived, tf.float64)
    x = s.x + tf.where(swaps & ~arrived, room, tf.zeros_like(room)) * (at - along)

    removes = leaves | swaps
    index = tf.where(removes, tf.where(leaves, leaving, _argmin(limits)), newcomer)
    pivot = tf.one_hot(index, tasks, dtype=tf.float64)[None]
    change = 1.0 - 2.0 * tf.cast(removes, tf.float64)
    active = s.active + moves * change * pivot
    return s._replace(
        table=tf.where(arrived, s.table, sweep(s.table, index[None], pivot, change[None])),
        x=tf.where(removes & ~arrived, x * (1.0 - pivot), x),
        slack=s.slack * (1.0 - active),
        active=active,
        entering=tf.where(swaps, newcomer, -1),
        arrived=arrived,
    )


def _time_to_zero(values: Any, speed: Any, rounding: Any) -> Any:
    """Returns when values reach 0, infinity where they do not."""
    return _divide_where(speed < -rounding, values, -speed)


def _time_to_radius(squared: Any, slope: Any, bend: Any, radius: Any) -> Any:
    """Returns the t ≥ 0 with squared + 2 t slope + t² bend = radius², else infinity."""
    missing = tf.maximum(radius**2 - squared, 0.0)
    root = slope + tf.sqrt(slope**2 + bend * missing)
    return _divide_where(root > 0, missing, root)


def _divide_where(where: Any, values: Any, by: Any) -> Any:
    infinity = tf.constant(float("inf"), tf.float64)
    return tf.where(where, values / tf.where(where, by, tf.ones_like(by)), infinity)


def _argmin(values: Any) -> Any:
    return tf.argmin(values, axis=1, output_type=tf.int32)[0]
