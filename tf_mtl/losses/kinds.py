"""What the missing-label rules need to know about a Keras loss."""

from __future__ import annotations

from typing import Any

import keras

from ..keras_internals import keras_logits, set_keras_logits
from .batch_hard_triplet import BatchHardTriplet
from .standardized import Standardized
from .supervised_contrastive import SupervisedContrastive

_AVERAGE_LAST_AXIS = frozenset(
    {
        "mean_squared_error",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_logarithmic_error",
        "huber",
        "log_cosh",
        "poisson",
        "hinge",
        "squared_hinge",
        "binary_crossentropy",
        "binary_focal_crossentropy",
    }
)
_CLASS_NUMBERS = frozenset(
    {"categorical_generalized_cross_entropy", "sparse_categorical_crossentropy"}
)
_CLASS_LABELS = _CLASS_NUMBERS | {
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
}


def function_name(loss: keras.losses.Loss) -> str | None:
    """Returns the name of the Keras function that `loss` wraps, or None for any other loss."""
    if isinstance(loss, Standardized):
        return function_name(loss.inner)
    function = getattr(loss, "fn", None)
    module = getattr(function, "__module__", "") or ""
    return getattr(function, "__name__", None) if module.startswith("keras.") else None


def averages_last_axis(loss: keras.losses.Loss) -> bool:
    """Tells whether `loss` is a mean over the last axis of a loss of single elements.

    Only then can one element of a row be missing while the row's others still count.

    >>> averages_last_axis(keras.losses.MeanSquaredError())
    True
    >>> averages_last_axis(keras.losses.CosineSimilarity())
    False
    """
    return function_name(loss) in _AVERAGE_LAST_AXIS


def unreduced(loss: keras.losses.Loss) -> Any:
    """Returns the function `(y_true, y_pred)` of the losses before they are reduced.

    That is `loss.call`, or the loss itself if its class has a `__call__` of its own.
    """
    own_call = type(loss).__call__ is not keras.losses.Loss.__call__
    return loss if own_call else loss.call


def element_losses(loss: keras.losses.Loss, y_true: Any, y_pred: Any) -> Any:
    """Returns the losses of single elements, for a loss that averages the last axis.

    >>> loss = Standardized("mean_squared_error", mean=[0.0, 5.0], std=[10.0, 1.0])
    >>> y_true, y_pred = keras.ops.array([[30.0, 5.0]]), keras.ops.array([[50.0, 6.0]])
    >>> element_losses(loss, y_true, y_pred).numpy().tolist()
    [[4.0, 1.0]]
    """
    if isinstance(loss, Standardized):  # each element has its own mean and std
        return element_losses(loss.inner, loss.standardize(y_true), loss.standardize(y_pred))
    logits = keras_logits(y_pred)
    single = set_keras_logits(y_pred[..., None], None if logits is None else logits[..., None])
    return unreduced(loss)(y_true[..., None], single)


def has_class_labels(loss: keras.losses.Loss) -> bool:
    """Tells whether the labels of `loss` are classes, so that -1 means that a label is missing.

    >>> has_class_labels(keras.losses.SparseCategoricalCrossentropy())
    True
    >>> has_class_labels(keras.losses.Hinge())
    False
    """
    return function_name(loss) in _CLASS_LABELS


def has_class_numbers(loss: keras.losses.Loss) -> bool:
    """Tells whether a label of `loss` is the number of its class, not one-hot.

    >>> has_class_numbers(keras.losses.CategoricalGeneralizedCrossEntropy())
    True
    >>> has_class_numbers(keras.losses.CategoricalCrossentropy())
    False
    """
    return function_name(loss) in _CLASS_NUMBERS


def compares_groups(loss: keras.losses.Loss) -> bool:
    """Tells whether `loss` only asks which labels are equal.

    Numbers of groups stay whole then: as float32, those from 2²⁴ up equal their neighbours.

    >>> compares_groups(SupervisedContrastive()), compares_groups(keras.losses.MeanSquaredError())
    (True, False)
    """
    return isinstance(loss, BatchHardTriplet | SupervisedContrastive)
