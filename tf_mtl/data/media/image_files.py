"""Files of images and masks, decoded by TensorFlow and looked at once before training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..labels.labels import MISSING
from ..reading import read_each
from .jpeg_orientation import upright

Sizes = dict[Path, tuple[int, int]]  # height and width

_VOID = 255  # what masks of pixels have by custom where there is no class
_PNG, _BMP = b"\x89P", b"BM"
# TensorFlow brings every format to three channels; to one or four only some.
_DIRECT = {1: [_PNG], 4: [_PNG, _BMP]}
_PALETTE = 3  # as PNG files call it
_HEAD = 1200  # bytes that tell what TensorFlow would misread, with the palette of a BMP file


def decoded(content: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns an image, uint8 `[height, width, channels]`, the first frame of several.

    JPEG files are turned upright, as cameras and phones say in them and viewers show them.

    Args:
        content: The bytes of a file.
        channels: 1, 3 or 4; 0 for those of the file.
    """
    # Zeros stand where a file is shorter.
    head = tf.io.decode_raw(tf.strings.substr(content, 0, _HEAD) + b"\0" * _HEAD, tf.uint8)
    is_webp = _has(head, 0, b"RIFF") & _has(head, 8, b"WEBP")
    # TensorFlow takes the numbers of a BMP file's colours for shades of grey, as which they may be.
    start = 14 + tf.cast(head[14], tf.int32)
    palette = tf.reshape(head[start : start + 4 * 256], (-1, 4))  # blue, green, red, nothing
    is_grey = tf.reduce_all(palette[:, :3] == tf.cast(tf.range(256)[:, None], tf.uint8))
    has_palette = _has(head, 0, _BMP) & (head[28] == 8) & ~is_grey

    def direct(count: int) -> tf.Tensor:
        return tf.io.decode_image(content, count, expand_animations=False)

    def of_webp() -> tf.Tensor:
        """Returns three channels or four, those of the file: TensorFlow gives no others."""
        # Of an animation, TensorFlow says so if it is asked for three; else it misuses its memory.
        moves = _has(head, 12, b"VP8X") & (head[20] & 2 > 0)
        return tf.cond(moves, lambda: direct(3), lambda: direct(0))

    def plain(count: int) -> tf.Tensor:
        return tf.cond(has_palette, of_palette, lambda: direct(count))

    def of_palette() -> tf.Tensor:
        return tf.gather(palette[:, 2::-1], tf.cast(direct(3)[..., 0], tf.int32))

    def colours() -> tf.Tensor:
        return tf.cond(is_webp, lambda: of_webp()[..., :3], lambda: plain(3))

    def of_few_bits() -> tf.Tensor:
        """Returns four channels: TensorFlow calls 1, 3 or 15 opaque where pixels have few bits."""
        image = direct(4)
        clear = (head[25] == _PALETTE) & (tf.shape(direct(0))[-1] == 4)  # the file tells how much
        opaque = tf.bitwise.left_shift(np.uint8(1), head[24]) - 1
        alpha = tf.where((image[..., 3:] == opaque) & ~clear, np.uint8(255), image[..., 3:])
        return tf.concat([image[..., :3], alpha], axis=-1)

    def four() -> tf.Tensor:
        is_few = _has(head, 0, _PNG) & (head[24] < 8)
        return tf.cond(is_few, of_few_bits, lambda: direct(4))

    def others() -> tf.Tensor:
        if channels == 1:
            return tf.image.rgb_to_grayscale(colours())
        image = tf.cond(is_webp, of_webp, lambda: plain(3))
        opaque = tf.fill(tf.shape(image[..., :1]), np.uint8(255))
        return tf.concat([image, opaque], axis=-1)[..., :4]

    if channels == 0:
        return upright(tf.cond(is_webp, of_webp, lambda: plain(0)), content)
    if channels == 3:
        return upright(colours(), content)
    known = tf.reduce_any(tf.strings.substr(content, 0, 2) == _DIRECT[channels])
    known_form = four if channels == 4 else partial(direct, channels)
    return upright(tf.cond(known & ~has_palette, known_form, others), content)


def _has(head: tf.Tensor, place: int, text: bytes) -> tf.Tensor:
    return tf.reduce_all(head[place : place + len(text)] == tf.constant(list(text), tf.uint8))


