"""Shared layers that are told by a learnt vector which task they work for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..names import check_known
from ..whole_numbers import check_whole
from .arguments import widths
from .blocks import blocks_of
from .masked_layers import KeepsMask
from .mlp import MLP
from .reused import reusable
from .trunk import Trunk

CONDITIONINGS = ("film", "gate", "concatenate")


@keras.saving.register_keras_serializable(package="tf_mtl")
class TaskEmbedding(Trunk):
    """One body and, behind it, shared layers conditioned on a learnt vector e_t of each task.

        film:          (1 + W e_t) ⊙ h + V e_t
        gate:          σ(W e_t) ⊙ h
        concatenate:   [h; e_t]

    and then shared dense layers. Whatever a task has of its own is e_t: `dimension` numbers, so
    that many tasks cost little. Shared is all but the vectors.

    Args:
        body: What the tasks share: a list of units, MLP, CNN, a list of blocks, a layer or model,
            or a callable.
        dimension: Length of e_t.
        conditioning: "film", "gate" or "concatenate".
        units: Widths of the shared dense layers behind the conditioning, which run once for each
            task. With "concatenate" at least one is needed, or e_t would be but a bias.

    Raises:
        ValueError: If an argument is unknown or outside its range.

    References: E. Perez et al., FiLM, AAAI 2018, equation 2 (film); M. Johnson et al.,
    Google's Multilingual Neural Machine Translation System, TACL 2017 (one network for all tasks
    that is told the task).

    >>> features = TaskEmbedding([16], dimension=4, units=[8])(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(
        self,
        body: Any,
        dimension: int = 16,
        conditioning: str = "film",
        units: Sequence[int] = (64,),
    ) -> None:
        check_known([conditioning], CONDITIONINGS, "conditioning")
        least = int(conditioning == "concatenate")  # else the embedding would act on no unit
        self.body = body
        self.dimension = check_whole(dimension, "dimension")
        self.conditioning = conditioning
        self.units = widths(units, "units", least)

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        shared = inputs
        for block in blocks_of(self.body):
            shared = block(shared, name="shared")
        conditioning = TaskConditioning(self.conditioning, name="conditioning")
        features = {
            task: conditioning(
                [shared, TaskVector(self.dimension, name=f"{task}_embedding")(shared)]
            )
            for task in tasks
        }
        if not self.units:
            return features
        upper = reusable(MLP(self.units), features[tasks[0]], "conditioned")
        return {task: upper(features[task]) for task in tasks}


@keras.saving.register_keras_serializable(package="tf_mtl")
class TaskVector(keras.layers.Layer):
    """A learnt vector that depends on no input.

    Args:
        dimension: Length of the vector.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Any tensor; it only gives the layer its place in the graph.

    Returns:
        `[1, dimension]`.
    """

    def __init__(self, dimension: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dimension = dimension

    def build(self, inputs_shape: Any) -> None:
        """Creates the vector."""
        self.vector = self.add_weight(
            name="vector",
            shape=(1, self.dimension),
            initializer=keras.initializers.RandomNormal(stddev=self.dimension**-0.5),
        )

    def call(self, inputs: Any) -> Any:
        """Returns the vector."""
        return keras.ops.convert_to_tensor(self.vector)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """A vector has no padding."""

    def compute_output_shape(self, inputs_shape: Any) -> tuple[int, int]:
        """One vector for all rows."""
        return (1, self.dimension)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "dimension": self.dimension}


@keras.saving.register_keras_serializable(package="tf_mtl")
class TaskConditioning(KeepsMask):
    """Features changed by a vector of the task, in the way that `TaskEmbedding` describes.

    Args:
        kind: "film", "gate" or "concatenate".
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features `[B, ..., d]` and a vector `[1, e]`.

    Returns:
        `[B, ..., d]`, or `[B, ..., d + e]` where they are concatenated.
    """

    def __init__(self, kind: str = "film", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def build(self, inputs_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Creates the matrices W and V."""
        shape = (inputs_shape[1][-1], inputs_shape[0][-1])
        if self.kind != "concatenate":
            self.scale = self.add_weight(name="scale", shape=shape)
        if self.kind == "film":
            self.shift = self.add_weight(name="shift", shape=shape)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Returns the conditioned features."""
        features, vector = inputs
        if self.kind == "concatenate":
            shape = (*keras.ops.shape(features)[:-1], vector.shape[-1])
            return keras.ops.concatenate([features, keras.ops.broadcast_to(vector, shape)], axis=-1)
        scale = keras.ops.matmul(vector, self.scale)[0]
        if self.kind == "gate":
            return keras.ops.sigmoid(scale) * features
        return (1 + scale) * features + keras.ops.matmul(vector, self.shift)[0]

    def compute_output_shape(self, inputs_shape: Sequence[tuple[int | None, ...]]) -> Any:
        """The shape of the features, wider where they are concatenated."""
        features, vector = inputs_shape
        if self.kind == "concatenate":
            return (*features[:-1], (features[-1] or 0) + (vector[-1] or 0))
        return features

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "kind": self.kind}
