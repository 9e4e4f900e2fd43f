"""NDDR-CNN: neural discriminative dimensionality reduction between networks of the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from .blocks import blocks_of, columns_of
from .flatten import averaged
from .mixing import check_share, first_shares
from .pointwise import pointwise
from .sizes import resized
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class NDDR(Trunk):
    """A body for each task; behind each block every task reduces the features of all of them.

    With x_1 … x_T the features behind a block and [·] joining channels, task t goes on with

        x̃_t = relu(BN(W_t [x_1; …; x_T]))

    a 1 × 1 convolution back to the task's own number of channels, which at the start takes `own` of
    the task's own features and shares the rest among the others. Cross-stitch is
    the special case of diagonal W. Shared are all blocks and units but the last units.

    Args:
        body: What each task has a copy of, as in `CrossStitch`.
        own: What a task takes of itself at the start, from 0 to 1.
        normalization: Whether batch normalisation follows the convolutions, also of the shortcut.
        activation: Keras activation behind it.
        shortcut: Whether the task's features in the end are reduced from those behind every block
            (NDDR-CNN-Shortcut); maps and sequences are resized to the last ones first.
        regularizer: Keras regulariser of W, or None.

    Raises:
        ValueError: If `own` is outside its range, or the features of the tasks differ in shape.

    Reference: Y. Gao, J. Ma, M. Zhao, W. Liu, A. L. Yuille, NDDR-CNN: Layerwise Feature Fusing in
    Multi-Task CNNs by Neural Discriminative Dimensionality Reduction, CVPR 2019, figure 1.
    Its first weights are 0.9 of a task's own features and 0.1 of the other's, for T = 2.

    >>> features = NDDR([16, 8])(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(
        self,
        body: Any,
        own: float = 0.9,
        normalization: bool = True,
        activation: str = "relu",
        shortcut: bool = False,
        regularizer: Any = None,
    ) -> None:
        check_share(own)
        self.body = body
        self.own = own
        self.normalization = normalization
        self.activation = activation
        self.shortcut = shortcut
        self.regularizer = regularizer

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        features = dict.fromkeys(tasks, inputs)
        behind: dict[str, list[Any]] = {task: [] for task in tasks}
        for i, block in enumerate(blocks_of(self.body)):
            columns = list(columns_of(block, features).values())
            joined = columns[0]
            if len(tasks) > 1:
                joined = keras.layers.Concatenate(name=f"all_features_{i}")(columns)
            for t, task in enumerate(tasks):
                shares = Shares(first_shares(len(tasks), t, self.own).tolist())
                units = columns[t].shape[-1]
                features[task] = self._reduced(joined, units, f"{task}_nddr_{i}", shares)
                behind[task].append(features[task])
        if not self.shortcut:
            return features
        return {task: self._of_all_blocks(behind[task], task) for task in tasks}

    def _reduced(self, joined: Any, units: int, name: str, initializer: Any) -> Any:
        features = pointwise(
            joined,
            units,
            name,
            activation=None if self.normalization else self.activation,
            use_bias=not self.normalization,
            kernel_initializer=initializer,
            kernel_regularizer=self.regularizer,
        )
        if not self.normalization:
            return features
        features = keras.layers.BatchNormalization(name=f"{name}_normalization")(features)
        return keras.layers.Activation(self.activation, name=f"{name}_activation")(features)

    def _of_all_blocks(self, behind: Sequence[Any], task: str) -> Any:
        last = behind[-1]
        fitting = [_of_size(each, last, f"{task}_shortcut_{i}") for i, each in enumerate(behind)]
        joined = fitting[0]
        if len(fitting) > 1:
            joined = keras.layers.Concatenate(name=f"{task}_shortcut")(fitting)
        return self._reduced(joined, last.shape[-1], f"{task}_shortcut_nddr", "glorot_uniform")


def _of_size(features: Any, last: Any, name: str) -> Any:
    """Returns features with the axes of `last` between the first and the last one."""
    return averaged(features, name) if len(last.shape) == 2 else resized(features, last, name)


@keras.saving.register_keras_serializable(package="tf_mtl")
class Shares(keras.initializers.Initializer):
    """A kernel that adds parts of its input channels: shares[s] of the s-th part.

    Args:
        shares: One number for each part.

    >>> Shares([0.75, 0.25])((4, 2)).numpy()
    array([[0.75, 0.  ],
           [0.  , 0.75],
           [0.25, 0.  ],
           [0.  , 0.25]], dtype=float32)
    """

    def __init__(self, shares: Sequence[float]) -> None:
        self.shares = list(shares)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Returns a kernel `[..., T d, d]`."""
        units = shape[-1]
        if shape[-2] != units * len(self.shares):
            raise ValueError(
                f"Shares of {len(self.shares)} parts for {units} channels need "
                f"{units * len(self.shares)} input channels. Received: shape={tuple(shape)}. All "
                "tasks must have the same number of channels."
            )
        kernel = np.concatenate([share * np.eye(units) for share in self.shares])
        return keras.ops.cast(kernel.reshape(shape), dtype or keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"shares": self.shares}
