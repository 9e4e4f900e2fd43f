"""Random changes of images that the labels of every task follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from ..names import check_known, unknown_name
from .augment_layers import KINDS, PIXELS, check_layer, mixes, moves, needs_size
from .targets import Target, kind_of

_BOXES = "rel_xyxy"  # Keras' name for x1, y1, x2, y2 from 0 to 1


class Augment:
    """Changes the images of a batch at random with Keras' layers, and all tasks' labels with them.

    Keras' layers can do this for one set of labels; here each task's labels are treated as what
    they are, and all with the same random transformation:

    * layers that move the image (RandomFlip, RandomTranslation, RandomZoom, RandomCrop, ...) move
      masks, dense labels and boxes too. Pixels and boxes that leave the image become missing;
    * layers that change colours change no label;
    * MixUp and CutMix mix classes as shares, `[B, classes]`, binary labels, multi-label ones and
      numbers linearly; CutMix cuts masks as it cuts images. Where one of the two labels is missing
      the mixed one is;
    * missing labels stay missing.

    What cannot be right is refused when the object is made: a box under MixUp or RandomRotation;
    a crop larger than the images, which would resize them, when it meets them.
    What an augmentation means for a class is for the user to know: a flipped "left" is a "right",
    and a flipped surface normal points elsewhere.

    With MixUp or CutMix a classification has the loss "categorical_crossentropy" in `compile`, the
    other tasks "auto", and validation data go through `soft_labels`. The order of the draws depends
    on the layers' seeds, so give these if runs must be repeatable.

    Args:
        layers: Layers of `keras.layers`, applied one after the other. They are copied.
        targets: `{task: Target or kind}`, such as `splits.targets`; further kinds are
            "dense_regression" and "key_points".
        image: Name of the image among the inputs where there are several.

    Raises:
        ValueError: If a layer is unknown or a task's labels cannot follow it, or a classification
            to be mixed does not know its number of classes.

    References: H. Zhang et al., mixup, ICLR 2018, equation 1; S. Yun et al., CutMix, ICCV 2019.

    >>> augment = Augment([keras.layers.RandomFlip("horizontal", seed=1)], {"box": "box"})
    >>> batch = tf.data.Dataset.from_tensors((tf.zeros((1, 8, 8, 1)), {"box": [[0.0, 0, 0.5, 1]]}))
    >>> sorted({tuple(y["box"][0].numpy().tolist()) for _, y in batch.repeat(20).map(augment)})
    [(0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)]
    """

    def __init__(
        self,
        layers: Sequence[keras.layers.Layer],
        targets: Mapping[str, str | Target],
        image: str | None = None,
    ) -> None:
        if not isinstance(layers, list | tuple) or not isinstance(targets, Mapping):
            raise ValueError(
                "Expected a list of layers, and the kinds of the labels as {task: kind or Target}. "
                f"Received: layers={layers!r}, targets={targets!r}."
            )
        self.targets = {
            task: target if isinstance(target, Target) else None for task, target in targets.items()
        }
        self.kinds = {task: kind_of(target) for task, target in targets.items()}
        for task, kind in self.kinds.items():
            if kind not in KINDS:
                raise ValueError(unknown_name(kind, KINDS, f"kind of task {task!r}"))
        for layer in layers:
            check_layer(layer, self.kinds)
        self.image = image
        self.layers = [_copy(layer) for layer in layers]
        self._rescales = any(isinstance(layer, keras.layers.Rescaling) for layer in layers)
        self.classes = {
            task: _num_classes(task, self.targets[task])
            for task, kind in self.kinds.items()
            if any(map(mixes, layers))
            and (kind == "classification" or (kind == "segmentation" and _blends(layers)))
        }

    def __call__(self, x: Any, y: Mapping[str, Any], *weights: Any) -> tuple[Any, ...]:
        """Returns a batch `(x, {task: y}[, weights])` of changed images and labels.

        Args:
            x: Images `[B, height, width, channels]`, or a dictionary that holds them. They become
                float32; those that were uint8 stay within 0 to 255, unless a layer rescales them.
            y: `{task: labels}`, B rows each.
            *weights: Sample weights, if any: `[B]` or `{task: [B]}`. They mix with the labels; a
                weight of 0 is a missing label.
        """
        check_known(y, self.kinds, "task in the labels to augment:")
        given = self._image_of(x)
        images = tf.cast(given, tf.float32)
        labels = {task: self._prepared(task, values) for task, values in y.items()}
        self._check_weights(weights)
        rest: Any = weights
        for layer in self.layers:
            if not hasattr(layer, "get_random_transformation"):
                images = layer(images)
                continue
            _check_size(layer, images, self.kinds)
            drawn = layer.get_random_transformation(images, training=True)
            before, images = images, layer.transform_images(images, drawn, training=True)
            if mixes(layer):
                linear = _blend(drawn)
                of_pixels = _cut(drawn) if "batch_masks" in drawn else linear
                labels = {
                    task: (of_pixels if self.kinds[task] in PIXELS else linear)(values)
                    for task, values in labels.items()
                }
                rest = keras.tree.map_structure(partial(_mixed_weights, linear), rest)
            elif moves(layer):
                labels = {
                    task: self._moved(layer, drawn, self.kinds[task], values, before)
                    for task, values in labels.items()
                }
        found = {task: self._finished(task, values, y[task]) for task, values in labels.items()}
        if given.dtype == tf.uint8 and not self._rescales:
            # Some layers go beyond the pixels' range, where a model of bytes would see 256 as 0.
            images = tf.clip_by_value(images, 0, 255)
        return (_with_image(x, self.image, images), found, *rest)

    def _image_of(self, x: Any) -> tf.Tensor:
        if isinstance(x, Mapping):
            if self.image is None:
                raise ValueError(
                    f"The inputs are a dictionary with the keys {list(x)}. Say which one is the "
                    "image: Augment(layers, targets, image=...)."
                )
            check_known([self.image], x, "input")
            x = x[self.image]
        images = tf.convert_to_tensor(x)
        if images.shape.rank != 4:
            raise ValueError(
                "Augment changes batches of images, [B, height, width, channels]. Received images "
                f"of shape {images.shape}. Put .batch(...) before .map(augment) for single ones, "
                "and add the channel to grey ones: images[..., None]."
            )
        return images

    def _check_weights(self, weights: Any) -> None:
        """Raises `ValueError` for weights of pixels, where the pixels move."""
        if not any(moves(layer) or mixes(layer) for layer in self.layers):
            return
        given = [each for each in keras.tree.flatten(weights) if each is not None]
        for shape in (tf.convert_to_tensor(each).shape for each in given):
            if (shape.rank or 0) > 2:
                raise ValueError(
                    f"Sample weights of shape {shape} are weights of pixels, which do not move "
                    "with the images. Give one weight for each row, [B], and make labels of "
                    "pixels that are not to count missing ones: -1, or NaN in dense labels."
                )

    def _prepared(self, task: str, values: Any) -> tf.Tensor:
        """Returns labels as floats, in which NaN is missing; those of pixels with channels."""
        labels, kind = tf.convert_to_tensor(values), self.kinds[task]
        if labels.dtype == tf.string:
            raise ValueError(
                f"Task {task!r} has text labels. Encode them as class numbers before Augment."
            )
        numbers = tf.cast(labels, tf.float32)
        if kind in ("classification", "segmentation", "binary", "multilabel"):
            numbers = tf.where(numbers == -1, float("nan"), numbers)
        if task in self.classes:
            numbers = _shares(task, numbers, self.classes[task])
        elif kind in PIXELS and numbers.shape.rank == 3:
            numbers = numbers[..., None]
        elif kind == "box":
            numbers = tf.ensure_shape(numbers, (None, 4))  # where the data set does not say so
        return numbers

    def _moved(
        self, layer: Any, drawn: Any, kind: str, labels: tf.Tensor, images: tf.Tensor
    ) -> tf.Tensor:
        if kind in PIXELS:
            # A channel of ones tells which pixels came from inside the image.
            known = tf.concat([labels, tf.ones_like(labels[..., :1])], axis=-1)
            known = layer.transform_segmentation_masks(known, drawn, training=True)
            return tf.where(known[..., -1:] > 0.5, known[..., :-1], float("nan"))
        if kind != "box":
            return labels
        if isinstance(layer, keras.layers.RandomCrop):
            moved = _cropped(labels, drawn, images, (layer.height, layer.width))
        else:
            boxes = {"boxes": labels[:, None], "labels": tf.zeros_like(labels[:, :1])}
            moved = layer.transform_bounding_boxes(boxes, drawn, training=True)["boxes"][:, 0]
        inside = tf.reduce_all(moved[:, 2:] > moved[:, :2], axis=-1, keepdims=True)
        missing = tf.reduce_any(tf.math.is_nan(labels), axis=-1, keepdims=True)
        return tf.where(inside & ~missing, moved, float("nan"))

    def _finished(self, task: str, labels: tf.Tensor, given: Any) -> tf.Tensor:
        """Returns labels in the dtype and shape that they came in, where these still fit."""
        given, kind = tf.convert_to_tensor(given), self.kinds[task]
        mixed, moved = any(map(mixes, self.layers)), any(map(moves, self.layers))
        if not mixed and not (moved and (kind == "box" or kind in PIXELS)):
            return given
        if kind in PIXELS and given.shape.rank == 3 and task not in self.classes:
            labels = labels[..., 0]
        if kind != "segmentation" or task in self.classes or given.dtype.is_floating:
            return tf.cast(labels, given.dtype) if given.dtype.is_floating else labels
        numbers = tf.where(tf.math.is_nan(labels), -1.0, tf.round(labels))
        # These dtypes have no -1 to mark the pixels that came from outside the image.
        unsigned = given.dtype.is_unsigned or given.dtype.is_bool
        return tf.cast(numbers, tf.int32 if unsigned else given.dtype)


def soft_labels(targets: Mapping[str, Target]) -> Callable[..., Any]:
    """Returns a function for `dataset.map` that makes shares of classes, NaN where missing.

    It brings validation data to the form that labels have behind MixUp or CutMix.

    Args:
        targets: `{task: Target}`; only classifications change.

    >>> function = soft_labels({"pet": Target("classification", num_classes=3)})
    >>> function(tf.zeros((2, 4)), {"pet": tf.constant([2, -1])})[1]["pet"].numpy().tolist()
    [[0.0, 0.0, 1.0], [nan, nan, nan]]
    """

    def soften(x: Any, y: Mapping[str, Any], *weights: Any) -> tuple[Any, ...]:
        check_known(y, targets, "task in the labels:")
        found = dict(y)
        for task, values in y.items():
            if targets[task].kind == "classification":
                numbers = tf.cast(values, tf.float32)
                missing = tf.math.is_nan(numbers) | (numbers == -1)
                numbers = tf.where(missing, float("nan"), numbers)
                found[task] = _shares(task, numbers, _num_classes(task, targets[task]))
        return (x, found, *weights)

    return soften


def _shares(task: str, classes: tf.Tensor, count: int) -> tf.Tensor:
    """Returns `[..., count]` of 0 and 1, NaN where the class is missing or void."""
    if classes.shape.rank in (2, 4):  # [B, 1], [B, height, width, 1]
        if classes.shape[-1] not in (1, None):
            raise ValueError(
                f"Task {task!r}: labels of shape {classes.shape} are no class numbers. They look "
                "one-hot: pass tf.argmax(labels, -1); the shares are made of the numbers."
            )
        classes = classes[..., 0]
    known = (classes >= 0) & (classes < count)
    places = tf.cast(tf.where(known, classes, 0.0), tf.int32)
    return tf.where(known[..., None], tf.one_hot(places, count), float("nan"))


def _blend(drawn: Mapping[str, Any]) -> Callable[[Any], tf.Tensor]:
    """Returns the function that mixes labels or weights in the shares of the images."""
    share = tf.cast(drawn["mix_weight"], tf.float32)
    if "batch_masks" in drawn:
        # Keras' share is that of the rectangle before it is cut off at whole pixels.
        share = 1 - tf.reduce_mean(tf.cast(drawn["batch_masks"], tf.float32), axis=[1, 2, 3])

    def blend(values: Any) -> tf.Tensor:
        values = tf.cast(values, tf.float32)
        own = tf.reshape(share, [-1] + [1] * (values.shape.rank - 1))
        return own * values + (1 - own) * tf.gather(values, drawn["permutation_order"])

    return blend


def _mixed_weights(blend: Callable[[Any], tf.Tensor], weights: Any) -> tf.Tensor:
    """Returns the weights of mixed rows: 0, a missing label, where one of the two is 0."""
    given = tf.cast(weights, tf.float32)
    mixed = blend(tf.where(given == 0, float("nan"), given))
    return tf.where(tf.math.is_nan(mixed), 0.0, mixed)


def _cut(drawn: Mapping[str, Any]) -> Callable[[Any], tf.Tensor]:
    """Returns the function that takes pixels from where the image took them."""

    def cut(values: Any) -> tf.Tensor:
        other = tf.gather(values, drawn["permutation_order"])
        return tf.where(drawn["batch_masks"][..., :1], other, values)

    return cut


def _cropped(boxes: tf.Tensor, drawn: Any, images: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Returns boxes in the window of a RandomCrop (Keras takes rows for columns)."""
    sides = tf.cast(tf.shape(images)[1:3], tf.float32)
    start = tf.stack([tf.cast(drawn[1], tf.float32), tf.cast(drawn[0], tf.float32)] * 2)
    pixels = boxes * tf.stack([sides[1], sides[0]] * 2) - start
    return tf.clip_by_value(pixels / tf.constant([size[1], size[0]] * 2, tf.float32), 0, 1)


