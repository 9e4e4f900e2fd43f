"""The losses of all tasks for one batch, over labelled entries only.

The rule, for every task: Σ wᵢ lᵢ / (number of labelled entries in the global batch). With no label
missing that is Keras' own mean, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from ..heads import LabelRule
from ..keras_internals import keras_mask, resolve_loss
from ..losses import averages_last_axis
from ..names import check_known
from ..weightings import LossWeighting
from .labelled import both, count, fit_rank, fit_weight_rank, has_elements
from .replicas import global_sum, num_replicas


class LossTerms(NamedTuple):
    """One task's loss on one replica, before it is divided.

    Attributes:
        total: Sum of the weighted losses, a scalar (the unreduced losses if there is no reduction).
        divisor: Its sum over the replicas divides the sum of the totals; None for a plain sum.
        labelled: Number of labelled entries, a scalar, or None where none can be missing.
        size: Number of all entries, a scalar.
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
            own_call = type(self.loss).__call__ is not keras.losses.Loss.__call__
            self.unreduced = self.loss if own_call else self.loss.call
        with tf.name_scope(self.loss.name) as scope:
            return self._terms(labels, y_pred, labelled, sample_weight)._replace(scope=scope)

    def _terms(
        self, labels: tf.Tensor, y_pred: tf.Tensor, labelled: tf.Tensor | None, sample_weight: Any
    ) -> LossTerms:
        mask = keras_mask(y_pred)
        labels = tf.cast(labels, self.loss.dtype)
        y_pred = tf.cast(y_pred, self.loss.dtype)
        values = tf.convert_to_tensor(self.unreduced(labels, y_pred))
        if values.shape.rank == 0:
            return self._terms_of_scalar(values, labels, y_pred, labelled, sample_weight)
        weight = None if sample_weight is None else tf.cast(sample_weight, values.dtype)
        if labelled is not None or weight is not None:
            values, labelled, weight = self._entries(values, labels, y_pred, labelled, weight)
        for mask_of_layer in (mask, keras_mask(values)):
            if mask_of_layer is not None:
                labelled = both(labelled, fit_rank(tf.cast(mask_of_layer, tf.bool), values))
        if weight is not None:
            weight = fit_weight_rank(weight, values)
            labelled = both(labelled, weight != 0)
        if labelled is not None:
            share = tf.cast(labelled, values.dtype)
            weight = share if weight is None else weight * share
        if weight is not None:
            values = values * weight
        return self._reduce(values, weight, labelled)

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
        single = self.unreduced(labels[..., None], y_pred[..., None])
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
        self, values: tf.Tensor, weight: tf.Tensor | None, labelled: tf.Tensor | None
    ) -> LossTerms:
        size = tf.cast(tf.size(values), values.dtype)
        number = None if labelled is None else count(labelled, values)
        if self.loss.reduction in (None, "none"):
            return LossTerms(values, None, number, size)
        divisor = None
        if self.loss.reduction == "mean_with_sample_weight" and weight is not None:
            divisor = tf.reduce_sum(tf.broadcast_to(weight, tf.shape(values)))
        elif self.loss.reduction != "sum":
            divisor = size if number is None else number
        return LossTerms(tf.reduce_sum(values), divisor, number, size)

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
        row = tf.reshape(labels, [tf.shape(labels)[0], -1])[:, 0]
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
            value = value * tf.math.divide_no_nan(tf.reduce_sum(weight), number)
        if num_replicas() == 1:
            return LossTerms(value, None, number, rows)
        return LossTerms(value * number, number, number, rows)


