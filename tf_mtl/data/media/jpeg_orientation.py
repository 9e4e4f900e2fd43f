"""How a camera was held: told by the EXIF block of a JPEG file, which TensorFlow passes over."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import tensorflow as tf

_JPEG = b"\xff\xd8"
_EXIF = b"Exif\0\0"
_PIXELS = b"\xda"
_ORIENTATION = 0x0112
# EXIF stands in front of the pixels and takes 64 kB at most; other blocks may come before it.
_HEAD = 2**18
_ENTRY = 12
_WITH_EXIF = rb"\C*Exif\x00\x00\C*"  # \C is a byte, whatever the encoding


def upright(image: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """Returns an image `[height, width, channels]` as it was seen when it was taken.

    Args:
        image: The pixels in the order in which they are stored.
        content: The bytes of the file, in any format; only JPEG files are turned.
    """
    head = tf.strings.substr(content, 0, _HEAD)

    def turned() -> tf.Tensor:
        side = tf.numpy_function(_side, [head], tf.int64, stateful=False)
        across = tf.cond(side >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        axes = tf.boolean_mask([0, 1], [_is(side, 3, 4, 7, 8), _is(side, 2, 3, 6, 7)])
        return tf.ensure_shape(tf.reverse(across, axes), (None, None, image.shape[-1]))

    # Python, which reads one block at a time and one file at a time, is asked only where it has to.
    tells = tf.strings.regex_full_match(head, _WITH_EXIF)
    told = tells & (tf.strings.substr(content, 0, 2) == _JPEG)
    return tf.cond(told, turned, lambda: image)


def orientation(content: bytes) -> int:
    """Returns the orientation in the EXIF block of a JPEG file, 1 to 8; 1 if it has none.

    >>> orientation(b"")
    1
    """
    place = len(_JPEG)
    while content[place : place + 1] == b"\xff" and content[place + 1 : place + 2] != _PIXELS:
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        block = content[place + 4 : place + 2 + length]
        if block.startswith(_EXIF):
            return _in_directory(block[len(_EXIF) :])
        place += 2 + length
    return 1


def _in_directory(block: bytes) -> int:
    """Reads the orientation of the first directory in a TIFF block."""
    order: Literal["little", "big"] = "little" if block[:2] == b"II" else "big"

    def number(place: int, size: int) -> int:
        return int.from_bytes(block[place : place + size], order)

    first = number(4, 4)
    for place in range(first + 2, first + 2 + _ENTRY * number(first, 2), _ENTRY):
        if number(place, 2) == _ORIENTATION and 1 <= number(place + 8, 2) <= 8:
            return number(place + 8, 2)
    return 1


def _side(head: Any) -> np.int64:
    return np.int64(orientation(np.asarray(head, object).item()))


def _is(side: tf.Tensor, *sides: int) -> tf.Tensor:
    return tf.reduce_any(side == tf.constant(sides, tf.int64))
