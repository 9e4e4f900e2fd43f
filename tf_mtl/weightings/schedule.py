"""Schedule: weights that follow the steps of the training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.weightings.checks import check_length
from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class Schedule(LossWeighting):
    """λ_t(step) L_t with a number or any Keras learning-rate schedule for each task.

    Brings in tasks late, fades auxiliary ones out, or warms each up by itself.

    Reference: curricula by hand; the schedules are those of `keras.optimizers.schedules`. Steps
    are counted for all tasks together, also while one of them is absent.

    Args:
        schedules: a number or a `LearningRateSchedule` for each task, in the order of the model's
            outputs.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: unless `schedules` is a list of numbers and schedules, one for each task.

    >>> late = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.0, 1.0])
    >>> weighting, losses = Schedule([1.0, late]), keras.ops.array([2.0, 3.0])
    >>> for _ in range(3):
    ...     print(weighting(losses).numpy())
    ...     weighting.update(losses)
    [2. 0.]
    [2. 0.]
    [2. 3.]
    """

    def __init__(self, schedules: Sequence[Any], **options: Any) -> None:
        super().__init__(**options)
        self.schedules = [_one(schedule) for schedule in _listed(schedules)]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        schedules = [keras.saving.serialize_keras_object(one) for one in self.schedules]
        return {**super().get_config(), "schedules": schedules}

    def _check_tasks(self, tasks: int) -> None:
        check_length("schedules", self.schedules, tasks)

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        return {"step": np.zeros((), "int64")}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        step = state["step"]
        weights = [one(step) if callable(one) else one for one in self.schedules]
        return tf.stack([tf.cast(weight, tf.float32) for weight in weights]) * tasks.losses

    def _remember(self, tasks: Tasks, state: dict[str, Any]) -> dict[str, Any]:
        return {"step": state["step"] + 1}


def _listed(schedules: Any) -> Any:
    if not isinstance(schedules, list | tuple) or not schedules:
        raise ValueError(
            "`schedules` must be a list with a number or a Keras learning-rate schedule for each "
            f"task, in the order of the model's outputs. Received: schedules={schedules!r}."
        )
    return schedules


def _one(schedule: Any) -> Any:
    if isinstance(schedule, dict):
        schedule = keras.saving.deserialize_keras_object(schedule)
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return schedule
    if isinstance(schedule, int | float) and not isinstance(schedule, bool):
        return float(schedule)
    raise ValueError(
        "Each of `schedules` must be a number or a Keras learning-rate schedule. Received: "
        f"{schedule!r}. Try keras.optimizers.schedules.PiecewiseConstantDecay."
    )
