"""Norms and cosines of the T rows of a Jacobian, and their weighted sum: all the numerics.

A method never sees the Gramian of the raw rows, whose entries may differ by a factor of 1e12 and
whose squares leave the range of float32. It sees the Gramian of the *unit* rows in float64 and
the norms beside it, so that g(c J) = c g(J) needs no epsilon anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

# Up to this many entries, products are formed in float64: they cost next to nothing.
SMALL = 2**18
# From this many rows on, slices of long rows in one batched product are faster than one product.
MANY_ROWS, SLICES = 16, 64
# An answer whose norm is below this part of the largest term has been lost in rounding.
LOST = {True: 1e-10, False: 1e-6}


class Rows(NamedTuple):
    """What a method may know of the T rows of a Jacobian.

    Attributes:
        cosines: `[T, T]` float64, the Gramian of the unit rows; 0 in the rows of absent tasks.
        norms: `[T]` float64, the norms of the rows, 0 for absent tasks.
        present: `[T]` float64, 1 where the task has a gradient and 0 where its row is zero.
        precision: relative accuracy of `cosines`, below which a solver sees noise.
    """

    cosines: Any
    norms: Any
    present: Any
    precision: float

    @property
    def tasks(self) -> int:
        """T, the number of rows, absent ones included."""
        return int(self.cosines.shape[0])

    @property
    def count(self) -> Any:
        """The number of present tasks, at least 1."""
        return tf.maximum(tf.reduce_sum(self.present), 1.0)

    @property
    def scale(self) -> Any:
        """The largest norm; 1 where every row is zero."""
        return _nonzero(tf.reduce_max(self.norms))

    @property
    def lengths(self) -> Any:
        """`[T]` norms relative to the largest, 1 for absent tasks: safe to divide by."""
        return _nonzero(self.norms) / tf.where(
            self.norms == 0.0, tf.ones_like(self.norms), self.scale
        )

    @property
    def gramian(self) -> Any:
        """`[T, T]` the Gramian of the rows divided by the largest norm."""
        lengths = self.lengths
        return lengths[:, None] * self.cosines * lengths[None, :]

    @property
    def noise(self) -> float:
        """Squared distance of unit rows below which they count as linearly dependent."""
        return noise_level(self.precision)

    def are_finite(self) -> Any:
        """Returns whether all norms and cosines are finite: none of the gradients overflowed."""
        norms, cosines = tf.math.is_finite(self.norms), tf.math.is_finite(self.cosines)
        return tf.reduce_all(norms) & tf.reduce_all(cosines)

    def mean(self, values: Any) -> Any:
        """Returns the average of `[T]` values over the present tasks."""
        return tf.reduce_sum(values * self.present) / self.count

    def cancels(self, weights: Any) -> Any:
        """Returns whether the weighted rows nearly cancel, so that rounding would show.

        Rows that weigh nothing do too: a method that found no answer has seen rounding.
        """
        terms = weights * self.norms / self.scale
        return quadratic(self.cosines, terms) <= 0.1 * tf.reduce_sum(tf.square(terms))


def from_gramian(gramian: Any, precision: float | None = None) -> Rows:
    """Returns the rows' norms and cosines, told from their inner products alone.

    >>> from_gramian([[4.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]).cosines.numpy()
    array([[1. , 0.5, 0. ],
           [0.5, 1. , 0. ],
           [0. , 0. , 0. ]])
    """
    gramian = tf.convert_to_tensor(gramian)
    precision = _epsilon(gramian.dtype) if precision is None else precision
    gramian = tf.cast(gramian, tf.float64)
    norms = tf.sqrt(tf.linalg.diag_part(gramian))
    lengths = _nonzero(norms)
    present = tf.cast(tf.not_equal(norms, 0.0), tf.float64)
    # Rounding may have left the two halves different and a cosine beyond 1.
    cosines = 0.5 * (gramian + tf.transpose(gramian)) / lengths[:, None] / lengths[None, :]
    cosines = tf.clip_by_value(cosines, -1.0, 1.0) * present[:, None] * present[None, :]
    return Rows(tf.linalg.set_diag(cosines, present), norms, present, precision)


def from_blocks(blocks: Sequence[Any], exact: bool | None = None) -> Rows:
    """Returns norms and cosines of the rows of a Jacobian given in blocks, as `inner_products`."""
    return from_gramian(*inner_products(blocks, exact))


def inner_products(blocks: Sequence[Any], exact: bool | None = None) -> tuple[Any, float | None]:
    """Returns the Gramian `[T, T]` float64 of the rows of a Jacobian, and its relative accuracy.

    Args:
        blocks: list of `[T, n_i]` tensors of a float dtype; they are never concatenated.
        exact: form the products in float64 (default: where the Jacobian is small). Otherwise
            they are float32, and squares beyond its range send them to float64, save where they
            vanish: a row of entries below 1e-19 in a large Jacobian counts as absent.
    """
    exact = is_small(blocks) if exact is None else exact
    if exact:
        return _exact_gramian(blocks), None
    gramian = tf.add_n([_fast_gramian(block) for block in blocks])
    squares = tf.linalg.diag_part(gramian)
    fits = (squares == 0.0) | ((squares > 1e-30) & (squares < 1e30))
    gramian = tf.cond(tf.reduce_all(fits), lambda: gramian, lambda: _exact_gramian(blocks))
    return gramian, max(_columns_error(block) for block in blocks)


def combine(blocks: Sequence[Any], weights: Any, rows: Rows | None = None) -> list[Any]:
    """Returns Σ_t w_t row_t, block by block, in the blocks' own dtypes.

    With `rows` given, an answer that is nothing but rounding (every term cancelled by the others)
    becomes exactly zero, and a near cancellation in a large Jacobian is summed in float64.
    """
    weights = tf.cast(weights, tf.float64)
    if rows is not None:
        finite = tf.reduce_all(tf.math.is_finite(rows.norms))
        weights = tf.where(finite, weights, tf.constant(float("nan"), tf.float64))
    if is_small(blocks):
        sums = _sums(blocks, weights, tf.float64)
        sums = sums if rows is None else _without_noise(sums, weights, rows, LOST[True])
    elif rows is None:
        sums = _sums(blocks, weights, tf.float32)
    else:
        sums = tf.cond(
            rows.cancels(weights),
            lambda: _rounded(_sums(blocks, weights, tf.float64), weights, rows),
            lambda: _sums(blocks, weights, tf.float32),
        )
    return [tf.cast(total, block.dtype) for total, block in zip(sums, blocks, strict=True)]


def is_small(blocks: Sequence[Any]) -> bool:
    """Returns whether a Jacobian is small enough for float64 throughout."""
    sizes = [block.shape.num_elements() for block in blocks]
    return None not in sizes and sum(sizes) <= SMALL


def quadratic(gramian: Any, weights: Any) -> Any:
    """Returns wᵀ G w, the squared norm of the weighted sum of the rows, never negative."""
    value = tf.reduce_sum(weights * tf.linalg.matvec(gramian, weights))
    return tf.maximum(value, 0.0)


def noise_level(precision: float) -> float:
    """Returns the squared distance of unit rows that means nothing.

    Rows in float32 are rounded themselves, by up to 1e-7, whatever the products are formed in.
    """
    return max(1e-11, 8.0 * precision)


def divide(numerator: Any, denominator: Any) -> Any:
    """Returns the quotient, and 0 where the denominator is 0."""
    return tf.math.divide_no_nan(numerator, denominator)


def _exact_gramian(blocks: Sequence[Any]) -> Any:
    wide = [tf.cast(block, tf.float64) for block in blocks]
    return tf.add_n([tf.matmul(block, block, transpose_b=True) for block in wide])


def _fast_gramian(block: Any) -> Any:
    block = tf.cast(block, tf.float32)
    tasks, n = block.shape
    if tasks < MANY_ROWS or (n is not None and n < SLICES * SLICES):
        return tf.cast(tf.matmul(block, block, transpose_b=True), tf.float64)
    width = (tf.shape(block)[1] if n is None else n) // SLICES
    slices = tf.transpose(tf.reshape(block[:, : width * SLICES], [tasks, SLICES, width]), [1, 0, 2])
    products = tf.cast(tf.matmul(slices, slices, transpose_b=True), tf.float64)
    rest = block[:, width * SLICES :]
    return tf.reduce_sum(products, 0) + tf.cast(tf.matmul(rest, rest, transpose_b=True), tf.float64)


def _columns_error(block: Any) -> float:
    """Relative error of a float32 product over so many columns, as measured on the CPU."""
    tasks, n = block.shape
    columns = (n or 2**22) / (SLICES if tasks >= MANY_ROWS else 1)
    return _epsilon(tf.float32) * math.sqrt(max(columns, 512.0) / 512.0)


def _sums(blocks: Sequence[Any], weights: Any, dtype: Any) -> list[Any]:
    weights = tf.cast(weights, dtype)
    return [tf.linalg.matvec(tf.cast(block, dtype), weights, transpose_a=True) for block in blocks]


def _rounded(sums: list[Any], weights: Any, rows: Rows) -> list[Any]:
    return [tf.cast(s, tf.float32) for s in _without_noise(sums, weights, rows, LOST[False])]


def _without_noise(sums: list[Any], weights: Any, rows: Rows, lost: float) -> list[Any]:
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(total)) for total in sums]))
    noise = lost * tf.reduce_max(tf.abs(weights) * rows.norms)
    return [tf.where(norm <= noise, tf.zeros_like(total), total) for total in sums]


def _nonzero(values: Any) -> Any:
    return tf.where(values == 0.0, tf.ones_like(values), values)


def _epsilon(dtype: Any) -> float:
    return {tf.float64: 2.0**-52, tf.float32: 2.0**-23, tf.float16: 2.0**-10}.get(dtype, 2.0**-7)
