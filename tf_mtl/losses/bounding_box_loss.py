"""How far a box is from where it should be."""

from __future__ import annotations

from typing import Any

import keras

from .box_overlap import box_overlap


@keras.saving.register_keras_serializable(package="tf_mtl")
class BoundingBoxLoss(keras.losses.Loss):
    """Huber loss of the four coordinates plus generalised IoU loss.

    GIoU is what is evaluated and does not depend on the size of the box, but its gradient is weak
    where the boxes are far apart; there the coordinates lead. Per box

        Σ huber(coordinate; delta) / delta + giou_weight · (1 - GIoU)

    so that the first part is the distance in units of the image (the L1 distance of DETR) with a
    rounded tip. DETR weighs the parts 5 : 2.

    Args:
        delta: Distance, in units of the image, below which a coordinate's loss is quadratic;
            greater than 0.
        giou_weight: Weight of the GIoU loss, from 0 up.
        reduction: As in Keras.
        name: Name of the loss.

    Raises:
        ValueError: If `delta` is not positive or `giou_weight` is negative.

    References: H. Rezatofighi et al., Generalized Intersection over Union, CVPR 2019;
    N. Carion et al., DETR, ECCV 2020, equation 9.

    >>> loss = BoundingBoxLoss(delta=0.1)
    >>> box = keras.ops.array([[0.0, 0.0, 0.5, 1.0]])
    >>> float(loss(box, box))
    0.0
    """

    def __init__(
        self,
        delta: float = 0.1,
        giou_weight: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "bounding_box_loss",
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        if not delta > 0:
            raise ValueError(
                f"`delta` must be greater than 0. Received: delta={delta}. It is a distance in "
                "units of the image."
            )
        if not giou_weight >= 0:
            raise ValueError(f"`giou_weight` must be 0 or more. Received: {giou_weight}.")
        self.delta = delta
        self.giou_weight = giou_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each box."""
        distance = 4 * keras.losses.huber(y_true, y_pred, delta=self.delta) / self.delta
        return distance + self.giou_weight * (1 - box_overlap(y_true, y_pred)[1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "delta": self.delta,
            "giou_weight": self.giou_weight,
            "reduction": self.reduction,
            "name": self.name,
        }
