"""The metrics of all tasks, over labelled entries only, under the names that Keras gives."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ..heads import LabelRule
from ..keras_internals import (
    CompileMetrics,
    build_metric,
    function_of,
    infers_shapes,
    is_one_number,
    outside_of_functions,
    resolve_metric,
)
from ..metrics import averages_elements, counts_elements
from .by_task import as_task_dictionary, weights_by_task
from .labelled import both, fit_rank, fit_weight_rank, has_elements

# Metrics that compare a label with each prediction.
_ONE_BY_ONE = {
    keras.metrics.binary_accuracy,
    keras.metrics.binary_crossentropy,
    keras.metrics.categorical_accuracy,
    keras.metrics.categorical_crossentropy,
    keras.metrics.mean_absolute_error,
    keras.metrics.mean_squared_error,
    keras.metrics.top_k_categorical_accuracy,
}
# These themselves: a class made from one of them may read other labels.
_ONE_BY_ONE_CLASSES = {
    keras.metrics.AUC,
    keras.metrics.Precision,
    keras.metrics.Recall,
    keras.metrics.RootMeanSquaredError,
}


class TaskMetrics(CompileMetrics):
    """All tasks' metrics, in the place where Keras keeps its compiled metrics.

    Keras looks into a `CompileMetrics` for the order of the results that `evaluate` returns as a
    list, and for whether smaller or greater is better in what a callback monitors.

    Args:
        metrics: `{task: [identifier, ...]}`, evaluated without sample weights.
        weighted_metrics: `{task: [identifier, ...]}`, evaluated with sample weights.
        rules: `{task: rule}` for all tasks: which labels are missing.
        tasks: All outputs of the model, in the order of the logs.
    """

    def __init__(
        self,
        metrics: Mapping[str, Sequence[Any]],
        weighted_metrics: Mapping[str, Sequence[Any]],
        rules: Mapping[str, LabelRule],
        tasks: Sequence[str],
    ) -> None:
        keras.metrics.Metric.__init__(self, name="compile_metrics")  # its metrics are made later
        self.identifiers = {task: list(metrics.get(task, ())) for task in tasks}
        self.weighted_identifiers = {task: list(weighted_metrics.get(task, ())) for task in tasks}
        self.rules = dict(rules)
        self.tasks = list(tasks)
        self.resolved: dict[str, list[tuple[keras.Metric, bool]]] = {}
        self.numbers: set[int] = set()  # ids of the metrics that are one number for a batch

    @property
    def built(self) -> bool:
        """Whether the metrics of every task that has any exist."""
        return all(
            task in self.resolved
            for task in self.tasks
            if self.identifiers[task] or self.weighted_identifiers[task]
        )

    @property
    def metrics(self) -> list[keras.Metric]:
        """The metrics of all tasks."""
        return [metric for pairs in self.resolved.values() for metric, _ in pairs]

    @property
    def variables(self) -> list[Any]:
        """The variables of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def build_task(self, task: str, y_true: Any, y_pred: Any) -> None:
        """Creates the metrics of a task; "accuracy" needs the shapes to tell its kind.

        A step makes variables only when it is traced first, but labels of a task may come later.
        """
        if task in self.resolved:
            return
        # Under a strategy Keras has inferred shapes, and made them, before the step.
        lifted = tf.inside_function() and not tf.distribute.has_strategy()
        with outside_of_functions() if lifted else contextlib.nullcontext():
            self.resolved[task] = [
                (resolve_metric(identifier, y_true, y_pred), weighted)
                for identifiers, weighted in (
                    (self.identifiers[task], False),
                    (self.weighted_identifiers[task], True),
                )
                for identifier in identifiers
            ]
            for metric, _ in self.resolved[task]:
                with _blamed(metric, task, y_true, y_pred):
                    build_metric(metric, y_true, y_pred)
        for metric, _ in self.resolved[task]:
            _check_kind(metric, task, y_true, y_pred)
            with _blamed(metric, task, y_true, y_pred):
                if is_one_number(metric, y_true, y_pred):
                    self.numbers.add(id(metric))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch.

        Args:
            y_true: `{task: labels}` for any of the tasks.
            y_pred: `{task: output}`.
            sample_weight: None, weights for all tasks, or `{task: weights}` for any of them.
        """
        labels = as_task_dictionary(y_true, self.tasks, "labels")
        outputs = as_task_dictionary(y_pred, self.tasks, "outputs")
        weights = weights_by_task(sample_weight, self.tasks)
        for task in self.tasks:
            if labels.get(task) is None:
                continue
            encoded, labelled = self.rules[task].encode(tf.convert_to_tensor(labels[task]))
            self.build_task(task, encoded, outputs[task])
            for metric, weighted in self.resolved[task]:
                given = weights.get(task), weighted, id(metric) in self.numbers
                with _blamed(metric, task, encoded, outputs[task]):
                    _update(metric, encoded, outputs[task], labelled, *given)

    def named(self) -> list[tuple[str, str, keras.Metric]]:
        """Returns `(log name, task, metric)` of every metric, named as Keras does."""
        found: list[tuple[str, str, keras.Metric]] = []
        uses: dict[str, int] = {}
        for weighted in (False, True):
            for task in self.tasks:
                prefix = f"{task}_" if len(self.tasks) > 1 else ""
                for metric, is_weighted in self.resolved.get(task, ()):
                    if is_weighted is weighted:
                        name = _free_name(prefix, metric.name, weighted, uses)
                        found.append((name, task, metric))
        return found

    def result(self) -> dict[str, Any]:
        """Returns `{log name: value}`."""
        return {name: metric.result() for name, _, metric in self.named()}

    def reset_state(self) -> None:
        """Starts all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()


