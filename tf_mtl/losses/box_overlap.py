"""How much boxes overlap."""

from __future__ import annotations

from typing import Any

from keras import ops


def box_overlap(first: Any, second: Any) -> tuple[Any, Any]:
    """Returns the intersection over union of pairs of boxes, and its generalisation.

    IoU is 0 for all boxes that do not touch. GIoU also tells near from far: with C the smallest box
    around both, GIoU = IoU - (area of C outside the union) / (area of C), from -1 to 1.

    `keras.utils.bounding_boxes` compares every box with every other one and adds an absolute
    epsilon to the union, which small boxes in units of the image would feel. Here the union is
    exact. A box whose corners are swapped counts as empty; where both boxes are empty IoU is 0.

    Args:
        first: Boxes `[..., 4]`, x1, y1, x2, y2.
        second: Boxes of the same shape and units.

    Returns:
        IoU and GIoU, each `[...]`.

    Reference: H. Rezatofighi et al., Generalized Intersection over Union, CVPR 2019, Algorithm 1.

    >>> box, other = ops.array([[0.0, 0.0, 0.5, 1.0]]), ops.array([[0.25, 0.0, 1.0, 1.0]])
    >>> iou, giou = box_overlap(box, other)
    >>> iou.numpy().tolist(), giou.numpy().tolist()
    ([0.25], [0.25])
    """
    low = ops.maximum(first[..., :2], second[..., :2])
    high = ops.minimum(first[..., 2:], second[..., 2:])
    intersection = _area(low, high)
    union = _area(first[..., :2], first[..., 2:]) + _area(second[..., :2], second[..., 2:])
    union = union - intersection
    iou = ops.divide_no_nan(intersection, union)
    hull = _area(
        ops.minimum(first[..., :2], second[..., :2]), ops.maximum(first[..., 2:], second[..., 2:])
    )
    return iou, iou - ops.divide_no_nan(hull - union, hull)


def _area(low: Any, high: Any) -> Any:
    return ops.prod(ops.relu(high - low), axis=-1)