def resized(image: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Returns an image as uint8 of this shape: height, width and channels."""
    found = tf.image.resize(image, shape[:2], antialias=True)
    found = tf.cast(tf.clip_by_value(tf.round(found), 0, 255), tf.uint8)
    return tf.ensure_shape(found, shape)


def mask_of(name: tf.Tensor, path: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Returns the classes of the pixels, int32 `[height, width]`, -1 where there is none.

    Args:
        name: "" if the row has no mask.
        path: The file, a grey image.
        size: Height and width to which the mask is resized.
    """

    def read() -> tf.Tensor:
        classes = tf.image.resize(decoded(tf.io.read_file(path), 1), size, "nearest")[..., 0]
        return tf.where(classes == _VOID, MISSING, tf.cast(classes, tf.int32))

    return tf.ensure_shape(tf.cond(name == "", lambda: tf.fill(size, MISSING), read), size)


def check_images(paths: Sequence[Path], channels: int) -> Sizes:
    """Decodes every file once, and returns `{path: (height, width)}`; an error names a bad one."""

    def measured(path: tf.Tensor) -> tf.Tensor:
        image = decoded(tf.io.read_file(path), channels)
        # What is not returned would not be decoded.
        return tf.concat([tf.shape(image)[:2], [tf.cast(tf.reduce_max(image), tf.int32)]], axis=0)

    found, reason = read_each(paths, measured)
    _check_decoding(paths, found, reason)
    return {path: (int(found[place][0]), int(found[place][1])) for place, path in enumerate(paths)}


def check_masks(
    images: Sequence[Path], masks: Sequence[Path | None], sizes: Sizes, task: str, num_classes: int
) -> None:
    """Decodes every mask once; an error names the first that cannot be one of these classes.

    Args:
        images: The image of each row.
        masks: Its mask, or None.
        sizes: Of the images.
        task: For errors.
        num_classes: Of the masks.
    """
    pairs = {mask: image for image, mask in zip(images, masks, strict=True) if mask}
    paths = sorted(pairs)

    def measured(path: tf.Tensor) -> tf.Tensor:
        """Returns the greatest class, the greatest difference between colours, and the size."""
        content = tf.io.read_file(path)
        colours, classes = tf.cast(decoded(content, 3), tf.int32), decoded(content, 1)
        spread = tf.reduce_max(colours, axis=-1) - tf.reduce_min(colours, axis=-1)
        classes = tf.where(classes == _VOID, np.uint8(0), classes)
        greatest = [tf.cast(tf.reduce_max(classes), tf.int32), tf.reduce_max(spread)]
        return tf.concat([greatest, tf.shape(classes)[:2]], axis=0)

    found, reason = read_each(paths, measured)
    _check_decoding(paths, found, reason)
    for place, path in enumerate(paths):
        highest, spread, height, width = map(int, found[place])
        form = _other_form(path) or ("colours" if spread else "")
        if form:
            raise ValueError(
                f"The mask {path} of task {task!r} has {form}, from which the classes cannot be "
                "read. Save the class of each pixel as a grey image of 8 bit; what "
                "numpy.array(PIL.Image.open(path)) shows of a palette are its classes."
            )
        if highest >= num_classes:
            raise ValueError(
                f"The mask {path} of task {task!r} has a pixel of class {highest}. Expected 0 to "
                f"{num_classes - 1}, or {_VOID} where there is no class. Correct the mask or the "
                "number of classes."
            )
        if height != width and (width, height) == sizes[pairs[path]]:
            raise ValueError(
                f"The mask {path} of task {task!r} has {height} x {width} pixels, and the image "
                f"{pairs[path]} {width} x {height}: one of them lies on its side. Photographs are "
                "turned upright, as the camera says in them (EXIF); turn their masks too."
            )


def _check_decoding(paths: Sequence[Path], found: dict[int, np.ndarray], reason: str) -> None:
    bad = [path for place, path in enumerate(paths) if place not in found]
    if bad:
        others = f" (and {len(bad) - 1} other files)" if len(bad) > 1 else ""
        raise ValueError(
            f"{bad[0]}{others} cannot be decoded as an image: {reason}. Remove or replace it."
        )


def _other_form(path: Path) -> str:
    """Returns what other numbers than the classes would be made of, of a PNG or BMP file."""
    with path.open("rb") as file:
        head = file.read(_HEAD).ljust(2 * _HEAD, b"\0")
    if head.startswith(_BMP) and head[28] == 8:
        palette = np.frombuffer(head, "uint8", 4 * 256, 14 + head[14]).reshape(-1, 4)[:, :3]
        return "a palette" if (palette != np.arange(256)[:, None]).any() else ""
    if not head.startswith(_PNG):
        return ""
    depth, kind = head[24], head[25]
    return "a palette" if kind == _PALETTE else "" if depth == 8 else f"pixels of {depth} bit"
