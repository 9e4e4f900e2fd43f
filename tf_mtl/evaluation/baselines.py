"""The same tasks trained singly, for comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from ..names import check_known
from ..training import MultiTaskModel
from .per_task import per_task


def single_task_baselines(
    build: Callable[[list[str]], MultiTaskModel],
    train: tf.data.Dataset,
    valid: tf.data.Dataset | None,
    test: tf.data.Dataset,
    *,
    tasks: Sequence[str],
    epochs: int,
    seed: int = 0,
    callbacks: Callable[[str], Sequence[keras.callbacks.Callback]] | None = None,
    verbose: int = 0,
) -> dict[str, dict[str, float]]:
    """Trains one model for each task, on the same data with the same recipe, and evaluates it.

    A single-task model has the whole trunk for itself, so that T tasks have T times the
    parameters. Learning together is worth it where it comes close to these results, or better.

    Args:
        build: Makes a compiled model for the tasks in a list. The same function makes the
            multi-task model, so that trunk, heads and optimizer are the same.
        train: Batches of `(x, {task: y})` or `(x, {task: y}, weights)`; weights are one tensor for
            all tasks or `{task: weight}`.
        valid: The same for validation after each epoch, or None.
        test: The same for the results.
        tasks: The tasks to train.
        epochs: Epochs of each model.
        seed: Seed of Keras, NumPy and Python, set anew for each model: the trunks start alike.
        callbacks: Makes new callbacks for the model of a task; its logs have no prefix
            (`val_accuracy`). None for no callbacks.
        verbose: As in `fit`.

    Returns:
        `{task: {metric: value}}` on `test`.

    Raises:
        ValueError: If a data set is no `tf.data.Dataset` of labels by task, a task has no labels
            in it, or only missing ones, or `build` returns another model than asked for.

    >>> import numpy as np
    >>> from tf_mtl import build_model, heads, trunks
    >>> def build(tasks):
    ...     all_heads = {"a": heads.Regression(), "b": heads.BinaryClassification()}
    ...     chosen = {task: all_heads[task] for task in tasks}
    ...     model = build_model(keras.Input((2,)), trunks.MLP([4]), chosen)
    ...     model.compile("adam")
    ...     return model
    >>> data = tf.data.Dataset.from_tensor_slices(
    ...     (np.ones((8, 2), "float32"), {"a": np.ones(8, "float32"), "b": np.ones(8, "int32")})
    ... ).batch(4)
    >>> results = single_task_baselines(build, data, None, data, tasks=["a", "b"], epochs=1)
    >>> {task: sorted(metrics) for task, metrics in results.items()}
    {'a': ['loss', 'mae', 'r2'], 'b': ['accuracy', 'auc', 'loss']}
    """
    if isinstance(build, keras.Model):
        raise ValueError(
            "`build` is a function from a list of tasks to a new, compiled model with these tasks. "
            f"Received the model {build.name!r}."
        )
    parts = {"train": train, "valid": valid, "test": test}
    if valid is None:
        del parts["valid"]
    for name, data in parts.items():
        _check(name, data, tasks)
    results = {}
    for task in tasks:
        keras.utils.set_random_seed(seed)
        model = build([task])
        if not isinstance(model, MultiTaskModel) or model.tasks != [task]:
            raise ValueError(
                f"`build([{task!r}])` must return a MultiTaskModel with the single task {task!r}. "
                f"Received: {getattr(model, 'tasks', model)!r}."
            )
        for name, data in parts.items():
            if model.compiled:  # otherwise `fit` says so
                _check_labels(name, _only(task, data), task, model)
        model.fit(
            _only(task, train),
            validation_data=None if valid is None else _only(task, valid),
            epochs=epochs,
            callbacks=None if callbacks is None else list(callbacks(task)),
            verbose=verbose,
        )
        evaluated = model.evaluate(_only(task, test), return_dict=True, verbose=verbose)
        results[task] = per_task(evaluated, model)[task]
    return results


def _check(name: str, data: Any, tasks: Sequence[str]) -> None:
    spec = data.element_spec if isinstance(data, tf.data.Dataset) else None
    if not isinstance(spec, tuple) or len(spec) not in (2, 3) or not isinstance(spec[1], dict):
        raise ValueError(
            f"`{name}` must be a tf.data.Dataset of (x, {{task: y}}) or (x, {{task: y}}, weights). "
            f"Received: {data!r}."
        )
    check_known(tasks, spec[1], f"task in the labels of `{name}`:")


def _check_labels(name: str, data: tf.data.Dataset, task: str, model: MultiTaskModel) -> None:
    """Looks for the first label of a task; without one, results would be those of nothing."""
    for x, y, *weights in data:
        weight = weights[0] if weights else None
        terms = model.task_losses.task_terms(y, model(x, training=False), weight, show=False)
        if terms[task][1]:
            return
    raise ValueError(
        f"Task {task!r} has only missing labels in `{name}`: there is nothing to train on or to "
        "compare. Leave it out of `tasks`, or give data with labels of it."
    )


def _only(task: str, data: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the data with the labels and weights of one task."""

    def choose(x: Any, y: Any, *weights: Any) -> Any:
        chosen = [
            {task: weight[task]} if isinstance(weight, dict) else weight
            for weight in weights
            if not isinstance(weight, dict) or task in weight
        ]
        return (x, {task: y[task]}, *chosen)

    return data.map(choose, num_parallel_calls=tf.data.AUTOTUNE)
