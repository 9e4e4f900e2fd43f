"""What users pass for several tasks, by the names of the tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..names import check_known, check_task_names


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
    if values is None:
        received = f"Received none: give batches of (x, {{task: {what}}}), or both to `fit`."
    else:
        received = (
            f"Received a {type(values).__name__}: a list would be matched by the sorted names, not "
            "by your order."
        )
    raise ValueError(
        f"Expected the {what} as a dictionary {{task: ...}} with the keys {list(tasks)} (or some "
        f"of them). {received}"
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


def check_outputs(outputs: Any) -> None:
    """Raises `ValueError` unless outputs are `{task: tensor}`, or a single tensor."""
    if isinstance(outputs, Mapping):
        check_task_names(outputs)
        for task, output in outputs.items():
            if not isinstance(output, keras.KerasTensor):
                raise ValueError(
                    f"The output of task {task!r} must be a Keras tensor. Received: "
                    f"{type(output).__name__}. Nested outputs are not supported: give each tensor "
                    "a task of its own."
                )
    elif isinstance(outputs, (list, tuple)) and len(outputs) > 1:
        raise ValueError(
            f"MultiTaskModel expects the outputs as a dictionary {{task: tensor}}. Received a "
            f"{type(outputs).__name__} of {len(outputs)}: the outputs would have no names, and "
            "Keras would match losses and labels by position."
        )