def _check_kind(metric: keras.Metric, task: str, labels: Any, output: Any) -> None:
    """Refuses metrics of one label for each prediction where a row has one for several.

    Keras takes class numbers for one-hot labels, in silence, or fails in the middle of a step.
    """
    function = function_of(metric)
    one_by_one = function in _ONE_BY_ONE or type(metric) in _ONE_BY_ONE_CLASSES
    if not one_by_one or output.shape[-1] in (1, None):
        return
    shape = tf.TensorShape(labels.shape)
    if shape.rank is None or shape[1:].is_compatible_with(output.shape[1:]):
        return
    sparse = f"sparse_{getattr(function, '__name__', '')}"
    name = sparse if hasattr(keras.metrics, sparse) else "accuracy"
    raise ValueError(_mismatch(metric, task, labels, output, f"for class numbers {name!r}"))


@contextlib.contextmanager
def _blamed(metric: keras.Metric, task: str, labels: Any, output: Any) -> Iterator[None]:
    """Names metric and task in an error of Keras' or TensorFlow's, which name neither."""
    try:
        yield
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        message = _mismatch(metric, task, labels, output, "for class numbers 'accuracy'")
        raise ValueError(f"{message} Keras' error: {error}") from error


def _mismatch(metric: keras.Metric, task: str, labels: Any, output: Any, example: str) -> str:
    return (
        f"The metric {metric.name!r} of task {task!r} does not go with labels of the shape "
        f"{labels.shape} and predictions of the shape {output.shape}. Give one that does, "
        f"{example}."
    )


def _free_name(prefix: str, name: str, weighted: bool, uses: dict[str, int]) -> str:
    """Returns a log name that is not taken, by the rules of Keras' own compiled metrics."""
    full = prefix + name
    if full in uses and weighted:
        full = f"{prefix}weighted_{name}"
    if full not in uses:
        uses[full] = 1
        return full
    uses[full] += 1
    return f"{full}_{uses[full] - 1}"


