"""A folder of images → `Splits`."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...whole_numbers import check_size
from ..arrays import PARTS, from_numpy
from ..files import files_below
from ..splits import Splits
from ..tables.frames import row_name
from ..tables.target_columns import as_text, encode_columns
from ..targets import Target, kind_of
from .file_labels import (
    FileLabels,
    groups_of_names,
    is_table,
    kept_apart,
    labels_of_names,
    read_file_table,
    tasks_of_table,
)
from .image_files import check_images, check_masks, decoded, mask_of, resized

_IMAGE = "image"
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
_UNREAD = (".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2")


def from_image_folder(
    folder: str | Path,
    labels: FileLabels | None = None,
    targets: Mapping[str, Any] | None = None,
    *,
    size: Sequence[int] = (128, 128),
    channels: int = 3,
    test_files: str | None = None,
    groups: str | None = None,
    check: bool = True,
    **options: Any,
) -> Splits:
    r"""Makes training, validation and test data of the images in a folder and its subfolders.

    The files are read, decoded and resized while the model trains, several at once. Images stay 0
    to 255 in the data and are scaled to 0…1 inside the model. JPEG photographs are turned upright,
    as the camera says in them (EXIF); boxes and masks are those of what is then seen. Boxes are
    shares of width and height, so that resizing does not move them.

    Args:
        folder: Folder of JPEG, PNG, BMP, GIF (the first frame) or still WebP files. Hidden files
            and folders in it are left out.
        labels: Where the labels are. None for the task `label`, the name of the first folder below
            `folder` ("cat/1.jpg"). A regular expression with a named group for each task, searched
            in the file's path below the folder; a function from that path to `{task: label}`; or
            the path of a table, ending in ".csv" or ".parquet", with the column `file` for that
            path. Only images in the table are then used.
        targets: `{task: kind or Target}`. With a table as for `from_dataframe`, such as
            `{"breed": "auto", "box": {"columns": ["x1", "y1", "x2", "y2"], "kind": "box"}}`; None
            takes all of its columns. A mask is the path of a grey image below the folder whose
            pixels are classes, 255 where there is none:
            `{"mask": Target("segmentation", num_classes=3)}`.
        size: Height and width to which the images are resized.
        channels: 3 for colours, 1 for grey, 4 with transparency (of PNG, BMP and WebP files; others
            have none).
        test_files: Regular expression of the files kept apart for the test split, searched in
            their paths; None to split them off at random.
        groups: Regular expression, searched in the paths; files in which it matches the same text
            stay in one part, such as r"patient\d+". With a table the name of a column.
        check: Whether every image and mask is decoded once now, so that one that cannot be, or a
            mask with other classes, is named before training. It takes as long as an epoch of
            reading; switch it off for a large folder that was checked before.
        **options: Further arguments of `from_numpy`: `batch_size`, `seed`, `fractions`, and
            `stratify`.

    Returns:
        `Splits` with the input `image`, uint8 `[B, height, width, channels]`.

    Raises:
        NotADirectoryError: If there is no such folder.
        ValueError: If there are no images, one cannot be decoded or has no labels, or a mask has
            other classes or lies on its side, naming the file; or as `from_numpy`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for kind in ("cat", "dog"):
    ...         (Path(folder) / kind).mkdir()
    ...         for n in range(10):
    ...             image = tf.fill((20, 30, 3), tf.cast(n, tf.uint8))
    ...             tf.io.write_file(f"{folder}/{kind}/{n}.png", tf.io.encode_png(image))
    ...     splits = from_image_folder(folder, size=(16, 24))
    ...     splits.targets["label"].class_names, next(iter(splits.test))[0].shape
    (('cat', 'dog'), TensorShape([2, 16, 24, 3]))
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"There is no folder {folder}.")
    shape = _shape(size, channels)
    masks: dict[str, np.ndarray] = {}
    kinds: dict[str, Any] = dict(targets or {})
    if is_table(labels):
        frame = read_file_table(str(labels))
        names = _files(frame, "file", folder)
        y, kinds, masks = _labels_of_table(frame, targets, folder, str(labels), groups)
        grouping = None if groups is None else frame[groups].astype(str).to_numpy()
    else:
        names = files_below(folder, _ENDINGS, _UNREAD)
        y = labels_of_names(folder, names, _first_folder if labels is None else labels)
        grouping = None if groups is None else groups_of_names(folder, names, groups)
    mask_kinds = {task: kinds.pop(task) for task in masks}
    if check:
        images = [folder / name for name in names]
        sizes = check_images(images, channels)
        for task, paths in masks.items():
            found = [folder / name if name else None for name in paths]
            check_masks(images, found, sizes, task, mask_kinds[task].num_classes)
    apart = kept_apart(names, test_files)

    def rows(chosen: np.ndarray) -> tuple[Any, dict[str, np.ndarray]]:
        files = {_IMAGE: np.array(names), **masks}
        x = {name: values[chosen] for name, values in files.items()}
        return x, {task: values[chosen] for task, values in y.items()}

    splits = from_numpy(
        *rows(~apart),
        kinds,
        test=rows(apart) if test_files else None,
        groups=None if grouping is None else grouping[~apart],
        **options,
    )
    batch_size = options.get("batch_size", 64)
    inputs = keras.Input(shape, name=_IMAGE, dtype="uint8")

    def read(part: str) -> tf.data.Dataset:
        dataset = _read(getattr(splits, part), folder, shape, mask_kinds).batch(batch_size)
        count = math.ceil(splits.sizes[part] / batch_size)
        counted = dataset.apply(tf.data.experimental.assert_cardinality(count))
        return counted.prefetch(tf.data.AUTOTUNE)

    return replace(
        splits,
        **{part: read(part) for part in PARTS},
        inputs=inputs,
        features=keras.layers.Rescaling(1 / 255, name=f"{_IMAGE}__scaled")(inputs),
        targets={**splits.targets, **mask_kinds},
    )


