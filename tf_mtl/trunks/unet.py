"""An encoder and a decoder with skip connections, for tasks with an output for each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..names import check_known
from ..whole_numbers import check_whole
from .arguments import widths
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class UNet(Trunk):
    """Feature maps as large as the image, which know both what and where (U-Net).

    The encoder halves the image from level to level; the decoder doubles it again and joins, on
    every level, what the encoder knew there. Heads with an output for each pixel read the finest
    maps. Tasks about the image as a whole (a class, a box) are better told from the coarsest ones,
    where every place has seen most of the image: name them in `coarse`.

    Differs from the paper: padding keeps the size of the image, doubling repeats pixels before a
    convolution in place of a transposed convolution, and a level has `convolutions` = 1
    convolutions instead of 2 by default.

    Args:
        filters: Number of filters of each level, from the finest to the coarsest, at least 2.
        coarse: Names of the tasks that get the coarsest maps.
        convolutions: Convolutions of each level, on the way down and on the way up.
        kernel_size: Side of the convolutions in pixels.
        activation: Keras activation of every convolution.
        normalization: Whether each convolution is followed by batch normalisation.

    Raises:
        ValueError: If there are fewer than two levels, a size below 1, a name in `coarse` that is
            no task, or an image whose sides cannot be halved so often.

    Reference: O. Ronneberger et al., U-Net, MICCAI 2015, figure 1.

    >>> features = UNet([8, 16], coarse=["digit"])(keras.Input((12, 8, 1)), ["digit", "mask"])
    >>> features["digit"].shape, features["mask"].shape
    ((None, 6, 4, 16), (None, 12, 8, 8))
    """

    def __init__(
        self,
        filters: Sequence[int] = (16, 32, 64),
        coarse: Sequence[str] = (),
        convolutions: int = 1,
        kernel_size: int = 3,
        activation: str = "relu",
        normalization: bool = False,
    ) -> None:
        if isinstance(coarse, str):
            raise ValueError(f"`coarse` must be a list of tasks, such as [{coarse!r}].")
        self.filters = widths(filters, "filters", least=2)
        self.coarse = list(coarse)
        self.convolutions = check_whole(convolutions, "convolutions")
        self.kernel_size = kernel_size
        self.activation = activation
        self.normalization = normalization

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns maps `[B, height, width, filters[0]]`, or `{task: maps}` where some are coarse.

        Args:
            inputs: Keras tensor `[B, height, width, channels]`.
            tasks: Names of the tasks.
        """
        check_known(self.coarse, tasks, "task in `coarse` of UNet:")
        self._check_image(inputs)
        skips = []
        maps = inputs
        for level, number in enumerate(self.filters):
            if level:
                skips.append(maps)
                maps = keras.layers.MaxPooling2D(name=f"unet_down_{level}")(maps)
            maps = self._convolve(maps, number, f"unet_encoder_{level}")
        coarsest = maps
        if set(tasks) <= set(self.coarse):
            return coarsest
        for level in reversed(range(len(skips))):
            maps = keras.layers.UpSampling2D(name=f"unet_up_{level}")(maps)
            maps = keras.layers.Concatenate(name=f"unet_skip_{level}")([skips[level], maps])
            maps = self._convolve(maps, self.filters[level], f"unet_decoder_{level}")
        if not self.coarse:
            return maps
        return {task: coarsest if task in self.coarse else maps for task in tasks}

    def _convolve(self, maps: Any, filters: int, name: str) -> Any:
        for i in range(self.convolutions):
            maps = keras.layers.Conv2D(
                filters,
                self.kernel_size,
                padding="same",
                activation=None if self.normalization else self.activation,
                kernel_initializer="he_normal",  # section 3 of the paper
                use_bias=not self.normalization,
                name=f"{name}_convolution_{i}",
            )(maps)
            if self.normalization:
                maps = keras.layers.BatchNormalization(name=f"{name}_normalization_{i}")(maps)
                maps = keras.layers.Activation(self.activation, name=f"{name}_activation_{i}")(maps)
        return maps

    def _check_image(self, inputs: Any) -> None:
        if not isinstance(inputs, keras.KerasTensor) or len(inputs.shape) != 4:
            shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), inputs)
            raise ValueError(
                "UNet expects one image [B, height, width, channels]. Received the shape "
                f"{shapes}. Add the axis of channels if it lacks."
            )
        step = 2 ** (len(self.filters) - 1)
        if any(side is not None and side % step for side in inputs.shape[1:3]):
            raise ValueError(
                f"UNet with {len(self.filters)} levels needs images whose sides are multiples of "
                f"{step}. Received the shape {tuple(inputs.shape)}. Put a "
                "keras.layers.Resizing or ZeroPadding2D before it, or give fewer levels."
            )
