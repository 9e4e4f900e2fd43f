"""How the tasks' gradients lie to each other: their norms and pairwise cosines, as logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ..aggregators.gramian import from_blocks
from .gradients import RecordedStep, jacobian
from .sharing import shared_variables
from .weighed_losses import weighed_by

if TYPE_CHECKING:
    from .model import MultiTaskModel


class TaskGradients(keras.callbacks.Callback):
    """Adds `{task}_gradient_norm` and `{task}_{other}_cosine` to the logs of each epoch.

    They are those of the shared variables, of the losses as they are weighted. An aggregator that
    looks at norms and cosines anyway has computed them for the last batch; else, and where
    `data` is given, they are computed for that batch at the end of the epoch, with one backward
    pass for each task. Give it before the callbacks that are to see the logs.

    Args:
        data: A batch `(x, {task: y})`, with sample weights or without, or a `tf.data.Dataset`
            of which the first batch is taken. None: what the aggregator computed.

    Raises:
        ValueError: Before the first step, if two logs would have one name, or `data` is no batch;
            after it, without `data`, if no aggregator computed them.

    >>> from tf_mtl import MultiTaskModel
    >>> inputs = keras.Input((2,))
    >>> shared = keras.layers.Dense(2)(inputs)
    >>> model = MultiTaskModel(inputs, {t: keras.layers.Dense(1)(shared) for t in ("a", "b")})
    >>> model.compile("sgd", loss="mse")
    >>> batch = (np.ones((4, 2)), {"a": np.ones(4), "b": np.zeros(4)})
    >>> history = model.fit(*batch, callbacks=[TaskGradients(batch)], verbose=0)
    >>> sorted(history.history)[:3]
    ['a_b_cosine', 'a_gradient_norm', 'a_loss']
    """

    def __init__(self, data: Any = None) -> None:
        super().__init__()
        self.data = data

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Checks the names, and takes the batch."""
        _check_names(list(self.model.label_rules))
        if isinstance(self.data, tf.data.Dataset):
            self.data = next(iter(self.data), None) or ()
        if self.data is not None:
            _check_batch(self.data)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks after the first step that the aggregator has looked."""
        if batch == 0 and self.data is None:
            self.model.gradients_seen()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds norms and cosines to the logs."""
        if self.data is None:
            tasks, norms, cosines = self.model.gradients_seen()
        else:
            tasks, norms, cosines = task_gradients(self.model, *self.data)
        if logs is not None:
            logs.update(_named(tasks, norms, cosines))


def task_gradients(
    model: MultiTaskModel, x: Any, y: Mapping[str, Any], sample_weight: Any = None
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Returns the tasks, their gradients' norms `[T]` and cosines `[T, T]` for one batch.

    The model runs as in evaluation, so that nothing moves. Rows of tasks without a label are 0.

    Args:
        model: Compiled multi-task model.
        x: Inputs of the batch.
        y: `{task: labels}`.
        sample_weight: As `fit` takes it, or None.
    """
    if getattr(model, "task_losses", None) is None:
        raise ValueError(
            f"Expected a MultiTaskModel that is compiled with losses. Received: {model!r}. Call "
            "model.compile(...) before."
        )
    losses = model.task_losses
    with tf.GradientTape(persistent=True) as tape:
        y_pred = model(keras.tree.map_structure(tf.convert_to_tensor, x), training=False)
        terms = losses.task_terms(y, y_pred, sample_weight, show=False)
        sums = [tf.reduce_sum(terms[task][0]) if task in terms else None for task in losses.order]
    shared = shared_variables(model, losses.order)
    step = RecordedStep(tape, sums, None, tf.zeros([]), tf.ones([]), shared, shared)
    found = jacobian(step, [True] * len(shared)).weighted(_weights(model, terms))
    rows = from_blocks(found.blocks)
    return list(losses.order), rows.norms.numpy(), rows.cosines.numpy()


def _weights(model: MultiTaskModel, terms: Mapping[str, Any]) -> tf.Tensor:
    """Returns the `[T]` weights of the losses: fixed ones, or what the weighting makes of them."""
    if model.weighting is None:
        return model.task_losses.fixed_weights()
    return weighed_by(model.weighting, *model.task_losses.global_losses(terms)).weights


def _check_batch(data: Any) -> None:
    """Raises `ValueError` for what is no batch with labels."""
    batch = data if isinstance(data, (tuple, list)) else [data]
    if len(batch) not in (2, 3) or not isinstance(batch[1], Mapping):
        kinds = ", ".join(type(each).__name__ for each in batch)
        raise ValueError(
            "TaskGradients takes a batch (x, {task: y}) or (x, {task: y}, weights), or a data set "
            f"of such batches. Received: {kinds or 'no batch at all'}."
        )


def _check_names(tasks: Sequence[str]) -> None:
    """Raises `ValueError` if the cosines of two pairs of tasks would have one name."""
    pairs: dict[str, tuple[str, str]] = {}
    for pair in combinations(tasks, 2):
        other = pairs.setdefault(_cosine_name(*pair), pair)
        if other != pair:
            raise ValueError(
                f"The cosine of the tasks {other[0]!r} and {other[1]!r} and that of {pair[0]!r} "
                f"and {pair[1]!r} would both be logged as {_cosine_name(*pair)!r}. Rename one of "
                "these tasks, or leave out TaskGradients."
            )


def _cosine_name(first: str, second: str) -> str:
    return f"{first}_{second}_cosine"


def _named(tasks: Sequence[str], norms: Any, cosines: Any) -> dict[str, float]:
    logs = {f"{task}_gradient_norm": float(norm) for task, norm in zip(tasks, norms, strict=True)}
    for (i, first), (j, second) in combinations(enumerate(tasks), 2):
        logs[_cosine_name(first, second)] = float(cosines[i, j])
    return logs
