"""How far points are from where they should be."""

from __future__ import annotations

from typing import Any

import keras

_LOGITS = "_tf_mtl_visibility_logits"


@keras.saving.register_keras_serializable(package="tf_mtl")
class KeyPointLoss(keras.losses.Loss):
    """Huber loss of the coordinates, and cross-entropy of the visibility where it is predicted.

    Per point, with v the label of the visibility and p its prediction,

        v · Σ huber(coordinate; delta) / delta + crossentropy(v, p)

    A point that is not visible has no position to be learnt. Without visibility (two numbers a
    point) v is 1 and the second term is left out.

    Args:
        delta: Distance, in units of the image, below which a coordinate's loss is quadratic;
            greater than 0.
        reduction: As in Keras.
        name: Name of the loss.

    Raises:
        ValueError: If `delta` is not positive.

    >>> loss = KeyPointLoss(delta=0.1)
    >>> point, far = keras.ops.array([[[0.5, 0.5]]]), keras.ops.array([[[0.5, 0.75]]])
    >>> round(float(loss(point, far)), 6)  # 0.25 - delta / 2
    0.2
    """

    def __init__(
        self,
        delta: float = 0.1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "key_point_loss",
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        if not delta > 0:
            raise ValueError(
                f"`delta` must be greater than 0. Received: delta={delta}. It is a distance in "
                "units of the image."
            )
        self.delta = delta

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each point, `[B, points]`."""
        mean = keras.losses.huber(y_true[..., :2], y_pred[..., :2], delta=self.delta)
        distance = 2 * mean / self.delta
        if y_pred.shape[-1] == 2:
            return distance
        visible = y_true[..., 2]
        logits = getattr(y_pred, _LOGITS, None)
        known = logits is not None
        seen = logits if known else y_pred[..., 2]
        return visible * distance + keras.ops.binary_crossentropy(visible, seen, from_logits=known)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"delta": self.delta, "reduction": self.reduction, "name": self.name}


def points_with_visibility(positions: Any, logits: Any) -> Any:
    """Returns `[B, points, 3]` of positions and visibilities with these logits, which it carries.

    >>> positions, logits = keras.ops.zeros((1, 1, 2)), keras.ops.zeros((1, 1))
    >>> points_with_visibility(positions, logits).numpy().tolist()
    [[[0.0, 0.0, 0.5]]]
    """
    points = keras.ops.concatenate([positions, keras.ops.sigmoid(logits)[..., None]], axis=-1)
    setattr(points, _LOGITS, logits)  # the loss is exact by them, as Keras' cross-entropies are
    return points
