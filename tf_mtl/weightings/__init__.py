"""The losses of T tasks, weighted: methods on the losses `[T]`, before differentiation.

`weighting(losses, present) -> [T]` works on any `[T]` tensor, without a network. The sum of the
result is what a training step differentiates.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras

from tf_mtl.names import unknown_name
from tf_mtl.weightings.constant import Constant
from tf_mtl.weightings.cosmos import COSMOS
from tf_mtl.weightings.dynamic_weight_average import DynamicWeightAverage
from tf_mtl.weightings.excessmtl import ExcessMTL
from tf_mtl.weightings.famo import FAMO
from tf_mtl.weightings.geometric_mean import GeometricMean
from tf_mtl.weightings.go4align import GO4Align
from tf_mtl.weightings.gradient_weighting import GradientWeighting
from tf_mtl.weightings.imtll import IMTLL
from tf_mtl.weightings.logarithm import Logarithm
from tf_mtl.weightings.pbi import PBI
from tf_mtl.weightings.random_loss_weighting import RandomLossWeighting
from tf_mtl.weightings.schedule import Schedule
from tf_mtl.weightings.stch import STCH
from tf_mtl.weightings.uncertainty import Uncertainty
from tf_mtl.weightings.weighting import LossWeighting

__all__ = [
    "COSMOS",
    "FAMO",
    "IMTLL",
    "PBI",
    "STCH",
    "Constant",
    "DynamicWeightAverage",
    "ExcessMTL",
    "GO4Align",
    "GeometricMean",
    "GradientWeighting",
    "Logarithm",
    "LossWeighting",
    "RandomLossWeighting",
    "Schedule",
    "Uncertainty",
    "get",
]


def get(identifier: Any) -> LossWeighting:
    """Returns a loss weighting from its name, its config or itself.

    A name is that of the class in any case, underscores and hyphens ignored.

    >>> type(get("imtl_l")).__name__
    'IMTLL'
    >>> get("uncertanty")
    Traceback (most recent call last):
    ...
    ValueError: Unknown weighting 'uncertanty'. ... Did you mean 'uncertainty'?
    """
    if isinstance(identifier, LossWeighting):
        return identifier
    if isinstance(identifier, dict):
        found = keras.saving.deserialize_keras_object(identifier)
        if isinstance(found, LossWeighting):
            return found
    if isinstance(identifier, str):
        return _method(identifier)
    raise ValueError(
        "A loss weighting must be a name, a config dictionary or an instance of `LossWeighting`. "
        f"Received: {identifier!r}. Try 'uncertainty'."
    )


def _method(name: str) -> LossWeighting:
    public = [globals()[name] for name in __all__ if name[0].isupper()]
    methods = {cls.__name__.lower(): cls for cls in public if not inspect.isabstract(cls)}
    plain = name.lower().replace("_", "").replace("-", "")
    if plain not in methods:
        raise ValueError(unknown_name(name, sorted(methods), "weighting"))
    if methods[plain] is Schedule:
        raise ValueError(
            f"The weighting {name!r} needs to know what to schedule: pass "
            "`tf_mtl.weightings.Schedule({task: schedule})`."
        )
    return methods[plain]()
