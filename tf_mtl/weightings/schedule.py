"""Schedule: weights that follow the steps of the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_number, check_numbers
from tf_mtl.weightings.tasks import Tasks
from tf_mtl.weightings.weighting import LossWeighting


@keras.saving.register_keras_serializable(package="tf_mtl")
class Schedule(LossWeighting):
    """λ_t(step) L_t with a number or any Keras learning-rate schedule for each task.

    Brings in tasks late, fades auxiliary ones out, or warms each up: with `warmup_steps` = w the
    weight in step k = 0, 1, … is multiplied by min(1, (k + 1) / w).

    Reference: curricula by hand; the schedules are those of `keras.optimizers.schedules`. Steps
    are counted for all tasks together, also while one of them is absent.

    Args:
        schedules: `{task: number or LearningRateSchedule}` for any of the tasks, 1 for the others;
            or a list with one for each task, in the order of the model's outputs. None is 1 for
            each.
        warmup_steps: steps in which a task's weight rises to what is scheduled: one number for all
            tasks, `{task: number}` for any of them, or a list.
        **options: `name`, as every `LossWeighting`.

    Raises:
        ValueError: for anything else, or if nothing is scheduled.

    >>> late = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.0, 1.0])
    >>> weighting, losses = Schedule([1.0, late]), keras.ops.array([2.0, 3.0])
    >>> for _ in range(3):
    ...     print(weighting(losses).numpy())
    ...     weighting.update(losses)
    [2. 0.]
    [2. 0.]
    [2. 3.]

    In a model of the tasks "digit" and "odd", `Schedule({"odd": late})` is the same.
    """

    def __init__(
        self,
        schedules: Sequence[Any] | Mapping[str, Any] | None = None,
        warmup_steps: float | PerTask = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.schedules = _checked(schedules)
        if warmup_steps is None or isinstance(warmup_steps, Real):
            check_number("warmup_steps", warmup_steps)
            self.warmup_steps: Any = warmup_steps
        else:
            self.warmup_steps = check_numbers("warmup_steps", warmup_steps)
        if not self.schedules and self.warmup_steps == 0:
            raise ValueError(
                "Nothing is scheduled. Pass schedules={task: number or schedule}, for example "
                "keras.optimizers.schedules.PiecewiseConstantDecay, or warmup_steps={task: number}."
            )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        schedules = self.schedules
        if isinstance(schedules, Mapping):
            schedules = {task: _config(one) for task, one in schedules.items()}
        elif schedules is not None:
            schedules = [_config(one) for one in schedules]
        config = {"schedules": schedules, "warmup_steps": self.warmup_steps}
        return {**super().get_config(), **config}

    def _given(self) -> dict[str, Any]:
        warmup = None if isinstance(self.warmup_steps, Real) else self.warmup_steps
        return {
            "schedules": self._in_order("schedules", self.schedules, default=1.0),
            "warmup_steps": self._in_order("warmup_steps", warmup, default=0.0),
        }

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        return {"step": np.zeros((), "int64")}

    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        given, step = self._given(), state["step"]
        weights = tf.ones_like(tasks.losses)
        if given["schedules"] is not None:
            values = [one(step) if callable(one) else one for one in given["schedules"]]
            weights = tf.stack([tf.cast(value, tf.float32) for value in values])
        each = given["warmup_steps"]
        warmup = tf.maximum(
            tf.constant(self.warmup_steps if each is None else each, tf.float32), 1.0
        )
        passed = tf.cast(step + 1, tf.float32)
        return weights * tf.minimum(passed / warmup, 1.0) * tasks.losses

    def _remember(self, tasks: Tasks, state: dict[str, Any]) -> dict[str, Any]:
        return {"step": state["step"] + 1}


def _checked(schedules: Any) -> Any:
    if schedules is None:
        return None
    if isinstance(schedules, Mapping):
        return {task: _one(schedule) for task, schedule in schedules.items()}
    if isinstance(schedules, list | tuple) and schedules:
        return [_one(schedule) for schedule in schedules]
    raise ValueError(
        "`schedules` must be {task: schedule} or a list with one for each task, in the order of "
        "the model's outputs; a schedule is a number or a Keras learning-rate schedule. "
        f"Received: schedules={schedules!r}."
    )


def _one(schedule: Any) -> Any:
    if isinstance(schedule, Mapping):
        schedule = keras.optimizers.schedules.deserialize(dict(schedule))
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return schedule
    if isinstance(schedule, Real) and not isinstance(schedule, bool) and isfinite(schedule):
        return float(schedule)
    raise ValueError(
        "Each of `schedules` must be a finite number or a Keras learning-rate schedule. Received: "
        f"{schedule!r}. Try keras.optimizers.schedules.PiecewiseConstantDecay."
    )


def _config(schedule: Any) -> Any:
    return keras.saving.serialize_keras_object(schedule)
