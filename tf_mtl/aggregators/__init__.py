"""The gradients of T tasks to one: methods on the Jacobian `[T, n]`, after differentiation.

`aggregator(jacobian) -> [n]` works on any `[T, n]` tensor, without a network. Methods that can be
told from inner products derive from `GramianAggregator` and also have `weights(gramian) -> [T]`.
"""

from __future__ import annotations

from typing import Any

from tf_mtl.aggregators.aggregator import Aggregator
from tf_mtl.aggregators.alignedmtl import AlignedMTL
from tf_mtl.aggregators.cagrad import CAGrad
from tf_mtl.aggregators.config import ConFIG
from tf_mtl.aggregators.crmogm import CRMOGM
from tf_mtl.aggregators.dbmtl import DBMTL
from tf_mtl.aggregators.dualproj import DualProj
from tf_mtl.aggregators.fairgrad import FairGrad
from tf_mtl.aggregators.graddrop import GradDrop
from tf_mtl.aggregators.gradnorm import GradNorm
from tf_mtl.aggregators.gradvac import GradVac
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.imtlg import IMTLG
from tf_mtl.aggregators.krum import Krum
from tf_mtl.aggregators.mean import Mean
from tf_mtl.aggregators.mgda import MGDA
from tf_mtl.aggregators.moco import MoCo
from tf_mtl.aggregators.modo import MoDo
from tf_mtl.aggregators.nashmtl import NashMTL
from tf_mtl.aggregators.pcd import PCD
from tf_mtl.aggregators.pcgrad import PCGrad
from tf_mtl.aggregators.sdmgrad import SDMGrad
from tf_mtl.aggregators.sum import Sum
from tf_mtl.aggregators.trimmedmean import TrimmedMean
from tf_mtl.aggregators.upgrad import UPGrad
from tf_mtl.balancing_method import get_method

__all__ = [
    "CRMOGM",
    "DBMTL",
    "IMTLG",
    "MGDA",
    "PCD",
    "Aggregator",
    "AlignedMTL",
    "CAGrad",
    "ConFIG",
    "DualProj",
    "FairGrad",
    "GradDrop",
    "GradNorm",
    "GradVac",
    "GramianAggregator",
    "Krum",
    "Mean",
    "MoCo",
    "MoDo",
    "NashMTL",
    "PCGrad",
    "SDMGrad",
    "Sum",
    "TrimmedMean",
    "UPGrad",
    "get",
]


def get(identifier: Any) -> Aggregator:
    """Returns an aggregator from its name, its config or itself.

    A name is that of the class in any case, underscores and hyphens ignored. A config is
    `{"class_name": name, "config": {argument: value}}`, or what Keras makes of an instance.

    >>> get("pc_grad").order
    'random'
    >>> get("pcgrod")
    Traceback (most recent call last):
    ...
    ValueError: Unknown aggregator 'pcgrod'. ... Did you mean 'pcgrad'?
    """
    public = [globals()[name] for name in __all__]
    return get_method(identifier, Aggregator, public, "aggregator", "upgrad")