def _check_size(layer: Any, images: tf.Tensor, kinds: Mapping[str, str]) -> None:
    """Raises `ValueError` if a layer has to know the size, or a crop would resize the images.

    Only images whose labels have places in them must not be resized.
    """
    if None in images.shape[1:3] and needs_size(layer, kinds):
        raise ValueError(
            f"{type(layer).__name__} has to know the size of the images, but the data set only "
            f"says {images.shape}. Put keras.layers.Resizing before it, or tell the size by "
            "tf.ensure_shape in a dataset.map."
        )
    stretched = {keras.layers.RandomCrop: ("box", *PIXELS), keras.layers.CenterCrop: PIXELS}
    placed = [task for task, kind in kinds.items() if kind in stretched.get(type(layer), ())]
    height, width = images.shape[1:3]
    if placed and (layer.height > height or layer.width > width):
        # Keras stretches what it cut out, and would blend the classes of a mask.
        raise ValueError(
            f"{type(layer).__name__}({layer.height}, {layer.width}) is larger than the images, "
            f"{height} x {width}: the labels of {placed[0]!r} cannot follow. Give a smaller crop, "
            "or put a Resizing before it."
        )


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    config = layer.get_config()
    if isinstance(layer, keras.layers.RandomShear):
        for name in ("x_factor", "y_factor"):
            # Keras writes the number a as (-a, a), and cannot read that.
            low, high = config[name]
            config[name] = high if low < 0 else (low, high)
    config["dtype"] = "float32"  # whatever the policy of the models is
    if moves(layer):
        config["bounding_box_format"] = _BOXES
    return type(layer).from_config(config)


def _blends(layers: Sequence[Any]) -> bool:
    return any(isinstance(layer, keras.layers.MixUp) for layer in layers)


def _num_classes(task: str, target: Target | None) -> int:
    if target is None or target.num_classes is None:
        raise ValueError(
            f"Task {task!r}: the number of classes must be known to mix them. Pass a Target, such "
            f"as {{{task!r}: Target('classification', num_classes=10)}}."
        )
    return target.num_classes


def _with_image(x: Any, name: str | None, images: tf.Tensor) -> Any:
    return {**x, name: images} if isinstance(x, Mapping) else images
