"""Boxes and masks as people have them → float32 boxes, int32 masks, and their `Target`."""

from __future__ import annotations

import numpy as np

from ..targets import Target

MISSING = -1


def encode_boxes(values: np.ndarray, source: str, first_row: int = 0) -> tuple[np.ndarray, Target]:
    """Returns boxes `[rows, 4]` as float32, NaN where missing.

    Args:
        values: Numbers x1, y1, x2, y2 from 0 to 1.
        source: Where they come from, for errors.
        first_row: Number that the source gives to its first row.

    Raises:
        ValueError: For another shape or dtype, and boxes outside the image or without an area.

    >>> encode_boxes(np.array([[0, 0, 0.5, 1]]), "y['box']")[0].tolist()
    [[0.0, 0.0, 0.5, 1.0]]
    """
    if values.ndim != 2 or values.shape[1] != 4 or values.dtype.kind not in "iuf":
        raise ValueError(
            f"{source} has the shape {values.shape} and dtype {values.dtype}. Boxes are numbers "
            "[rows, 4]: x1, y1, x2, y2 as shares of width and height, from 0 to 1."
        )
    boxes = values.astype("float32")
    whole = np.where(np.isnan(boxes).any(axis=1, keepdims=True), [0, 0, 1, 1], boxes)
    wrong = ~((whole >= 0) & (whole <= 1)).all(axis=1) | (whole[:, 2:] <= whole[:, :2]).any(axis=1)
    wrong |= np.isnan(boxes).any(axis=1) & ~np.isnan(boxes).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{source}, row {row + first_row}: {values[row].tolist()} is no box. Expected x1 < x2 "
            "and y1 < y2 as shares of width and height, from 0 to 1 (divide pixels by the size of "
            "the image), or NaN throughout where it is missing."
        )
    return boxes, Target("box")


def encode_masks(
    values: np.ndarray, source: str, num_classes: int | None = None, first_row: int = 0
) -> tuple[np.ndarray, Target]:
    """Returns masks `[rows, height, width]` as int32, -1 where missing.

    Args:
        values: Whole numbers or bools; a last axis of one may be there.
        source: Where they come from, for errors.
        num_classes: Number of classes; None to tell it from the masks.
        first_row: Number that the source gives to its first row.

    Raises:
        ValueError: For another shape or dtype, and classes outside the range.

    >>> encode_masks(np.zeros((2, 4, 4), bool), "y['mask']")[1].num_classes
    2
    """
    if values.ndim == 4 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3 or values.dtype.kind not in "biu":
        raise ValueError(
            f"{source} has the shape {values.shape} and dtype {values.dtype}. Masks are whole "
            "numbers [rows, height, width], the class of each pixel, -1 where it is missing."
        )
    masks = values.astype("int64")
    count = num_classes or max(int(masks.max(initial=0)) + 1, 2)
    wrong = (masks < MISSING) | (masks >= count)
    if wrong.any():
        row, y, x = (int(place) for place in np.argwhere(wrong)[0])
        raise ValueError(
            f"{source}, row {row + first_row}, pixel ({y}, {x}): {masks[row, y, x]} is no class. "
            f"Expected 0 to {count - 1}, or -1 where missing."
        )
    return masks.astype("int32"), Target("segmentation", num_classes=count)
