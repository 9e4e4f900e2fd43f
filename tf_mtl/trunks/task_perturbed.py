"""Shared features, perturbed for each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..names import check_known
from ..whole_numbers import check_whole, is_number
from .blocks import blocks_of
from .masked_layers import KeepsMask
from .reused import reusable
from .trunk import Trunk

KINDS = ("additive", "multiplicative", "film", "low_rank")


@keras.saving.register_keras_serializable(package="tf_mtl")
class TaskPerturbed(Trunk):
    """One body for all tasks, whose features h each task perturbs in a learnt way.

        additive:         h + β_t
        multiplicative:   (1 + γ_t) ⊙ h
        film:             (1 + γ_t) ⊙ h + β_t           (feature-wise linear modulation)
        low_rank:         h + h A_t B_t,  A_t [d, r], B_t [r, d]      (a linear adapter)

    with β, γ and B zero at the start, where it is hard sharing. With `noise`, the features of each
    task are also multiplied by noise of its own in training, which keeps the tasks from relying on
    finely tuned shared features. Shared are the variables of the body, and nothing else.

    Args:
        body: What the tasks share: a list of units, MLP, CNN, a list of blocks, a layer or model,
            or a callable.
        perturbation: "additive", "multiplicative", "film", "low_rank" or None.
        at: "end" of the body; or behind all "blocks", where the blocks run once for each task.
        rank: Rank r of low-rank adapters.
        noise: Standard deviation of the noise relative to the features; 0 for none.

    Raises:
        ValueError: If an argument is unknown or outside its range.

    References: E. Perez et al., FiLM: Visual Reasoning with a General Conditioning Layer, AAAI
    2018, equation 2; S.-A. Rebuffi et al., Learning multiple visual domains with residual adapters,
    NeurIPS 2017 (adapters at each block); E. J. Hu et al., LoRA, ICLR 2022, equation 3, here on
    features, not on kernels. Noise: `keras.layers.GaussianDropout`.

    >>> features = TaskPerturbed([16, 8], "low_rank", rank=2)(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(
        self,
        body: Any,
        perturbation: str | None = "film",
        at: str = "end",
        rank: int = 4,
        noise: float = 0.0,
    ) -> None:
        check_known([] if perturbation is None else [perturbation], KINDS, "perturbation")
        check_known([at], ("end", "blocks"), "place of perturbations:")
        if not is_number(noise) or noise < 0 or (perturbation is None and not noise):
            raise ValueError(
                "TaskPerturbed needs `noise` of at least 0, and a perturbation or noise. Received: "
                f"perturbation={perturbation!r}, noise={noise!r}."
            )
        self.body = body
        self.perturbation = perturbation
        self.at = at
        self.rank = check_whole(rank, "rank")
        self.noise = noise

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        blocks = blocks_of(self.body)
        if self.at == "end":
            shared = inputs
            for block in blocks:
                shared = block(shared, name="shared")
            return {task: self._perturbed(shared, task) for task in tasks}
        features = dict.fromkeys(tasks, inputs)
        for i, block in enumerate(blocks):
            shared_block = reusable(block, features[tasks[0]], f"shared_{i}")
            features = {
                task: self._perturbed(shared_block(features[task]), f"{task}_{i}") for task in tasks
            }
        return features

    def _perturbed(self, features: Any, name: str) -> Any:
        if self.perturbation == "low_rank":
            features = LowRankAdapter(self.rank, name=f"{name}_adapter")(features)
        elif self.perturbation is not None:
            features = Modulation(
                scale=self.perturbation != "additive",
                shift=self.perturbation != "multiplicative",
                name=f"{name}_{self.perturbation}",
            )(features)
        if self.noise:
            rate = self.noise**2 / (1 + self.noise**2)  # the layer's deviation is √(rate/(1-rate))
            features = keras.layers.GaussianDropout(rate, name=f"{name}_noise")(features)
        return features


@keras.saving.register_keras_serializable(package="tf_mtl")
class Modulation(KeepsMask):
    """(1 + γ) ⊙ features + β with learnt vectors γ and β, zero at the start.

    Args:
        scale: Whether there is γ.
        shift: Whether there is β.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: `[B, ..., d]`.

    Returns:
        `[B, ..., d]`.

    >>> Modulation()(keras.ops.ones((1, 2))).numpy()
    array([[1., 1.]], dtype=float32)
    """

    def __init__(self, scale: bool = True, shift: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.shift = shift

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates γ and β."""
        shape = (features_shape[-1],)
        if self.scale:
            self.gamma = self.add_weight(name="gamma", shape=shape, initializer="zeros")
        if self.shift:
            self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")

    def call(self, features: Any) -> Any:
        """Returns the modulated features."""
        if self.scale:
            features = features * (1 + self.gamma)
        return features + self.beta if self.shift else features

    def compute_output_shape(self, features_shape: tuple[int | None, ...]) -> Any:
        """The shape of the features."""
        return features_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "scale": self.scale, "shift": self.shift}


@keras.saving.register_keras_serializable(package="tf_mtl")
class LowRankAdapter(KeepsMask):
    """features + features A B, with A `[d, rank]` random and B `[rank, d]` zero at the start.

    Args:
        rank: Rank of the adapter.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: `[B, ..., d]`.

    Returns:
        `[B, ..., d]`.

    >>> LowRankAdapter(1)(keras.ops.ones((1, 2))).numpy()
    array([[1., 1.]], dtype=float32)
    """

    def __init__(self, rank: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rank = rank

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Creates A and B."""
        channels = features_shape[-1]
        self.down = self.add_weight(
            name="down", shape=(channels, self.rank), initializer="glorot_uniform"
        )
        self.up = self.add_weight(name="up", shape=(self.rank, channels), initializer="zeros")

    def call(self, features: Any) -> Any:
        """Returns the adapted features."""
        return features + keras.ops.matmul(keras.ops.matmul(features, self.down), self.up)

    def compute_output_shape(self, features_shape: tuple[int | None, ...]) -> Any:
        """The shape of the features."""
        return features_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "rank": self.rank}