class TaskLosses:
    """All tasks' losses, in the place where Keras keeps its compiled loss.

    Args:
        losses: `{task: TaskLoss}` in the order in which the losses are summed.
        loss_weights: `{task: float}` for any of the tasks; the others have weight 1.
        tasks: All outputs of the model, those without a loss included.
        weighting: What weighs the losses instead of fixed weights, or None.
    """

    built = True  # Keras need not infer shapes for it

    def __init__(
        self,
        losses: Mapping[str, TaskLoss],
        loss_weights: Mapping[str, float],
        tasks: Sequence[str],
        weighting: LossWeighting | None = None,
    ) -> None:
        self.weighting = weighting
        self.losses = dict(losses)
        self.loss_weights = dict(loss_weights)
        self.tasks = list(tasks)
        self.order = [task for task in tasks if task in losses]  # of vectors over the tasks
        self.trackers = (
            {task: keras.metrics.Mean(name=f"{task}_loss") for task in losses}
            if len(losses) > 1
            else {}
        )

    @property
    def metrics(self) -> list[keras.Metric]:
        """The displayed losses of the tasks, `digit_loss` and so on, as in Keras."""
        return list(self.trackers.values())

    @property
    def variables(self) -> list[Any]:
        """The variables of the displayed losses."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the weighted sum of the tasks' losses, this replica's share of it."""
        # The scopes are those of Keras: TensorFlow sums the terms in the order of their names.
        with tf.name_scope("compile_loss"):
            if self.weighting is not None and not self.weighting.moves:
                return self._weigh(self.task_terms(y_true, y_pred, sample_weight), self.weighting)
            values = self.task_values(y_true, y_pred, sample_weight)
            weighted = [
                value * self.loss_weights[task] if task in self.loss_weights else value
                for task, value in values.items()
            ]
            return sum(weighted) if weighted else None

    def _weigh(
        self, terms: Mapping[str, tuple[tf.Tensor, tf.Tensor | bool]], weighting: LossWeighting
    ) -> tf.Tensor:
        """Returns this replica's share of what a weighting makes of the global losses."""
        losses, present = self.global_losses(terms)
        return tf.reduce_sum(weighting(losses, present)) / num_replicas()

    def global_losses(
        self, terms: Mapping[str, tuple[tf.Tensor, tf.Tensor | bool]]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the losses `[T]` of the global batch, and which tasks have a label in it.

        Args:
            terms: `{task: (this replica's share of the loss, whether it has a label)}`.
        """
        shares = [
            tf.cast(tf.reduce_sum(terms[task][0]), "float32") if task in terms else tf.zeros([])
            for task in self.order
        ]
        present = [terms[task][1] if task in terms else False for task in self.order]
        return global_sum(tf.stack(shares)), tf.stack(present)

    def task_values(
        self, y_true: Any, y_pred: Mapping[str, Any], sample_weight: Any = None
    ) -> dict[str, tf.Tensor]:
        """Returns the loss of each task with labels in the batch, this replica's share of it.

        The sum over the replicas is the loss of the global batch. The displayed losses are
        updated.
        """
        terms = self.task_terms(y_true, y_pred, sample_weight)
        return {task: value for task, (value, _) in terms.items()}

    def task_terms(
        self, y_true: Any, y_pred: Mapping[str, Any], sample_weight: Any = None, show: bool = True
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor | bool]]:
        """Returns the same together with whether the global batch has a label of the task.

        Args:
            y_true: `{task: labels}` for any of the tasks.
            y_pred: `{task: output}`.
            sample_weight: None, weights for all tasks, or `{task: weights}` for any of them.
            show: Whether the displayed losses are updated.
        """
        labels = as_task_dictionary(y_true, self.tasks, "labels")
        outputs = as_task_dictionary(y_pred, self.tasks, "outputs")
        weights = weights_by_task(sample_weight, self.tasks)
        present = [task for task in self.losses if labels.get(task) is not None]
        terms = {
            task: self.losses[task].terms(labels[task], outputs[task], weights.get(task))
            for task in present
        }
        if num_replicas() > 1:
            terms = _over_replicas(terms)
        values = {task: term.value() for task, term in terms.items()}
        for task in (task for task in values if show and task in self.trackers):
            with tf.name_scope("displayed"):
                self._track(task, values[task], terms[task], outputs[task].shape[0])
        return {task: (value, terms[task].present) for task, value in values.items()}

    def _track(self, task: str, value: tf.Tensor, term: LossTerms, batch: int | None) -> None:
        """Shows the mean loss of an epoch; batches count by the share of labels they have."""
        weight = batch  # None, a mean over batches, where Keras too does not know the size
        if term.labelled is not None:
            share = tf.math.divide_no_nan(term.labelled, term.size)
            weight = share if batch is None else batch * share
        value = tf.stop_gradient(value)
        if num_replicas() > 1:
            value = value * tf.cast(num_replicas(), value.dtype)
        self.trackers[task].update_state(value, sample_weight=weight)


def _over_replicas(terms: dict[str, LossTerms]) -> dict[str, LossTerms]:
    """Sums divisors and numbers of labels over the replicas, all of them in one exchange."""
    if num_replicas() == 1 or tf.distribute.in_cross_replica_context():
        return terms
    fields = ("divisor", "labelled", "size")
    places = [
        (task, field)
        for task in terms
        for field in fields
        if getattr(terms[task], field) is not None
    ]
    if not places:
        return terms
    values = tf.stack([tf.cast(getattr(terms[task], field), tf.float32) for task, field in places])
    summed = tf.unstack(global_sum(values))
    for (task, field), value in zip(places, summed, strict=True):
        same_dtype = tf.cast(value, terms[task].total.dtype)
        terms[task] = terms[task]._replace(**{field: same_dtype})
    return terms


def as_task_dictionary(values: Any, tasks: Sequence[str], what: str) -> dict[str, Any]:
    """Returns `{task: value}`, or raises `ValueError` where values cannot be told apart by name.

    Args:
        values: A dictionary, or anything else if there is only one task.
        tasks: The tasks of the model.
        what: What the values are, for the message.

    >>> as_task_dictionary({"odd": 1}, ["digit", "odd"], "labels")
    {'odd': 1}
    """
    if isinstance(values, Mapping):
        check_known(values, tasks, f"task in the {what}:")
        return dict(values)
    if len(tasks) == 1:
        if isinstance(values, (list, tuple)) and len(values) == 1:
            values = values[0]
        return {tasks[0]: values}
    received = "None" if values is None else f"a {type(values).__name__}"
    raise ValueError(
        f"Expected the {what} as a dictionary {{task: ...}} with the keys {list(tasks)} (or some "
        f"of them). Received {received}: a list would be matched by the sorted names, not by your "
        "order."
    )


def weights_by_task(sample_weight: Any, tasks: Sequence[str]) -> dict[str, Any]:
    """Returns `{task: sample weights}`: one tensor counts for all tasks, a task may have none.

    Args:
        sample_weight: None, weights `[B]` for all tasks, or `{task: weights}` for any of them.
        tasks: The tasks of the model.

    Raises:
        ValueError: For a list, or a name that is not a task.

    >>> weights_by_task(None, ["digit", "odd"])
    {'digit': None, 'odd': None}
    """
    if isinstance(sample_weight, (Mapping, list, tuple)):
        return as_task_dictionary(sample_weight, tasks, "sample weights")
    return dict.fromkeys(tasks, sample_weight)
