"""The losses of all tasks for one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ..weightings import LossWeighting
from .by_task import as_task_dictionary, weights_by_task
from .replicas import global_sum, num_replicas
from .task_loss import LossTerms, TaskLoss


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
        self.trackers = {task: DisplayedLoss(name=f"{task}_loss") for task in losses}

    @property
    def metrics(self) -> list[keras.Metric]:
        """The displayed losses of several tasks, `digit_loss` and so on, as in Keras."""
        return list(self.trackers.values()) if len(self.trackers) > 1 else []

    @property
    def variables(self) -> list[Any]:
        """The variables of the displayed losses."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def reset_state(self) -> None:
        """Starts all displayed losses anew, that of a single task too."""
        for tracker in self.trackers.values():
            tracker.reset_state()

    def unlabelled(self) -> set[str]:
        """Returns the tasks of which batches were seen, and no label in any of them."""
        return {task for task, tracker in self.trackers.items() if tracker.unlabelled()}

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the weighted sum of the tasks' losses, this replica's share of it."""
        # The scopes are those of Keras: TensorFlow sums the terms in the order of their names.
        with tf.name_scope("compile_loss"):
            terms = self.task_terms(y_true, y_pred, sample_weight)
            if self.weighting is not None and not self.weighting.moves:
                return self._weigh(terms, self.weighting)
            weighted = [
                value * self.loss_weights[task] if task in self.loss_weights else value
                for task, (value, _) in terms.items()
            ]
            return sum(weighted) if weighted else None

    def _weigh(
        self, terms: Mapping[str, tuple[tf.Tensor, tf.Tensor | bool]], weighting: LossWeighting
    ) -> tf.Tensor:
        """Returns this replica's share of what a weighting makes of the global losses."""
        losses, present = self.global_losses(terms)
        return tf.reduce_sum(weighting(losses, present)) / num_replicas()

    def fixed_weights(self) -> tf.Tensor:
        """Returns the fixed weights of the losses, `[T]`."""
        weights = [self.loss_weights.get(task, 1.0) for task in self.order]
        return tf.stack([tf.cast(weight, "float32") for weight in weights])

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

    def task_terms(
        self, y_true: Any, y_pred: Mapping[str, Any], sample_weight: Any = None, show: bool = True
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor | bool]]:
        """Returns each task's loss, this replica's share of it, and whether the task is present.

        The sum of the shares is the loss of the global batch. A task is present if that batch has
        a label of it; tasks without any in `y_true` are left out.

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
        for task in present:
            _check_one_tensor(task, labels[task])
        terms = {
            task: self.losses[task].terms(labels[task], outputs[task], weights.get(task))
            for task in present
        }
        if num_replicas() > 1:
            terms = _over_replicas(terms)
        values = {task: term.value() for task, term in terms.items()}
        if show:
            with tf.name_scope("displayed"):
                for task, value in values.items():
                    self._track(task, value, terms[task], outputs[task].shape[0])
        return {task: (value, terms[task].present) for task, value in values.items()}

    def _track(self, task: str, value: tf.Tensor, term: LossTerms, batch: int | None) -> None:
        """Shows the mean loss of an epoch; batches count by the share of labels they have."""
        weight = batch  # None, a mean over batches, where Keras too does not know the size
        unreduced = value.shape.rank != 0
        if term.labelled is not None:
            share = tf.math.divide_no_nan(term.labelled, term.size)
            weight = share if batch is None else batch * share
            if unreduced:  # entries without a label are 0 in it
                value = tf.math.divide_no_nan(value, share)
                weight = tf.fill(tf.shape(value), share) if batch is None else weight
        value = tf.stop_gradient(value)
        if num_replicas() > 1 and not unreduced:
            value = value * tf.cast(num_replicas(), value.dtype)
        self.trackers[task].update_state(value, sample_weight=weight)


class DisplayedLoss(keras.metrics.Mean):
    """The mean loss of a task, which knows whether it is a mean of nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.batches = self.add_variable((), "zeros", name="batches")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds a batch, which counts 0 if it has no label."""
        self.batches.assign(self.batches + 1)
        super().update_state(values, sample_weight)

    def unlabelled(self) -> bool:
        """Whether all batches count 0, where a train or test step has shown any."""
        # Computed: under a strategy these are a variable of each replica, and no number.
        return bool(keras.ops.logical_and(self.batches > 0, self.count <= 0))


def _check_one_tensor(task: str, labels: Any) -> None:
    if isinstance(labels, Mapping | tuple):
        raise ValueError(
            f"Task {task!r}: the labels of a task are one array or tensor. Received a "
            f"{type(labels).__name__} of {len(labels)}. Join them to one, [B, ...], as the task's "
            "loss takes them, or give each a task of its own."
        )


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
