"""Arrays and series of texts as TensorFlow takes them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def as_strings(values: Any) -> Any:
    """Returns a structure of arrays with the texts and bytes of NumPy and pandas as string tensors.

    Keras refuses them, but for arrays of Python's own strings.

    Raises:
        ValueError: If an array of texts holds something else, such as None, or a data frame does.

    >>> as_strings({"animal": np.array(["cat", ""]), "legs": np.array([4, 2])})["animal"].dtype
    tf.string
    """
    return keras.tree.map_structure(_as_strings, values)


def _as_strings(values: Any) -> Any:
    array = np.asarray(values) if hasattr(values, "to_numpy") else values
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "USO":
        return values
    if array.dtype.kind == "O":
        is_text = [isinstance(value, str | bytes) for value in array.flat]
        if not any(is_text):
            return values
        if not all(is_text):
            if hasattr(values, "columns"):
                raise ValueError(
                    f"A data frame with texts and other values, {list(values.columns)}, is no "
                    "tensor. Pass x as {input: column}, which "
                    "tf_mtl.data.inputs_from_dataframe(frame, model.input) returns."
                )
            row, *_ = np.argwhere(~np.reshape(is_text, array.shape))[0]
            raise ValueError(
                f'Among texts, row {row} is {array[row]!r}, which is no text. Pass texts, "" '
                "where one is missing."
            )
    return tf.convert_to_tensor(array, tf.string)
