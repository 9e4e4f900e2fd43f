"""What the missing-label rules need to know about a Keras metric."""

from __future__ import annotations

import keras

_MEANS_OVER_ELEMENTS = (
    keras.metrics.BinaryAccuracy,
    keras.metrics.BinaryCrossentropy,
    keras.metrics.Hinge,
    keras.metrics.LogCoshError,
    keras.metrics.MeanAbsoluteError,
    keras.metrics.MeanAbsolutePercentageError,
    keras.metrics.MeanSquaredError,
    keras.metrics.MeanSquaredLogarithmicError,
    keras.metrics.Poisson,
    keras.metrics.RootMeanSquaredError,
    keras.metrics.SquaredHinge,
)
_COUNTS_OF_ELEMENTS = (
    keras.metrics.AUC,
    keras.metrics.FalseNegatives,
    keras.metrics.FalsePositives,
    keras.metrics.Precision,
    keras.metrics.Recall,
    keras.metrics.TrueNegatives,
    keras.metrics.TruePositives,
)


def counts_elements(metric: keras.Metric) -> bool:
    """Tells whether `metric` treats `[B, K]` as B times K elements without a structure.

    Only then can one element of a row be missing while the row's others still count; any other
    metric counts the rows that are labelled in full.

    >>> counts_elements(keras.metrics.MeanSquaredError())
    True
    >>> counts_elements(keras.metrics.R2Score())
    False
    """
    if averages_elements(metric):
        return True
    structured = any(
        getattr(metric, attribute, None) not in (None, False)
        for attribute in ("multi_label", "top_k", "class_id")
    )
    return isinstance(metric, _COUNTS_OF_ELEMENTS) and not structured


def averages_elements(metric: keras.Metric) -> bool:
    """Tells whether `metric` is a mean over rows of their mean over the last axis.

    >>> averages_elements(keras.metrics.MeanSquaredError())
    True
    >>> averages_elements(keras.metrics.AUC())
    False
    """
    return isinstance(metric, _MEANS_OVER_ELEMENTS)