def _update(
    metric: keras.Metric,
    labels: tf.Tensor,
    output: tf.Tensor,
    labelled: tf.Tensor | None,
    sample_weight: Any,
    weighted: bool,
    is_number: bool,
) -> None:
    """Counts one task's labelled entries in one metric."""
    row = output[..., 0] if output.shape.rank > 1 else output  # metrics take weights of this shape
    weight = None
    if sample_weight is not None:
        # Of a weight of 0.5 the whole numbers that MeanIoU counts with would make 0: no label.
        dtype = metric.dtype if tf.as_dtype(metric.dtype).is_floating else "float32"
        given = fit_weight_rank(tf.cast(sample_weight, dtype), row)
        weight = given if weighted else None
        known = given != 0
        if has_elements(given, row):
            known = tf.broadcast_to(known, tf.shape(labels))
        elif labelled is not None and labelled.shape.rank > row.shape.rank:
            known = known[..., None]
        labelled = both(labelled, known)
    if labelled is None:
        _call(metric, labels, output, weight)
    elif is_number:
        _update_number(metric, labels, output, labelled, weight)
    elif has_elements(labelled, row):
        _update_partial(metric, labels, output, labelled, weight)
    else:
        _call_masked(metric, labels, output, fit_rank(labelled, row), weight)


def _update_number(
    metric: keras.Metric, labels: tf.Tensor, output: tf.Tensor, labelled: tf.Tensor, weight: Any
) -> None:
    """Counts a batch in the mean of a function that returns one number for it.

    The number cannot be masked afterwards: the function sees the rows that are labelled in full,
    and the batch counts by their share.
    """
    if weight is not None:
        raise ValueError(
            f"The metric {metric.name!r} is one number for a batch, which sample weights of rows "
            "cannot weigh. Return a value for each row, or give it in `metrics`, where the rows of "
            "a weight other than 0 count."
        )
    rows = tf.reduce_all(labelled, axis=list(range(1, labelled.shape.rank)))
    seen = rows | ~tf.reduce_any(rows)  # the mean of no rows would be NaN
    share = tf.reduce_mean(tf.cast(rows, metric.dtype))
    _call(metric, tf.boolean_mask(labels, seen), tf.boolean_mask(output, seen), share)


def _update_partial(
    metric: keras.Metric, labels: tf.Tensor, output: tf.Tensor, labelled: tf.Tensor, weight: Any
) -> None:
    """Counts rows of several labels, any of which may be missing."""
    complete = tf.reduce_all(labelled, axis=-1)
    by_element = weight is not None and weight.shape.rank == labelled.shape.rank
    of_row = tf.reduce_mean(weight, -1) if by_element else weight
    if infers_shapes() or not counts_elements(metric):
        _call_masked(metric, labels, output, complete, of_row)
        return
    share = tf.cast(labelled, metric.dtype)
    if averages_elements(metric):  # in a batch without gaps a row counts once, not each element
        share = share / tf.cast(tf.reduce_prod(tf.shape(labels)[1:]), metric.dtype)
    if weight is not None:
        share = share * (weight if by_element else weight[..., None])
    single_labels, single_output = tf.reshape(labels, [-1, 1]), tf.reshape(output, [-1, 1])
    if by_element:
        _call(metric, single_labels, single_output, tf.reshape(share, [-1]))
        return
    tf.cond(
        tf.reduce_all(complete == tf.reduce_any(labelled, axis=-1)),
        lambda: _call_masked(metric, labels, output, complete, weight),
        lambda: _call(metric, single_labels, single_output, tf.reshape(share, [-1])),
    )


def _call(metric: keras.Metric, labels: Any, output: Any, weight: Any) -> None:
    if weight is None:
        metric.update_state(labels, output)
    else:
        metric.update_state(labels, output, sample_weight=weight)


def _call_masked(
    metric: keras.Metric, labels: Any, output: Any, labelled: tf.Tensor, weight: Any
) -> None:
    if "sample_weight" not in inspect.signature(metric.update_state).parameters:
        metric.update_state(tf.boolean_mask(labels, labelled), tf.boolean_mask(output, labelled))
        return
    share = tf.cast(labelled, metric.dtype if weight is None else weight.dtype)
    _call(metric, labels, output, share if weight is None else weight * share)
