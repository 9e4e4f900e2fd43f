"""The loss of one task for one batch, over labelled entries only.

The rule: Σ wᵢ lᵢ / (number of labelled entries in the global batch). With no label missing that is
Keras' own mean, bit for bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from ..heads import LabelRule
from ..keras_internals import keras_mask, resolve_loss
from ..losses import averages_last_axis, compares_groups, element_losses, unreduced
from .labelled import both, count, fit_rank, fit_weight_rank, has_elements
from .replicas import num_replicas

MEANS = ("sum_over_batch_size", "mean")  # where Keras divides by the number of entries


class LossTerms(NamedTuple):
    """One task's loss on one replica, before it is divided.

    Attributes:
        total: Sum of the weighted losses, a scalar (the unreduced losses if there is no reduction).
        divisor: Its sum over the replicas divides the sum of the totals; None for a plain sum.
        labelled: Number of labelled entries, a scalar, or None where none can be missing.
        size: Number of all entries that no layer masks, a scalar.
        scope: Name scope of the loss.
    """

    total: tf.Tensor
    divisor: tf.Tensor | None
    labelled: tf.Tensor | None
    size: tf.Tensor
    scope: str = ""

    @property
    def present(self) -> tf.Tensor | bool:
        """Whether the global batch has a label of this task: a scalar bool."""
        return True if self.labelled is None else self.labelled > 0

    def value(self) -> tf.Tensor:
        """Returns this replica's share of the loss of the global batch."""
        if self.divisor is None:
            return self.total
        with tf.name_scope(self.scope):
            return tf.math.divide_no_nan(self.total, self.divisor)


