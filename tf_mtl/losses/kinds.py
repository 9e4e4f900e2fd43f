"""What the missing-label rules need to know about a Keras loss."""

from __future__ import annotations

import keras

from .standardized import Standardized

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
