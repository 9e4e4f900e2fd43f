"""The gradients of T tasks to one: methods on the Jacobian `[T, n]`, after differentiation.

`aggregator(jacobian) -> [n]` works on any `[T, n]` tensor, without a network. Methods that can be
told from inner products derive from `GramianAggregator` and also have `weights(gramian) -> [T]`.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras

from tf_mtl.aggregators.aggregator import Aggregator
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.aggregators.mean import Mean
from tf_mtl.aggregators.mgda import MGDA
from tf_mtl.aggregators.pcgrad import PCGrad
from tf_mtl.aggregators.sum import Sum
from tf_mtl.aggregators.upgrad import UPGrad
from tf_mtl.names import unknown_name

__all__ = [
    "MGDA",
    "Aggregator",
    "GramianAggregator",
    "Mean",
    "PCGrad",
    "Sum",
    "UPGrad",
    "get",
]


def get(identifier: Any) -> Aggregator:
    """Returns an aggregator from its name, its config or itself.

    A name is that of the class in any case, underscores and hyphens ignored.

    >>> get("pc_grad").order
    'random'
    >>> get("pcgrod")
    Traceback (most recent call last):
    ...
    ValueError: Unknown aggregator 'pcgrod'. ... Did you mean 'pcgrad'?
    """
    if isinstance(identifier, Aggregator):
        return identifier
    if isinstance(identifier, dict):
        found = keras.saving.deserialize_keras_object(identifier)
        if isinstance(found, Aggregator):
            return found
    if isinstance(identifier, str):
        return _method(identifier)()
    raise ValueError(
        "An aggregator must be a name, a config dictionary or an instance of `Aggregator`. "
        f"Received: {identifier!r}. Try 'upgrad'."
    )


def _method(name: str) -> type[Aggregator]:
    public = [globals()[name] for name in __all__ if name[0].isupper()]
    methods = {cls.__name__.lower(): cls for cls in public if not inspect.isabstract(cls)}
    plain = name.lower().replace("_", "").replace("-", "")
    if plain not in methods:
        raise ValueError(unknown_name(name, sorted(methods), "aggregator"))
    return methods[plain]
