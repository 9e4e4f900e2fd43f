"""The results of `model.evaluate`, by task."""

from __future__ import annotations

from collections.abc import Mapping

from ..training import MultiTaskModel
from ..training.task_metrics import TaskMetrics


def per_task(results: Mapping[str, float], model: MultiTaskModel) -> dict[str, dict[str, float]]:
    """Sorts `{"digit_accuracy": 0.98, …}` into `{"digit": {"accuracy": 0.98}, …}`.

    The names of the logs alone do not tell: `a_b_loss` may be the loss of task `a_b` or the metric
    `b_loss` of task `a`. The model knows which metric is whose.

    Args:
        results: What `model.evaluate(…, return_dict=True)` returned.
        model: The model that returned it.

    Returns:
        `{task: {metric: value}}`, `"loss"` among the metrics, for the tasks that had labels: others
        have no logs, or NaN where all labels of the data were missing ones. Values of no task, such
        as the total loss of several tasks, are left out.

    Raises:
        ValueError: If `results` is not a dictionary, or has some metrics of a task but not all.

    >>> import keras, numpy as np
    >>> from tf_mtl import build_model, heads, trunks
    >>> model = build_model(
    ...     keras.Input((2,)),
    ...     trunk=trunks.MLP([4]),
    ...     heads={"age": heads.Regression(), "age_known": heads.BinaryClassification()},
    ... )
    >>> model.compile()
    >>> labels = {"age": np.ones(8), "age_known": np.ones(8)}
    >>> results = model.evaluate(np.ones((8, 2)), labels, verbose=0, return_dict=True)
    >>> {task: sorted(metrics) for task, metrics in per_task(results, model).items()}
    {'age': ['loss', 'mae', 'r2'], 'age_known': ['accuracy', 'auc', 'loss']}
    """
    if not isinstance(results, Mapping):
        raise ValueError(
            "Expected a dictionary {name: value}. Received: "
            f"{results!r}. Evaluate with return_dict=True."
        )
    sorted_results: dict[str, dict[str, float]] = {task: {} for task in model.tasks}
    owners = _owners(model)
    labelled = {task for log, (task, _) in owners.items() if log in results}
    for log, (task, metric) in owners.items():
        if labelled and task not in labelled:
            continue
        if log not in results:
            raise ValueError(
                f"The results lack {log!r}, metric {metric!r} of task {task!r}. They have "
                f"{sorted(results)}. Pass the results and the model that returned them."
            )
        sorted_results[task][metric] = float(results[log])
    return {task: metrics for task, metrics in sorted_results.items() if metrics}


def _owners(model: MultiTaskModel) -> dict[str, tuple[str, str]]:
    """Returns `{log name: (task, metric)}`."""
    owners: dict[str, tuple[str, str]] = {}
    several = len(model.tasks) > 1
    for metric in model.metrics:
        if isinstance(metric, TaskMetrics):
            for log, task, _ in metric.named():
                owners[log] = (task, log.removeprefix(f"{task}_") if several else log)
    names = {metric.name for metric in model.metrics}
    for task in model.tasks:
        log = f"{task}_loss" if several else "loss"
        if log in names:
            if log in owners and owners[log][0] != task:
                raise ValueError(
                    f"{log!r} is both the loss of task {task!r} and metric {owners[log][1]!r} of "
                    f"task {owners[log][0]!r}; Keras logs only one of them. Rename the metric."
                )
            owners[log] = (task, "loss")
    return owners
