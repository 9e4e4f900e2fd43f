"""Any Keras layer as a head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..keras_internals import keras_logits, resolve_loss, set_keras_logits
from ..losses import function_name, has_class_labels, has_class_numbers
from .base import BaseHead
from .classes import names_in_order
from .labels import BinaryLabels, ClassLabels, FloatLabels, LabelRule


@keras.saving.register_keras_serializable(package="tf_mtl")
class Head(BaseHead):
    """Wraps any Keras layer with a loss and metrics of your own.

    Args:
        layer: The layer from features to output.
        loss: Loss of the task: a Keras identifier, config or instance.
        metrics: Metrics of the task, likewise.
        class_names: Names of the classes in the order of the output, where there are any. With
            a loss of class numbers the labels may then be these strings.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `layer` is not a Keras layer.

    >>> head = Head(keras.layers.Dense(4), loss="mse", metrics=["mae"])
    >>> head(keras.ops.ones((2, 8))).shape
    TensorShape([2, 4])
    """

    metric_identifiers: list[Any]

    def __init__(
        self,
        layer: keras.layers.Layer,
        loss: Any,
        metrics: Sequence[Any] = (),
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(
                f"Head expects a Keras layer. Received: {layer!r} (type {type(layer).__name__})."
            )
        self.layer = layer
        self.loss = loss
        several = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
        # Not tracked: Keras would log these as well, in which nothing is counted.
        object.__setattr__(self, "metric_identifiers", several)
        self._class_names = names_in_order(class_names)

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Builds the layer."""
        if not self.layer.built:
            self.layer.build(features_shape)

    def call(self, features: Any) -> Any:
        """Returns the output of the layer as float32."""
        output = self.layer(features)
        logits = keras_logits(output)
        if logits is not None:
            logits = keras.ops.cast(logits, "float32")
        return set_keras_logits(keras.ops.cast(output, "float32"), logits)

    @property
    def default_loss(self) -> Any:
        """The loss given."""
        return self.loss

    @property
    def default_metrics(self) -> list[Any]:
        """Copies of the metrics given."""
        return [_copy(metric) for metric in self.metric_identifiers]

    @property
    def label_rule(self) -> LabelRule:
        """What the loss asks for."""
        return rule_for_loss(resolve_loss(self.loss), self._class_names)

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "custom"

    @property
    def class_names(self) -> list[str] | None:
        """Names of the classes in the order of the output, or None."""
        return self._class_names

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "layer": keras.saving.serialize_keras_object(self.layer),
            "loss": keras.saving.serialize_keras_object(self.loss),
            "metrics": [
                keras.saving.serialize_keras_object(metric) for metric in self.metric_identifiers
            ],
            "class_names": self._class_names,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Head:
        """Returns the head of a config."""
        config = dict(config)
        for argument in ("layer", "loss", "metrics"):
            config[argument] = keras.saving.deserialize_keras_object(config[argument])
        return cls(**config)


def rule_for_loss(
    loss: Any, class_names: Sequence[str] | None = None, num_classes: int | None = None
) -> LabelRule:
    """Returns the label rule for a loss without a head of this package.

    Labels are classes, and -1 is missing, only for the cross-entropies of Keras.

    Args:
        loss: A Keras loss instance, or a callable.
        class_names: Names of the classes, if any.
        num_classes: Number of classes, if known.
    """
    if not isinstance(loss, keras.losses.Loss) or not has_class_labels(loss):
        if class_names:
            return ClassLabels(class_names=class_names)
        known = isinstance(loss, keras.losses.Loss) and function_name(loss) is not None
        return FloatLabels(any_shape=not known)
    if has_class_numbers(loss):
        return ClassLabels(num_classes, class_names, _ignored(loss, num_classes))
    return BinaryLabels(class_names)


def _ignored(loss: keras.losses.Loss, num_classes: int | None) -> int | None:
    """Returns the number that a loss takes for no class: 255 in many sets of masks."""
    ignored = getattr(loss, "ignore_class", None)
    if ignored is None or ignored == -1 or (num_classes is not None and ignored < num_classes):
        return None
    return int(ignored)


def _copy(metric: Any) -> Any:
    if isinstance(metric, keras.metrics.Metric):
        return metric.__class__.from_config(metric.get_config())
    return metric
