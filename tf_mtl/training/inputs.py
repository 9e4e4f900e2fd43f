"""Inputs that come in a dictionary, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras


def inputs_by_name(expected: Any, values: Any) -> Any:
    """Returns those of the values that a model has inputs for; what is no dictionary as it is.

    The data may have more inputs than the model. Keras would take them by position, and for a
    model of one tensor it takes the dictionary, but warns in every epoch.

    Args:
        expected: Inputs of the model: a Keras tensor, or a structure of them.
        values: Inputs, or their masks.
    """
    if not isinstance(values, Mapping):
        return values
    if isinstance(expected, keras.KerasTensor):
        return values.get(expected.name, values)
    if isinstance(expected, Mapping):
        return {name: value for name, value in values.items() if name in expected}
    return values
