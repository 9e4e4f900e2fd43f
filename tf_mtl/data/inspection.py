"""All of a data set looked at before training: wrong labels, unknown tasks, missing inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

_SHOWN = 10


class WrongData(ValueError):
    """What is wrong with a data set.

    Args:
        problems: All that was found. Each has a `what` (the task or the input), a `row` and a
            `text`.
    """

    def __init__(self, problems: list[Any]) -> None:
        self.problems = problems
        lines = [problem.message("data set") for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            counts = Counter(problem.what for problem in problems)
            numbers = ", ".join(f"{what}: {count}" for what, count in counts.items())
            lines.append(f"… {len(problems)} in all. {numbers}.")
        super().__init__("\n".join(lines))


def check(dataset: Iterable[Any], model: Any, batches: int | None = None) -> None:
    """Looks at every label and input of a data set that a model is to be trained on.

    `fit` looks at arrays, and at the first batches of a stream. This looks at all of a stream: a
    class outside the range, a number for a class, a label of a wrong shape, a task that the model
    does not have, NaN in an input that reaches the outputs. The data set is read once; one that
    shuffles anew for each pass is then one pass further.

    Args:
        dataset: Batches `(x, {task: y})`: a `tf.data.Dataset` or any other iterable.
        model: A compiled `tf_mtl.MultiTaskModel`.
        batches: How many batches are looked at, or None for all.

    Raises:
        WrongData: A `ValueError` with all that is wrong, by task, value and row. Rows are
            counted from the beginning of the data set; a row of several wrong labels counts once.
        ValueError: For an unknown task, or a data set without batches or without an end.

    >>> import numpy as np
    >>> import tf_mtl
    >>> inputs = keras.Input((2,))
    >>> kind = tf_mtl.heads.Classification(3)
    >>> model = tf_mtl.MultiTaskModel(inputs, {"kind": kind(inputs)})
    >>> model.compile()
    >>> x, y = np.zeros((4, 2), "float32"), {"kind": [0, 7, -1, 2]}
    >>> check(tf.data.Dataset.from_tensor_slices((x, y)).batch(2), model)
    Traceback (most recent call last):
    ...
    tf_mtl.data.inspection.WrongData: Task 'kind', data set labels, row 1: 7 is not a class:
    expected 0 to 2, or -1 where missing.
    """
    if not getattr(model, "label_rules", None):
        raise ValueError("Compile the model before the check: its losses tell which labels fit.")
    if isinstance(dataset, tf.data.Dataset):
        endless = dataset.cardinality() == tf.data.INFINITE_CARDINALITY
        if endless and batches is None:
            raise ValueError(
                "The data set has no end. Say how many batches to look at, check(dataset, model, "
                "batches=100), or leave out .repeat()."
            )
    found: list[Any] = []
    first_row = 0
    for number, batch in enumerate(dataset):
        if number == batches:
            break
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        x, y = keras.tree.map_structure(_as_array, (x, y))
        rows = count_rows(y)
        found.extend(model.problems(x, y, first_row))
        first_row += rows
    if first_row == 0:
        raise ValueError("The data set holds no labels at all.")
    if found:
        raise WrongData(found)


def _as_array(value: Any) -> Any:
    return value.numpy() if isinstance(value, tf.Tensor) else value


def count_rows(labels: Any) -> int:
    """Returns the number of rows of a batch.

    Raises:
        ValueError: If it is no batch, but a single row.
    """
    flat = [labels for labels in keras.tree.flatten(labels) if labels is not None]
    if any(getattr(values, "ndim", 1) == 0 for values in flat):
        raise ValueError("The data set yields single rows. Batch it: dataset.batch(256).")
    return max(map(len, flat), default=0)
