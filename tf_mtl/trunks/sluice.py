"""Sluice networks: subspaces that flow between tasks, and a mix of all layers at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..whole_numbers import check_whole, is_number
from .blocks import blocks_of, columns_of
from .cnn import CNN
from .copies import are_units
from .masked_layers import KeepsMask
from .mixing import Shape, check_equal_shapes, check_share, first_shares, weighted_sum
from .mlp import MLP
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class Sluice(Trunk):
    """A body for each task; the halves of all features are mixed, and layers are skipped.

    Behind each block the channels of each task are divided into K subspaces. Task t goes on with
    the subspaces

        h̃_tk = Σ_s Σ_j α_tk,sj h_sj

    and its features in the end are Σ_l β_tl h̃_t^(l) over the blocks l. With
    `orthogonality` λ, the loss has λ Σ ‖W_tkᵀ W_tj‖² over the pairs k < j of subspaces and over
    the kernels W of the blocks. Shared is all but the last α and the β of each task.

    Args:
        body: What each task has a copy of, as in `CrossStitch`.
        subspaces: K, a divisor of the number of channels of each block; 2 in the paper.
        own: What a subspace takes of itself at the start, and the mix of the blocks of the last
            one; the others share the rest.
        mix_layers: Whether to mix the blocks' outputs, which then must have one shape.
        orthogonality: λ. For layers of your own leave it 0 and give them
            `kernel_regularizer=SubspaceOrthogonality(...)`.

    Raises:
        ValueError: If an argument is outside its range or does not suit the body.

    Reference: S. Ruder, J. Bingel, I. Augenstein, A. Søgaard, Latent Multi-task Architecture
    Learning, AAAI 2019, figure 1. The paper's layers are bidirectional LSTMs over words, and its α
    start all equal, or biased towards one subspace for each direction; its β start as here.

    >>> features = Sluice([8, 8])(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(
        self,
        body: Any,
        subspaces: int = 2,
        own: float = 0.9,
        mix_layers: bool = True,
        orthogonality: float = 0.0,
    ) -> None:
        check_share(own)
        if not is_number(orthogonality) or orthogonality < 0:
            raise ValueError(
                f"`orthogonality` must be at least 0. Received: orthogonality={orthogonality!r}."
            )
        self.body = body
        self.subspaces = check_whole(subspaces, "subspaces")
        self.own = own
        self.mix_layers = mix_layers
        self.orthogonality = orthogonality

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        features = dict.fromkeys(tasks, inputs)
        layers: dict[str, list[Any]] = {task: [] for task in tasks}
        for i, block in enumerate(blocks_of(self._regularized())):
            columns = list(columns_of(block, features).values())
            for t, task in enumerate(tasks):
                unit = SluiceUnit(t, self.subspaces, self.own, name=f"{task}_sluice_{i}")
                features[task] = unit(columns)
                layers[task].append(features[task])
        if not self.mix_layers:
            return features
        return {task: LayerMixture(self.own, name=f"{task}_layers")(layers[task]) for task in tasks}

    def _regularized(self) -> Any:
        if not self.orthogonality:
            return self.body
        body = MLP(self.body) if are_units(self.body) else self.body
        if not isinstance(body, (MLP, CNN)) or body.regularizer is not None:
            raise ValueError(
                "Sluice can make the subspaces orthogonal in a list of units, an MLP or a CNN "
                "without a regulariser. For other bodies pass orthogonality=0 and give your layers "
                f"kernel_regularizer=SubspaceOrthogonality(...). Received: body={body!r}."
            )
        penalty = SubspaceOrthogonality(self.subspaces, self.orthogonality)
        config = {**body.get_config(), "regularizer": keras.saving.serialize_keras_object(penalty)}
        return type(body).from_config(config)


@keras.saving.register_keras_serializable(package="tf_mtl")
class SluiceUnit(KeepsMask):
    """A learnt mix of the subspaces of all tasks' features, for one task.

    Args:
        index: Position of the task that the unit serves.
        subspaces: Number K of subspaces.
        own: First weight of a subspace's own features; the others share 1 - own.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: List of T tensors `[B, ..., d]` of equal shape.

    Returns:
        `[B, ..., d]`.

    Raises:
        ValueError: If the subspaces do not divide the channels.
    """

    def __init__(self, index: int, subspaces: int = 2, own: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index
        self.subspaces = subspaces
        self.own = own

    def build(self, features_shape: Sequence[Shape]) -> None:
        """Creates the weights α `[K, T·K]`: a row for each subspace of the task."""
        check_equal_shapes(features_shape, self.name)
        channels = features_shape[0][-1]
        if channels % self.subspaces:
            raise ValueError(
                f"{self.name} cannot divide {channels} channels into {self.subspaces} subspaces of "
                "equal size. Change `subspaces`, or the number of units."
            )
        number = len(features_shape) * self.subspaces
        first = self.index * self.subspaces
        rows = np.stack([first_shares(number, first + k, self.own) for k in range(self.subspaces)])
        self.alpha = self.add_weight(
            name="alpha",
            shape=rows.shape,
            initializer=lambda shape, dtype: keras.ops.cast(rows, dtype),
        )

    def call(self, features: Sequence[Any]) -> Any:
        """Returns the mixed subspaces, joined."""
        parts = [
            part for each in features for part in keras.ops.split(each, self.subspaces, axis=-1)
        ]
        mixed = [weighted_sum(parts, self.alpha[k]) for k in range(self.subspaces)]
        return keras.ops.concatenate(mixed, axis=-1)

    def compute_output_shape(self, features_shape: Sequence[Shape]) -> Shape:
        """The shape of the features of one task."""
        return features_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "index": self.index,
            "subspaces": self.subspaces,
            "own": self.own,
        }


@keras.saving.register_keras_serializable(package="tf_mtl")
class LayerMixture(KeepsMask):
    """A learnt weighted sum of the features of several layers.

    Args:
        last: First weight of the last layer's features; the others share 1 - last.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: List of tensors of equal shape.

    Returns:
        A tensor of that shape.
    """

    def __init__(self, last: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.last = last

    def build(self, features_shape: Sequence[Shape]) -> None:
        """Creates the weights β, one for each layer."""
        if len({tuple(shape) for shape in features_shape}) > 1:
            raise ValueError(
                f"{self.name} adds the features of all blocks, whose shapes differ: "
                f"{[tuple(shape) for shape in features_shape]}. Make them equal, or pass "
                "mix_layers=False."
            )
        number = len(features_shape)
        shares = first_shares(number, number - 1, self.last)
        self.beta = self.add_weight(
            name="beta",
            shape=(number,),
            initializer=lambda shape, dtype: keras.ops.cast(shares, dtype),
        )

    def call(self, features: Sequence[Any]) -> Any:
        """Returns the weighted sum."""
        return weighted_sum(features, self.beta)

    def compute_output_shape(self, features_shape: Sequence[Shape]) -> Shape:
        """The shape of one of the tensors."""
        return features_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "last": self.last}


@keras.saving.register_keras_serializable(package="tf_mtl")
class SubspaceOrthogonality(keras.regularizers.Regularizer):
    """strength · Σ ‖W_kᵀ W_j‖² over the pairs k < j of the parts of a kernel's output channels.

    Args:
        subspaces: Number of parts, a divisor of the number of output channels.
        strength: Factor of the penalty.

    >>> penalty = SubspaceOrthogonality(2, strength=1.0)
    >>> float(penalty(keras.ops.ones((3, 2)))), float(penalty(keras.ops.eye(2)))
    (9.0, 0.0)
    """

    def __init__(self, subspaces: int = 2, strength: float = 0.01) -> None:
        self.subspaces = subspaces
        self.strength = strength

    def __call__(self, kernel: Any) -> Any:
        """Returns the penalty of a kernel `[..., channels]`."""
        matrix = keras.ops.reshape(kernel, (-1, kernel.shape[-1]))
        parts = keras.ops.split(matrix, self.subspaces, axis=-1)
        total = keras.ops.zeros((), dtype=matrix.dtype)
        for k, part in enumerate(parts):
            for other in parts[k + 1 :]:
                total += keras.ops.sum(keras.ops.square(keras.ops.transpose(part) @ other))
        return self.strength * total

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"subspaces": self.subspaces, "strength": self.strength}
