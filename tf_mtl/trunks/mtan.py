"""MTAN: one shared network, and an attention module of each task at every block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .blocks import blocks_of
from .flatten import averaged
from .pointwise import pointwise
from .sizes import pooled
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class MTAN(Trunk):
    """Soft masks of each task on the features of one shared body.

    With p_j the features of the shared network behind block j, task t has

        a_tj = σ(h_tj(relu(g_tj([p_j; f_j(â_t,j-1)])))),     â_tj = a_tj ⊙ p_j

    (equations 1 and 2 of the paper); its features are the last â_t. g and h are 1 × 1 convolutions,
    f is a 3 × 3 convolution with pooling to the size of p_j; for vectors, sequences and films all
    three are dense layers, with pooling behind f. Shared are the blocks and f; g and h are each
    task's own.

    Args:
        body: The shared network: a list of units, MLP, CNN, or a list of blocks (layers, models,
            bodies, callables). A single layer or model is one block; `cut` cuts a model.
        reduction: The channels between g and h are those of p_j divided by this number.
        normalization: Whether f, g and h are followed by batch normalisation, as in the paper.

    Raises:
        ValueError: If `reduction` is below 1, or maps have no fixed size; or if films cannot be
            pooled, or vectors become maps, from one block to the next.

    Reference: S. Liu, E. Johns, A. J. Davison, End-to-End Multi-Task Learning with Attention, CVPR
    2019, figure 2. Deviation: there g sees features u_j from within the shared block; a block of
    any kind has no inside, so that g sees what it yields, p_j.

    >>> features = MTAN([16, 8])(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(self, body: Any, reduction: int = 1, normalization: bool = True) -> None:
        self.body = body
        self.reduction = check_whole(reduction, "reduction")
        self.normalization = normalization

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        shared = inputs
        features: dict[str, Any] = {}
        for i, block in enumerate(blocks_of(self.body)):
            shared = block(shared, name="shared")
            if features:
                features = self._extracted(features, shared, i)
            features = {
                task: self._attended(shared, features.get(task), f"{task}_attention_{i}")
                for task in tasks
            }
        return features

    def _attended(self, shared: Any, extracted: Any, name: str) -> Any:
        channels = shared.shape[-1]
        seen = shared
        if extracted is not None:
            seen = keras.layers.Concatenate(name=f"{name}_inputs")([shared, extracted])
        hidden = pointwise(
            seen,
            max(1, channels // self.reduction),
            f"{name}_hidden",
            activation=self._inside("relu"),
        )
        hidden = _behind(self._normalization("relu", f"{name}_hidden"), hidden)
        mask = pointwise(hidden, channels, f"{name}_mask", activation=self._inside("sigmoid"))
        mask = _behind(self._normalization("sigmoid", f"{name}_mask"), mask)
        return keras.layers.Multiply(name=name)([mask, shared])

    def _extracted(self, features: Mapping[str, Any], like: Any, i: int) -> dict[str, Any]:
        """Returns f(features) of each task, of the size of `like`, by the same layers."""
        if len(like.shape) == 2:
            features = {
                task: averaged(each, f"{task}_attention_{i}_average")
                for task, each in features.items()
            }
        name, channels = f"shared_extract_{i}", like.shape[-1]
        if all(len(each.shape) == 4 for each in features.values()):
            layer = keras.layers.Conv2D(
                channels, 3, padding="same", activation=self._inside("relu"), name=name
            )
        else:
            layer = keras.layers.Dense(channels, self._inside("relu"), name=name)
        normalization = self._normalization("relu", name)
        return {
            task: pooled(_behind(normalization, layer(each)), like, f"{task}_attention_{i}_pooling")
            for task, each in features.items()
        }

    def _inside(self, activation: str) -> str | None:
        """Returns the activation of a layer itself: none if normalisation comes between."""
        return None if self.normalization else activation

    def _normalization(self, activation: str, name: str) -> list[keras.layers.Layer]:
        """Returns what follows a layer without an activation of its own, `_inside`."""
        if not self.normalization:
            return []
        return [
            keras.layers.BatchNormalization(name=f"{name}_normalization"),
            keras.layers.Activation(activation, name=f"{name}_{activation}"),
        ]


def _behind(layers: Sequence[keras.layers.Layer], features: Any) -> Any:
    for layer in layers:
        features = layer(features)
    return features
