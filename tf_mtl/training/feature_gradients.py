"""The tasks' gradients at a shared feature: as rows, or as products where the heads begin linear.

Most heads multiply the features `[B, d]` by a matrix W `[d, n]` first. A task's gradient there is
E Wᵀ, with its gradient E `[B, n]` at the product. With n far below d, inner products and weighted
sums of the tasks' gradients cost less in this form, and no gradient `[B, d]` is formed for a task.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from ..aggregators.gramian import combine, inner_products

# Up to this many columns of W in all, products are formed in float64: they cost next to nothing.
FEW = 128
# Products whose sum is smaller than their sizes by more than this are formed anew in float64.
CANCELLATION = 4.0
# A gradient that is shorter than its terms by more than this is their rounding.
LOST = 1e-6
# Relative error of the sums that are not, as measured on the CPU: at most 9e-7.
ACCURACY = 2.0**-20


class FeatureGradients(abc.ABC):
    """The gradients of T tasks at a feature.

    Attributes:
        gramian: `[T, T]` float64, their inner products.
        precision: Relative accuracy of the Gramian, None for that of float64.
    """

    gramian: tf.Tensor
    precision: float | None = None

    @abc.abstractmethod
    def combine(self, weights: tf.Tensor) -> tf.Tensor:
        """Returns the tasks' gradients, summed with `[T]` weights, in the feature's own shape."""


@final
class FeatureRows(FeatureGradients):
    """The gradients in full, a row for each task.

    Args:
        feature: Where they are taken.
        found: For each task its gradient, None where there is none.
    """

    def __init__(self, feature: tf.Tensor, found: Sequence[Any]) -> None:
        self._shape = tf.shape(feature)
        self._block = tf.stack([as_row(each, feature, tf.size(feature)) for each in found])
        self.gramian, self.precision = inner_products([self._block])

    def combine(self, weights: tf.Tensor) -> tf.Tensor:
        """Returns the weighted sum of the rows."""
        return tf.reshape(combine([self._block], weights)[0], self._shape)


@final
class FeatureProducts(FeatureGradients):
    """The gradients as products E Wᵀ with the matrices W that the feature is multiplied by.

    The inner product of E Wᵀ and F Vᵀ is the sum of the entries of EᵀF ∘ WᵀV.

    Args:
        feature: Where they are taken, `[B, d]`.
        matrices: What it is multiplied by, `[d, n_i]`.
        found: For each task its gradients at these products, None where there is none.
    """

    def __init__(
        self, feature: tf.Tensor, matrices: Sequence[tf.Tensor], found: Sequence[Sequence[Any]]
    ) -> None:
        self._feature = feature
        self._dtype = tf.float64 if feature.dtype == tf.float64 else tf.float32
        self._pairs = [
            (task, tf.convert_to_tensor(gradient), matrix)
            for task, row in enumerate(found)
            for gradient, matrix in zip(row, matrices, strict=True)
            if gradient is not None
        ]
        self.gramian = tf.zeros([len(found)] * 2, tf.float64)
        if self._pairs:
            owners = [task for task, _, matrix in self._pairs for _ in range(matrix.shape[1])]
            sums = tf.constant(np.eye(len(found))[:, owners])
            left, right = self._joined(self._dtype if len(owners) > FEW else tf.float64)
            self.gramian = _inner_products(left, right, sums)
            self.precision = ACCURACY if left.dtype == tf.float32 else None

    def combine(self, weights: tf.Tensor) -> tf.Tensor:
        """Returns the sum of all (w E) Wᵀ, one product."""
        if not self._pairs:
            return tf.zeros_like(self._feature)
        left, right = self._joined(self._dtype, tf.unstack(tf.cast(weights, self._dtype)))
        return tf.cast(tf.matmul(left, right, transpose_b=True), self._feature.dtype)

    def _joined(self, dtype: Any, factors: Sequence[Any] | None = None) -> tuple[Any, Any]:
        left = [tf.cast(gradient, dtype) for _, gradient, _ in self._pairs]
        if factors is not None:
            left = [
                each * factors[task] for each, (task, _, _) in zip(left, self._pairs, strict=True)
            ]
        right = [tf.cast(matrix, dtype) for _, _, matrix in self._pairs]
        return tf.concat(left, axis=1), tf.concat(right, axis=1)


def feature_gradients(
    feature: tf.Tensor, uses: Sequence[tf.Operation], found: Sequence[Sequence[Any]]
) -> FeatureGradients:
    """Returns the tasks' gradients at a feature.

    Args:
        feature: Where they are taken.
        uses: Its linear uses, or nothing.
        found: For each task its gradients at the outputs of these, or else at the feature.
    """
    if not uses:
        return FeatureRows(feature, [row[0] for row in found])
    return FeatureProducts(feature, [use.inputs[1] for use in uses], found)


def linear_uses(feature: tf.Tensor, tasks: int) -> list[tf.Operation]:
    """Returns the products with matrices that a feature is used in.

    Nothing is returned if it has other uses, or where rows are cheaper; nor in a step that runs
    eagerly, where the uses of a tensor are not known.
    """
    uses = [] if tf.executing_eagerly() else _products(feature)
    if not uses:
        return []
    depth, *widths = uses[0].inputs[1].shape[0], *(use.inputs[1].shape[1] for use in uses)
    if None in (depth, *widths) or 4 * sum(widths) ** 2 > tasks**2 * depth:
        return []
    return uses


def as_row(gradient: Any, like: Any, size: Any) -> tf.Tensor:
    """Returns a gradient as a row; zeros where the task does not reach what it is taken by."""
    if gradient is None:
        return tf.zeros([size], like.dtype)
    return tf.reshape(tf.convert_to_tensor(gradient), [size])


def _products(feature: tf.Tensor) -> list[tf.Operation] | None:
    """Returns the products with matrices that a tensor is used in, None if it has other uses."""
    found: list[tf.Operation] = []
    for use in feature.consumers():
        if use.type == "Cast":
            behind = _products(use.outputs[0])
        elif use.type == "MatMul" and _is_linear(use, feature):
            behind = [use]
        else:
            behind = [] if use.type == "Shape" else None
        if behind is None:
            return None
        found += behind
    return found


def _is_linear(product: tf.Operation, feature: tf.Tensor) -> bool:
    """Whether a product is one of the feature, from the left, with another matrix as it is."""
    transposes = product.get_attr("transpose_a") or product.get_attr("transpose_b")
    left, right = product.inputs
    return left is feature and right is not feature and not transposes


def _inner_products(left: tf.Tensor, right: tf.Tensor, sums: tf.Tensor) -> tf.Tensor:
    """Returns the Gramian, by products in float64 where much of those in float32 cancels."""

    def exact() -> tf.Tensor:
        products = _squared(tf.cast(left, tf.float64), tf.cast(right, tf.float64))
        return _summed(products, sums)[0]

    if left.dtype == tf.float64:
        return exact()
    (left_units, left_sizes), (right_units, right_sizes) = _units(left), _units(right)
    sizes = tf.cast(left_sizes, tf.float64) * tf.cast(right_sizes, tf.float64)
    products = tf.cast(_squared(left_units, right_units), tf.float64) * sizes[:, None] * sizes
    gramian, total = _summed(products, sums)
    fits = total <= CANCELLATION * tf.linalg.diag_part(gramian)
    return tf.cond(tf.reduce_all(fits), lambda: gramian, exact)


def _units(columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns columns with entries of at most 1, whose squares fit in float32, and their sizes."""
    sizes = tf.reduce_max(tf.abs(columns), axis=0)
    return columns / tf.where(sizes == 0.0, tf.ones_like(sizes), sizes), sizes


def _squared(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    return tf.matmul(left, left, transpose_a=True) * tf.matmul(right, right, transpose_a=True)


def _summed(products: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns `[T, T]` sums over the columns of each two tasks, and `[T]` sums of their sizes.

    A task whose products cancel, but for the rounding of gradients in float32, is absent.
    """
    gramian = tf.matmul(tf.matmul(sums, products), sums, transpose_b=True)
    sizes = tf.reduce_sum(tf.matmul(sums, tf.abs(products)) * sums, axis=1)
    lost = (tf.linalg.diag_part(gramian) <= LOST**2 * sizes) & tf.math.is_finite(sizes)
    return tf.where(lost[:, None] | lost[None, :], tf.zeros_like(gramian), gramian), sizes
