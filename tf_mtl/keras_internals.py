"""The few things that Keras does not export and that must be exactly Keras' own.

A loss or metric given by name must resolve to the object, with the name in the logs, that
`keras.Model.compile` would make of it. Everything private is imported here and nowhere else.
"""

from __future__ import annotations

from typing import Any

import keras
from keras.src.backend.common.stateless_scope import in_stateless_scope
from keras.src.models.functional import Functional as Functional
from keras.src.trainers.compile_utils import get_loss as _get_loss
from keras.src.trainers.compile_utils import get_metric as _get_metric
from keras.src.utils import tracking

untracked = tracking.no_automatic_dependency_tracking


def resolve_loss(identifier: Any, y_true: Any = None, y_pred: Any = None) -> Any:
    """Returns the loss object that `compile` makes of an identifier.

    Args:
        identifier: Name, function, config or instance.
        y_true: Labels, needed for the shapes when the identifier is "crossentropy".
        y_pred: Output, likewise.

    >>> resolve_loss("mse").name
    'mse'
    """
    return _get_loss(identifier, y_true, y_pred)


def resolve_metric(identifier: Any, y_true: Any = None, y_pred: Any = None) -> keras.Metric:
    """Returns the metric object that `compile` makes of an identifier.

    Args:
        identifier: Name, function, config or instance.
        y_true: Labels, needed for the shapes when the identifier is "accuracy".
        y_pred: Output, likewise.

    >>> resolve_metric("mae").name
    'mae'
    """
    return _get_metric(identifier, y_true, y_pred)


def keras_mask(tensor: Any) -> Any:
    """Returns the mask that Keras layers attached to a tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


def infers_shapes() -> bool:
    """Tells whether Keras only infers shapes now; variables then take no values."""
    return bool(in_stateless_scope())
