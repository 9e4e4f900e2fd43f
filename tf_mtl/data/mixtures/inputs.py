"""Joining encoders of inputs that not every row has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import keras

from ...keras_internals import keras_mask
from ...names import check_known


@keras.saving.register_keras_serializable(package="tf_mtl")
class MeanOfPresent(keras.layers.Layer):
    """Mean over the encodings of the inputs that a row has.

    In a mixture of data sets with different inputs, an input that a row lacks is filled with 0 or
    "", and the input `<name>_present` tells where. What an encoder makes of the filling must not
    count; its gradient is 0 here. A row without any input becomes 0. Steps that an encoder masks do
    not count either, and the output masks those that all encoders mask.

    Args:
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        encodings: `{input: [B, ..., d]}`, all of one shape.
        present: `{input: [B]}` of bools, or `[B, 1]`; an input that is not named is there in every
            row.

    Returns:
        `[B, ..., d]`.

    Raises:
        ValueError: If `present` names an input that has no encoding, or the shapes differ.

    >>> import numpy as np
    >>> fused = MeanOfPresent()(
    ...     {"text": np.array([[2.0], [4.0]]), "image": np.array([[6.0], [9.0]])},
    ...     present={"image": np.array([True, False])},
    ... )
    >>> fused.numpy().tolist()
    [[4.0], [4.0]]
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.supports_masking = True

    def compute_mask(self, encodings: Any, previous_mask: Any) -> Any:
        """Returns the steps that any of the encodings has; None for all."""
        masks = [keras_mask(encoding) for encoding in encodings.values()]
        if any(mask is None for mask in masks):
            return None
        return reduce(keras.ops.logical_or, masks)

    def call(self, encodings: Mapping[str, Any], present: Mapping[str, Any] | None = None) -> Any:
        """Returns the means."""
        present = present or {}
        check_known(present, encodings, "input in `present`")
        shapes = {name: tuple(encoding.shape[1:]) for name, encoding in encodings.items()}
        if len(set(shapes.values())) != 1:
            raise ValueError(
                f"MeanOfPresent takes encodings of one shape. Received: {shapes}. Let each encoder "
                "end in a Dense layer of the same size."
            )
        total, count = 0.0, 0.0
        for name, encoding in encodings.items():
            there = [_rows(name, present[name])] if name in present else []
            steps = keras_mask(encoding)
            there += [] if steps is None else [steps]
            if not there:
                total, count = total + encoding, count + 1.0
                continue
            rank = len(encoding.shape)
            mask = reduce(keras.ops.logical_and, (_of_rank(each, rank) for each in there))
            # Chosen, not multiplied: 0 times NaN is NaN.
            total += keras.ops.where(mask, encoding, keras.ops.zeros_like(encoding))
            count += keras.ops.cast(mask, encoding.dtype)
        return total / keras.ops.maximum(count, 1.0)


def _rows(name: str, present: Any) -> Any:
    """Returns which rows have an input, bool `[B]`."""
    rows = keras.ops.cast(present, "bool")
    if tuple(rows.shape[1:]) not in ((), (1,)):
        raise ValueError(
            "`present` takes a bool for each row, [B] or [B, 1]. Received for "
            f"{name!r} the shape {tuple(rows.shape)}."
        )
    return keras.ops.reshape(rows, (-1,))


def _of_rank(mask: Any, rank: int) -> Any:
    return keras.ops.expand_dims(mask, tuple(range(len(mask.shape), rank)))
