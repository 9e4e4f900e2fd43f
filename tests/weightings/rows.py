"""One row for each public class: how to make it for three tasks, and what it promises."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_mtl import weightings

LATE = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.0, 1.0])


class WeightingRow(NamedTuple):
    """A row of `WEIGHTINGS`.

    Attributes:
        cls: the class.
        variants: constructor arguments, one dictionary for each way of making it worth a test.
        positional: arguments that hold one value for each task.
        scale_free: the relative weights of the losses' relative changes ignore their scales.
    """

    cls: type[weightings.LossWeighting]
    variants: list[dict[str, Any]]
    positional: tuple[str, ...] = ()
    scale_free: bool = False


PREFERENCE = [0.2, 0.3, 0.5]
WEIGHTINGS = [
    WeightingRow(
        weightings.Constant,
        [{}, {"weights": [1.0, 2.0, 3.0], "normalize": True}],
        positional=("weights",),
    ),
    WeightingRow(weightings.COSMOS, [{}, {"preference": PREFERENCE}], ("preference",)),
    WeightingRow(weightings.DynamicWeightAverage, [{}, {"temperature": 0.5}]),
    WeightingRow(weightings.ExcessMTL, [{}, {"robust_step_size": 1.0}]),
    WeightingRow(weightings.FAMO, [{}, {"gamma": 0.0}], scale_free=True),
    WeightingRow(weightings.GeometricMean, [{}], scale_free=True),
    WeightingRow(weightings.GO4Align, [{}, {"num_groups": 1, "robust_step_size": 0.1}]),
    WeightingRow(weightings.IMTLL, [{}]),
    WeightingRow(weightings.Logarithm, [{}], scale_free=True),
    WeightingRow(weightings.PBI, [{}, {"preference": PREFERENCE}], ("preference",)),
    WeightingRow(weightings.RandomLossWeighting, [{}, {"distribution": "dirichlet", "seed": 3}]),
    WeightingRow(weightings.Schedule, [{"schedules": [1.0, LATE, 0.5]}], ("schedules",)),
    WeightingRow(
        weightings.STCH,
        [{}, {"mu": 0.1, "preference": PREFERENCE, "reference": [0.1, -0.1, 0.0]}],
        ("preference", "reference"),
    ),
    WeightingRow(weightings.STCH, [{"warmup_steps": 1}], scale_free=True),
    WeightingRow(weightings.Uncertainty, [{}, {"form": "positive"}]),
]


def build(weighting: weightings.LossWeighting, tasks: int) -> None:
    """Builds a method for so many tasks, and for the gradients that `look` shows it."""
    looks = isinstance(weighting, weightings.GradientWeighting)
    weighting.build([(tasks, 2), (tasks, 1)] if looks else tasks)


def look(weighting: weightings.LossWeighting, losses: Any, present: Any = None) -> None:
    """Shows gradients to a method that looks at them, as a training step does first."""
    if isinstance(weighting, weightings.GradientWeighting):
        losses = tf.convert_to_tensor(losses)
        if present is not None:
            losses = tf.where(present, losses, tf.zeros_like(losses))
        weighting.look([losses[:, None] * [[1.0, -2.0]], tf.sin(losses)[:, None]], present)
