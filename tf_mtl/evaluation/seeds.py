"""Gains over single-task training with several seeds, and how sure they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .delta_m import Results, delta_m, task_gains


class Estimate(NamedTuple):
    """The mean of several seeds.

    Attributes:
        mean: The mean, in percent.
        standard_error: The deviation of the seeds (n − 1 in the divisor), divided by √n.

    >>> print(Estimate(1.25, 0.5))
    +1.2 ± 0.5 %
    """

    mean: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.mean:+.1f} ± {self.standard_error:.1f} %"


class GainsOverSeeds(NamedTuple):
    """Relative gains over single-task training.

    Attributes:
        delta_m: Δm, the mean over the tasks.
        tasks: `{task: gain}`.
    """

    delta_m: Estimate
    tasks: dict[str, Estimate]


def gains_over_seeds(
    multi_task: Mapping[int, Results],
    single_task: Mapping[int, Results],
    higher_is_better: Mapping[str, bool],
) -> GainsOverSeeds:
    """Mean and standard error of Δm and of each task's gain, over pairs of runs of one seed.

    One pair cannot tell a gain from chance. The gains of each seed are those of `task_gains`, of
    the two runs with this seed; mean and error are those of the seeds' gains. With few seeds the
    error itself is uncertain: by Student's t, a mean differs from 0 at the level of 5 % where it is
    12.7 errors away from it with two seeds, 4.3 with three, and 2.8 with five. The error is that of
    other seeds on the same rows; other training and test rows would add to it.

    Args:
        multi_task: `{seed: {task: {metric: value}}}`, for each seed as `per_task` returns it.
        single_task: The same tasks trained singly with the same seeds, for each as
            `single_task_baselines` returns it.
        higher_is_better: As for `delta_m`.

    Raises:
        ValueError: If the seeds differ or are fewer than two; or as `delta_m`.

    >>> found = gains_over_seeds(
    ...     {0: {"ink": {"mae": 3.0}}, 1: {"ink": {"mae": 3.5}}},
    ...     {0: {"ink": {"mae": 4.0}}, 1: {"ink": {"mae": 4.0}}},
    ...     higher_is_better={"mae": False},
    ... )
    >>> print(found.delta_m)
    +18.8 ± 6.2 %
    """
    for argument, results in (("multi_task", multi_task), ("single_task", single_task)):
        if not isinstance(results, Mapping):
            raise ValueError(
                f"`{argument}` must be {{seed: {{task: {{metric: value}}}}}}. Received: "
                f"{results!r}."
            )
    if set(multi_task) != set(single_task):
        raise ValueError(
            f"Runs are compared in pairs of one seed, but `multi_task` has the seeds "
            f"{list(multi_task)} and `single_task` {list(single_task)}. Train both with each."
        )
    if len(multi_task) < 2:
        raise ValueError(
            f"A standard error takes two seeds or more. Received: {list(multi_task)}. For one "
            "seed, take `delta_m` and `task_gains`."
        )
    pairs = [(multi_task[seed], single_task[seed]) for seed in multi_task]
    gains = [task_gains(*pair, higher_is_better) for pair in pairs]
    tasks = list(gains[0])
    for seed, found in zip(multi_task, gains, strict=True):
        if set(found) != set(tasks):
            raise ValueError(
                f"All seeds must have the same tasks. Seed {seed!r} has {list(found)}, and "
                f"{next(iter(multi_task))!r} has {tasks}."
            )
    return GainsOverSeeds(
        _estimate([delta_m(*pair, higher_is_better) for pair in pairs]),
        {task: _estimate([found[task] for found in gains]) for task in tasks},
    )


def _estimate(values: Sequence[float]) -> Estimate:
    return Estimate(statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values)))
