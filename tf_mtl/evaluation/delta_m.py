"""Relative gain of multi-task over single-task training."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..names import check_known

Results = Mapping[str, Mapping[str, float]]


def delta_m(
    multi_task: Results, single_task: Results, higher_is_better: Mapping[str, bool]
) -> float:
    """Mean relative gain over single-task training in percent; higher is better.

    For T tasks, each with metrics M of the multi-task model and S of the single-task models:

        Δm = 100 / T · Σ_tasks mean_metrics sign · (M − S) / S

    with sign +1 where higher is better and −1 where lower is better. +2 means that learning
    together made the tasks 2 % better on average. Several metrics of one task are averaged
    first, so that every task counts the same. Beware of papers that report −Δm.

    Args:
        multi_task: `{task: {metric: value}}`, as `per_task` returns it.
        single_task: The same tasks trained singly, as `single_task_baselines` returns it.
        higher_is_better: `{metric: True or False}`. Metrics not named here do not count.

    Raises:
        ValueError: If results are not sorted by task, the tasks differ, no task has one of the
            metrics, a task has none of them, a value is missing or not finite, or a baseline is
            not positive. Take R² out of `higher_is_better`, for instance, and compare the error.

    Reference: K.-K. Maninis, I. Radosavovic, I. Kokkinos, Attentive Single-Tasking of Multiple
        Tasks, CVPR 2019; S. Vandenhende et al., Multi-Task Learning for Dense Prediction Tasks:
        A Survey, TPAMI 2021.

    >>> delta_m(
    ...     {"digit": {"accuracy": 0.75}, "ink": {"mae": 3.0}},
    ...     {"digit": {"accuracy": 0.50}, "ink": {"mae": 4.0}},
    ...     higher_is_better={"accuracy": True, "mae": False},
    ... )
    37.5
    """
    gains = task_gains(multi_task, single_task, higher_is_better)
    return math.fsum(gains.values()) / len(gains)


def task_gains(
    multi_task: Results, single_task: Results, higher_is_better: Mapping[str, bool]
) -> dict[str, float]:
    """Relative gain of each task over single-task training in percent; higher is better.

    Arguments and errors are those of `delta_m`, which is the mean of these gains.

    Returns:
        `{task: gain}`.

    >>> task_gains({"ink": {"mae": 3.0}}, {"ink": {"mae": 4.0}}, higher_is_better={"mae": False})
    {'ink': 25.0}
    """
    for argument, results in (("multi_task", multi_task), ("single_task", single_task)):
        if not isinstance(results, Mapping):
            raise ValueError(
                f"`{argument}` must be {{task: {{metric: value}}}}. Received: {results!r}."
            )
        for name, metrics in results.items():
            if not isinstance(metrics, Mapping):
                raise ValueError(
                    f"`{argument}` must be {{task: {{metric: value}}}}. Received for {name!r}: "
                    f"{metrics!r}. `per_task` sorts what `model.evaluate` returns."
                )
    if not multi_task:
        raise ValueError("There is no task to compare: `multi_task` is empty.")
    if not isinstance(higher_is_better, Mapping):
        raise ValueError(
            f"`higher_is_better` must be {{metric: True or False}}. Received: {higher_is_better!r}."
        )
    check_known(multi_task, single_task, "task without single-task results:")
    check_known(single_task, multi_task, "task without multi-task results:")
    for metric, value in higher_is_better.items():
        if not isinstance(value, bool):
            raise ValueError(
                f"`higher_is_better` says for each metric True or False. Received for "
                f"{metric!r}: {value!r}."
            )
    by_task = (*multi_task.values(), *single_task.values())
    known = dict.fromkeys(metric for metrics in by_task for metric in metrics)
    check_known(higher_is_better, known, "metric in `higher_is_better`, which no task has:")
    return {
        task: _gain(task, multi_task[task], single_task[task], higher_is_better)
        for task in multi_task
    }


def _gain(
    task: str,
    multi_task: Mapping[str, float],
    single_task: Mapping[str, float],
    higher_is_better: Mapping[str, bool],
) -> float:
    metrics = [
        metric for metric in higher_is_better if metric in multi_task or metric in single_task
    ]
    if not metrics:
        raise ValueError(
            f"Task {task!r} has none of the metrics {sorted(higher_is_better)} of "
            f"`higher_is_better`. It has {sorted(multi_task)}; name at least one of them."
        )
    gains = []
    for metric in metrics:
        value = _value(task, metric, multi_task, "multi-task")
        baseline = _value(task, metric, single_task, "single-task")
        if baseline <= 0:
            raise ValueError(
                f"The single-task {metric} of task {task!r} is {baseline}: a gain relative to it "
                "has no meaning. Compare a metric that is always positive, such as an error."
            )
        sign = 1 if higher_is_better[metric] else -1
        gains.append(100 * sign * (value - baseline) / baseline)
    return math.fsum(gains) / len(gains)


def _value(task: str, metric: str, results: Mapping[str, float], what: str) -> float:
    if metric not in results:
        raise ValueError(
            f"Task {task!r} has no {metric!r} in the {what} results, which hold "
            f"{sorted(results)}. Evaluate both with the same metrics."
        )
    value = float(results[metric])
    if not math.isfinite(value):
        raise ValueError(
            f"The {what} {metric} of task {task!r} is {value}. A model that diverged cannot be "
            "compared, nor one evaluated without labels of the task: look at training and labels."
        )
    return value