class TaskLoss:
    """The loss of one task.

    Args:
        loss: A Keras loss identifier, config or instance, or a callable `loss(y_true, y_pred)`.
        rule: Which labels are missing.
    """

    def __init__(self, loss: Any, rule: LabelRule) -> None:
        self.identifier = loss
        self.rule = rule
        self.loss: Any = None
        self.unreduced: Any = None

    def terms(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> LossTerms:
        """Returns the loss of a batch on this replica.

        Args:
            y_true: Labels `[B, ...]`, missing ones as the label rule says.
            y_pred: Output `[B, ...]` of the task.
            sample_weight: `[B]`, or of the shape of the unreduced loss or of the labels, or None.
                0 is missing.
        """
        labels, labelled = self.rule.encode(tf.convert_to_tensor(y_true))
        if labelled is not None and tf.executing_eagerly() and bool(tf.reduce_all(labelled)):
            labelled = None
        if self.loss is None:
            self.loss = resolve_loss(self.identifier, labels, y_pred)
            self.unreduced = unreduced(self.loss)
        with tf.name_scope(self.loss.name) as scope:
            return self._terms(labels, y_pred, labelled, sample_weight)._replace(scope=scope)

    def _terms(
        self, labels: tf.Tensor, y_pred: tf.Tensor, labelled: tf.Tensor | None, sample_weight: Any
    ) -> LossTerms:
        of_output = keras_mask(y_pred)
        if not compares_groups(self.loss):
            labels = tf.cast(labels, self.loss.dtype)
        y_pred = tf.cast(y_pred, self.loss.dtype)
        values = tf.convert_to_tensor(self.unreduced(labels, y_pred))
        if values.shape.rank == 0:
            return self._terms_of_scalar(values, labels, y_pred, labelled, sample_weight)
        mask = both(_as_bool(of_output), _as_bool(keras_mask(values)))
        weight = None if sample_weight is None else tf.cast(sample_weight, values.dtype)
        if labelled is not None or weight is not None:
            values, labelled, weight = self._entries(values, labels, y_pred, labelled, weight)
        if mask is not None:
            mask = fit_rank(mask, values)
            labelled = both(labelled, mask)
        if weight is not None:
            weight = fit_weight_rank(weight, values)
            labelled = both(labelled, weight != 0)
        return self._reduce(values, weight, labelled, mask)

    def _entries(
        self,
        values: tf.Tensor,
        labels: tf.Tensor,
        y_pred: tf.Tensor,
        labelled: tf.Tensor | None,
        weight: tf.Tensor | None,
    ) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor | None]:
        """Returns the unreduced loss, which of its entries are labelled, and their weights.

        A row of several dimensions of which some are missing has the mean loss of the others.
        Where the dimensions have weights of their own, the row has the mean of weight times loss.
        """
        rows = None if labelled is None else fit_rank(labelled, values)
        if not averages_last_axis(self.loss):
            return values, rows, weight
        by_element = weight is not None and has_elements(weight, values)
        if by_element:
            labelled = both(labelled, tf.broadcast_to(weight != 0, tf.shape(labels)))
        if labelled is None or not has_elements(labelled, values):
            return values, rows, weight
        share = tf.cast(labelled, values.dtype)
        single = element_losses(self.loss, labels, y_pred)
        if by_element:
            share = share * weight
            weight = tf.math.divide_no_nan(
                tf.reduce_sum(share, -1), tf.cast(tf.math.count_nonzero(labelled, -1), share.dtype)
            )
        mean = tf.math.divide_no_nan(tf.reduce_sum(single * share, -1), tf.reduce_sum(share, -1))
        if not by_element:
            mean = tf.where(tf.reduce_all(labelled, axis=-1), values, mean)
        return mean, tf.reduce_any(labelled, axis=-1), weight

    def _reduce(
        self,
        values: tf.Tensor,
        weight: tf.Tensor | None,
        labelled: tf.Tensor | None,
        mask: tf.Tensor | None,
    ) -> LossTerms:
        reduction = self.loss.reduction
        size = tf.cast(tf.size(values), values.dtype)
        number = None if labelled is None else count(labelled, values)
        divisor = size if number is None else number
        if labelled is not None:
            share = tf.cast(labelled, values.dtype)
            if mask is not None and reduction in MEANS and num_replicas() == 1:
                # The mean of what is not masked, by the way of Keras to the same last bits.
                share = tf.where(labelled, tf.math.divide_no_nan(size, divisor), 0)
                divisor = size
            weight = share if weight is None else weight * share
        if weight is not None:
            values = values * weight
        entries = size if mask is None else count(mask, values)
        if reduction in (None, "none"):
            return LossTerms(values, None, number, entries)
        if reduction == "mean_with_sample_weight" and weight is not None:
            divisor = tf.reduce_sum(tf.broadcast_to(weight, tf.shape(values)))
        total = tf.reduce_sum(values)
        return LossTerms(total, None if reduction == "sum" else divisor, number, entries)

    def _terms_of_scalar(
        self,
        value: tf.Tensor,
        labels: tf.Tensor,
        y_pred: tf.Tensor,
        labelled: tf.Tensor | None,
        sample_weight: Any,
    ) -> LossTerms:
        """Returns the terms of a loss that reduces the batch by itself.

        It cannot be masked afterwards, so it sees the labelled rows only. Replicas are averaged
        by their labelled rows.
        """
        rows = tf.cast(tf.shape(labels)[0], value.dtype)
        row = tf.cast(tf.reshape(labels, [tf.shape(labels)[0], -1])[:, 0], value.dtype)
        labelled = None if labelled is None else fit_rank(labelled, row)
        weight = None
        if sample_weight is not None:
            weight = fit_weight_rank(tf.cast(sample_weight, value.dtype), row)
            labelled = both(labelled, weight != 0)
        if labelled is None:
            if num_replicas() == 1:
                return LossTerms(value, None, None, rows)
            return LossTerms(value * rows, rows, None, rows)
        number = count(labelled, row)
        kept = labelled | ~tf.reduce_any(labelled)  # an empty batch would have the loss NaN
        value = self.unreduced(tf.boolean_mask(labels, kept), tf.boolean_mask(y_pred, kept))
        value = value * tf.cast(number > 0, value.dtype)
        if weight is not None:
            kept_weight = tf.reduce_sum(tf.where(labelled, weight, tf.zeros_like(weight)))
            value = value * tf.math.divide_no_nan(kept_weight, number)
        if num_replicas() == 1:
            return LossTerms(value, None, number, rows)
        return LossTerms(value * number, number, number, rows)


def _as_bool(mask: Any) -> Any:
    return None if mask is None else tf.cast(mask, tf.bool)
