"""The losses of T tasks, weighted: methods on the losses `[T]`, before differentiation.

`weighting(losses, present) -> [T]` works on any `[T]` tensor, without a network. The sum of the
result is what a training step differentiates.
"""

from __future__ import annotations

from typing import Any

from tf_mtl.balancing_method import get_method
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

    A name is that of the class in any case, underscores and hyphens ignored. A config is
    `{"class_name": name, "config": {argument: value}}`, or what Keras makes of an instance.

    >>> type(get("imtl_l")).__name__
    'IMTLL'
    >>> get("uncertanty")
    Traceback (most recent call last):
    ...
    ValueError: Unknown weighting 'uncertanty'. ... Did you mean 'uncertainty'?
    """
    public = [globals()[name] for name in __all__]
    return get_method(identifier, LossWeighting, public, "weighting", "uncertainty")
