"""The direction of a given length that is best for the worst-off task, by critical lines."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_mtl.aggregators.compiled import compiled
from tf_mtl.aggregators.sweep import sweep


class _State(NamedTuple):
    """A point on the path of shortest e(θ), all `[1, T]` or scalars."""

    table: Any  # [1, T, T] the cosines, swept on the active set
    x: Any  # e = Σ x_i u_i, x ≥ 0
    slack: Any  # u·e - θ a + h, not negative
    active: Any  # 1 where the inequality holds with equality
    squared: Any  # ‖e‖²
    entering: Any  # the inequality that is on its way into the active set, or -1
    arrived: Any
    count: Any


@compiled
def raise_the_worst(cosines: Any, start: Any, rise: Any, radius: Any, noise: Any) -> Any:
    """Returns x ≥ 0 such that e = Σ x_i u_i, ‖e‖ ≤ radius, makes min_i (start_i + u_i·e) / rise_i
    largest, u_i being the unit rows.

    The shortest e with u_i·e ≥ θ rise_i - start_i for all i is followed from the θ where it is 0
    until it is as long as the radius: x is linear in θ between the points where an inequality
    becomes active or inactive (Markowitz' critical line algorithm). Where no e raises θ further
    (some positive combination of rows is zero), e stays shorter than the radius.

    Args:
        cosines: `[T, T]` float64 Gramian of the unit rows.
        start: `[T]` progress along the unit rows without e.
        rise: `[T]` positive factors, 0 for absent tasks; the largest is 1.
        radius: largest length of e.
        noise: squared distances of unit rows that count as zero.
    """
    tasks = cosines.shape[0]
    one, infinity = tf.constant(1.0, tf.float64), tf.constant(float("inf"), tf.float64)
    rise = rise[None]
    present = rise > 0
    theta = tf.reduce_min(tf.where(present, start[None] / tf.where(present, rise, one), infinity))
    theta = tf.where(tf.math.is_finite(theta), theta, 0.0)

    def moving(s: _State) -> Any:
        return (s.count < 6 * tasks + 8) & ~s.arrived

    def to_zero(values: Any, speed: Any, where: Any) -> Any:
        """Returns when values with a negative speed reach 0."""
        falls = where & (speed < -1e-12 * tf.maximum(tf.reduce_max(tf.abs(speed)), 1e-300))
        return tf.where(falls, values / tf.where(falls, -speed, one), infinity)

    def follow(s: _State) -> tuple[_State]:
        """Moves along the line to the next event, or changes the active set."""
        is_active = s.active > 0
        # Along the line: dx = G⁻¹ a on the active set, where the table holds -G⁻¹.
        image = tf.linalg.matvec(s.table, rise * s.active)
        dx, dslack = -image * s.active, (image - rise) * (1.0 - s.active)
        slope, bend = tf.reduce_sum(s.x * rise), tf.reduce_sum(dx * rise * s.active)
        missing = tf.maximum(radius**2 - s.squared, 0.0)
        root = slope + tf.sqrt(slope**2 + bend * missing)
        ball = tf.where(root > 0, missing / tf.where(root > 0, root, one), infinity)
        leave, enter = to_zero(s.x, dx, is_active), to_zero(s.slack, dslack, present & ~is_active)
        line = tf.minimum(ball, tf.minimum(tf.reduce_min(leave), tf.reduce_min(enter)))
        waiting = s.entering >= 0
        line = tf.where(waiting, 0.0, line)
        stuck = ~tf.math.is_finite(line)
        line = tf.where(stuck, 0.0, line)
        x, slack = s.x + line * dx, s.slack + line * dslack
        squared = s.squared + line * (2.0 * slope + line * bend)
        arrived = ~waiting & (stuck | (ball <= line))

        # The event: one leaves, or one enters, after another has left if it depends on the rest.
        leaves = ~waiting & (tf.reduce_min(leave) <= line)
        newcomer = tf.where(waiting, s.entering, tf.argmin(enter, 1, output_type=tf.int32)[0])
        at = tf.one_hot(newcomer, tasks, dtype=tf.float64)[None]
        column = tf.gather(s.table[0], newcomer, axis=1)[None]
        along = column * s.active
        dependent = tf.reduce_sum(column * at) <= noise
        limits = tf.where(along > noise, x / tf.where(along > noise, along, one), infinity)
        exchange = tf.reduce_min(limits)
        swaps = ~leaves & dependent
        blocked = swaps & ~tf.math.is_finite(exchange)
        arrived |= blocked
        x += tf.where(swaps & ~arrived, exchange, 0.0) * (at - along)
        out = tf.where(
            leaves,
            tf.argmin(leave, 1, output_type=tf.int32)[0],
            tf.argmin(limits, 1, output_type=tf.int32)[0],
        )
        removes = leaves | swaps
        index = tf.where(removes, out, newcomer)
        pivot = tf.one_hot(index, tasks, dtype=tf.float64)[None]
        change = tf.where(arrived, 0.0, tf.where(removes, -one, one))
        swept = sweep(s.table, index[None], pivot, tf.where(removes, -one, one)[None])
        active = s.active + change * pivot
        x *= active
        next_state = _State(
            table=tf.where(arrived, s.table, swept),
            x=tf.where(arrived, s.x + line * dx, x),
            slack=tf.maximum(slack, 0.0) * (1.0 - active),
            active=active,
            squared=squared,
            entering=tf.where(swaps, newcomer, -1),
            arrived=arrived,
            count=s.count + 1,
        )
        return (next_state,)

    nothing = tf.zeros_like(rise)
    first = _State(
        table=cosines[None],
        x=nothing,
        slack=tf.where(present, start[None] - theta * rise, 0.0),
        active=nothing,
        squared=tf.zeros_like(radius),
        entering=tf.constant(-1),
        arrived=~(radius > 0.0),
        count=tf.constant(0),
    )
    (last,) = tf.while_loop(moving, follow, (first,))
    return tf.maximum(last.x[0], 0.0)
