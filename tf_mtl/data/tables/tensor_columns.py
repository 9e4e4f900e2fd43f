"""Columns whose cells are tensors: lists of numbers, token numbers, images and sounds."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ..media.image_files import decoded, resized
from ..media.wav_file import waveform


class TensorColumn(abc.ABC):
    """What an input column is whose cells are tensors of one shape and type.

    It has an input of its own, which reaches the trunk by itself and is not joined with others.
    """

    shape: tuple[int, ...]
    dtype: str

    def features(self, tensor: Any, name: str) -> Any:
        """Returns what the model makes of the input called `name`."""
        return tensor


@dataclass(frozen=True)
class Arrays(TensorColumn):
    """Lists of numbers, all of one length, or arrays of one shape."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Tokens(TensorColumn):
    """Numbers of tokens `[B, tokens]`, filled up with 0."""

    shape: tuple[int, ...]
    dtype: str = "int32"


class EncodedColumn(TensorColumn):
    """Cells that are decoded while the model trains.

    In place of a cell the data hold its place, a row of whole numbers: the first one is the row of
    the table, and what follows is up to the column.
    """

    @abc.abstractmethod
    def decode(self, content: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        """Returns the tensor of a cell, of which `content` has the bytes."""


@dataclass(frozen=True)
class Images(EncodedColumn):
    """Encoded images, resized; uint8 `[B, height, width, channels]`."""

    shape: tuple[int, ...]
    dtype: str = "uint8"

    def features(self, tensor: Any, name: str) -> Any:
        """Returns the images scaled to 0…1."""
        return keras.layers.Rescaling(1 / 255, name=f"{name}__scaled")(tensor)

    def decode(self, content: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        """Returns an image."""
        return resized(decoded(content, self.shape[-1]), self.shape)


@dataclass(frozen=True)
class Waveforms(EncodedColumn):
    """WAV files; float32 `[B, samples]` from -1 to 1.

    Args:
        shape: The number of samples.
        rate: Samples in a second.
        dtype: That of the waveform.
    """

    shape: tuple[int, ...]
    rate: int
    dtype: str = "float32"

    def decode(self, content: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        """Returns a waveform; the last five numbers of `place` are a `SoundPlace`."""
        return waveform(content, place[-5:], self.shape[0], self.rate)