def _shape(size: Sequence[int], channels: int) -> tuple[int, int, int]:
    if channels not in (1, 3, 4):
        raise ValueError(f"`channels` must be 1, 3 or 4. Received: channels={channels!r}.")
    return *check_size(size), int(channels)


def _first_folder(name: str) -> dict[str, str]:
    parts = Path(name).parts
    if len(parts) == 1:
        raise ValueError(
            f"{name} lies in no folder below, whose name would be its label. Move it into one, or "
            "say with `labels` where the labels are."
        )
    return {"label": parts[0]}


def _files(frame: Any, column: str, folder: Path) -> list[str]:
    """Returns the paths in a column, "" where missing, after a look whether the files are there."""
    names = as_text(frame[column]).tolist()
    for place, name in enumerate(names):
        if not (folder / name).is_file() and (name or column == "file"):
            raise ValueError(
                f"{row_name(frame.index, place)} names {name!r} in column {column!r}, but there is "
                f"no such file in {folder}."
            )
    return names


def _labels_of_table(
    frame: Any, targets: Mapping[str, Any] | None, folder: Path, path: str, groups: str | None
) -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, np.ndarray]]:
    """Returns `{task: labels}`, `{task: Target}` and `{task: paths of masks}`."""
    y, kinds, masks = {}, {}, {}
    for target in tasks_of_table(frame, targets, path, groups):
        kind = target.kind
        if kind_of(kind) != "segmentation":
            y[target.task], kinds[target.task] = encode_columns(target, frame, path)
            continue
        if not isinstance(kind, Target) or kind.num_classes is None:
            raise ValueError(
                f"Say how many classes the masks of {target.task!r} have: "
                f'{{{target.task!r}: tf_mtl.data.Target("segmentation", num_classes=…)}}.'
            )
        kinds[target.task] = kind
        masks[target.task] = np.array(_files(frame, target.columns[0], folder))
    if not y:
        columns = list(map(str, frame))
        raise ValueError(f"Give one task beside masks, of the columns {columns} of {path}.")
    return y, kinds, masks


def _read(
    dataset: tf.data.Dataset, folder: Path, shape: tuple[int, int, int], masks: dict[str, Target]
) -> tf.data.Dataset:
    """Replaces paths by images and masks, row by row, several at once."""

    def row(x: dict[str, tf.Tensor], y: dict[str, tf.Tensor]) -> tuple[Any, Any]:
        paths = {name: tf.strings.join([str(folder) + os.sep, path]) for name, path in x.items()}
        image = decoded(tf.io.read_file(paths[_IMAGE]), shape[-1])
        labels = {task: mask_of(x[task], paths[task], shape[:2]) for task in masks}
        return resized(image, shape), {**y, **labels}

    return dataset.unbatch().map(row, tf.data.AUTOTUNE)
