"""What every head is: a layer that turns shared features into one named output."""

from __future__ import annotations

import abc
from typing import Any

import keras
import numpy as np

from ..keras_internals import keras_mask
from ..masks import mean_of_steps
from .labels import LabelRule


class BaseHead(keras.layers.Layer, abc.ABC):
    """Abstract layer from features to the output of one task.

    A head knows everything that is particular to its kind of task, so that
    `compile(loss="auto", metrics="auto")` needs no more words. The outputs are float32 under any
    mixed precision policy. A trunk of sequences may mask the steps that are only padding; the
    mask stays with the output where that has the same steps (`keeps_steps`).

    Args:
        name: Name of the layer. `build_model` uses the task's name when there is none.
        dtype: Policy of the head itself; keep float32 for a stable loss.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Attributes:
        reads: Names of other tasks, or of inputs of the model. `build_model` passes the output of
            such a task, the tensor of such an input, to the head after the features.
    """

    keeps_steps = False
    reads: tuple[str, ...] = ()

    def __init__(self, name: str | None = None, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.named_by_user = name is not None
        self.supports_masking = True

    def __dir__(self) -> list[str]:
        """Leaves out `default_metrics`: Keras reads all that it finds here in order to save it."""
        return [name for name in super().__dir__() if name != "default_metrics"]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Returns the head of a config, in which a loss may be a config too."""
        loss = config.get("loss")
        if isinstance(loss, dict):
            config = {**config, "loss": keras.saving.deserialize_keras_object(loss)}
        return super().from_config(config)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns the mask of the output: that of the features, or None."""
        return previous_mask if self.keeps_steps else None

    @property
    @abc.abstractmethod
    def default_loss(self) -> Any:
        """The loss that `compile(loss="auto")` uses: a Keras identifier or instance."""

    @property
    @abc.abstractmethod
    def default_metrics(self) -> list[Any]:
        """Fresh metrics that `compile(metrics="auto")` uses."""

    @property
    @abc.abstractmethod
    def label_rule(self) -> LabelRule:
        """Which labels are missing and which are wrong."""

    @property
    @abc.abstractmethod
    def kind(self) -> str:
        """The kind of task, as data sets name it: "classification" for instance."""

    @property
    def class_names(self) -> list[str] | None:
        """Names of the classes in the order of the output, or None."""
        return None


def numbers(argument: str, value: Any) -> list[float]:
    """Returns a number, or a list or array of numbers, as a list.

    Raises:
        ValueError: For anything else.

    >>> numbers("mean", 2), numbers("mean", [1, 2.5])
    ([2.0], [1.0, 2.5])
    """
    try:
        return [float(each) for each in np.ravel(value).tolist()]
    except (TypeError, ValueError):
        raise ValueError(
            f"`{argument}` must be a number, or a list of numbers. Received: {argument}={value!r}."
        ) from None


def pool(features: Any) -> Any:
    """Averages feature maps `[B, ..., d]` over space and time, so that a head sees `[B, d]`.

    Steps (the first of these axes) that the trunk masks do not count.

    >>> embedding = keras.layers.Embedding(9, 1, "ones", mask_zero=True)
    >>> pool(embedding(keras.ops.array([[5, 7, 0], [0, 0, 0]]))).numpy().tolist()
    [[1.0], [0.0]]
    """
    axes = tuple(range(1, len(features.shape) - 1))
    mask = keras_mask(features)
    if mask is None:
        return keras.ops.mean(features, axis=axes) if axes else features
    steps = keras.ops.mean(features, axis=axes[1:]) if axes[1:] else features
    return mean_of_steps(steps, mask)


def pooled_shape(features_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
    """Returns the shape of `pool(features)` or says why there is none."""
    size = features_shape[-1]
    if len(features_shape) < 2 or size is None:
        raise ValueError(
            "A head needs features of shape [B, d] or [B, ..., d] with a known d. "
            f"Received features of shape {tuple(features_shape)}. Give the trunk a last layer "
            "with a fixed number of units."
        )
    return (features_shape[0], size)


def steps_shape(features_shape: tuple[int | None, ...], head: str) -> tuple[int | None, ...]:
    """Returns the shape of a sequence of features, or says why the head cannot take it."""
    if len(features_shape) != 3 or features_shape[-1] is None:
        raise ValueError(
            f"{head} needs features of shape [B, tokens, d] with a known d. Received features of "
            f"shape {tuple(features_shape)}. Use a trunk that keeps the tokens apart: "
            "tf_mtl.trunks.TextEncoder, or a Keras layer with return_sequences=True."
        )
    return features_shape
