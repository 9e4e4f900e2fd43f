"""Arrays of texts as TensorFlow takes them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def as_strings(values: Any) -> Any:
    """Returns a structure of arrays with NumPy's texts and bytes as string tensors.

    Keras' `fit` refuses them, but for arrays of Python's own strings.

    >>> as_strings({"animal": np.array(["cat", ""]), "legs": np.array([4, 2])})["animal"].dtype
    tf.string
    """
    return keras.tree.map_structure(_as_strings, values)


def _as_strings(array: Any) -> Any:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "USO":
        return array
    if array.dtype.kind == "O" and not all(isinstance(text, str | bytes) for text in array.flat):
        return array
    return tf.convert_to_tensor(array, tf.string)
