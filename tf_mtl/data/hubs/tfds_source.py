"""A TensorFlow Datasets data set → `Splits`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...names import check_known, check_task_names
from ...whole_numbers import check_whole
from ..arrays import Kinds
from ..epoch_order import EpochOrder
from ..labels.encode import encode_labels
from ..labels.labels import MISSING, Labels
from ..splits import Splits, with_statistics
from ..tables.encoding import Encoding, encode_inputs
from ..tables.identifiers import identifiers
from ..targets import Target, kind_of
from .tfds_builder import split_names, tfds_builder

# Rows held for shuffling; TFDS files are shuffled already when they are written.
_SHUFFLED = 10_000
_PARTS = ("train", "valid", "test")


def from_tfds(
    name: Any,
    tasks: Mapping[str, str | Callable[[Any], Any]],
    targets: Kinds | None = None,
    *,
    inputs: Sequence[str] | Mapping[str, str | Callable[[Any], Any]] = (),
    data_dir: str | None = None,
    splits: Mapping[str, str] | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> Splits:
    """Makes training, validation and test data of a TensorFlow Datasets data set.

    Images and videos stay 0 to 255 in the data and are scaled to 0…1 inside the model. If there are
    several inputs, all of them single numbers or texts, they are encoded as the columns of a table
    are. Rows are read while the model trains, and once before for the labels; TFDS itself keeps
    small data sets in memory.

    Args:
        name: Name such as "mnist" or "glue/cola:2.0.0", or a `tfds.core.DatasetBuilder`.
        tasks: `{task: feature}`, or a function from one example to its label.
        targets: `{task: kind or Target}` for labels whose kind the data set does not tell. As a
            "box" a `BBoxFeature` is read in the order x1, y1, x2, y2; as a "regression" the -1 of
            a `ClassLabel` is a missing label.
        inputs: Features to use; if empty, all that are not labels. Or `{name: feature}`, in which a
            feature may also be a function from one example to the input, which the model takes as
            it is: `{"image": lambda row: tf.image.resize(row["image"], (64, 64)) / 255}`. A single
            input is passed to the model as a tensor, several as `{name: tensor}`.
        data_dir: Folder of prepared data; None means the folder that TFDS uses.
        splits: `{"train": …, "valid": …, "test": …}` in the language of TFDS, such as
            "train[:90%]". By default the data set's own splits; a tenth of the training rows each
            for those that it lacks.
        batch_size: Rows in a batch.
        seed: Order of the training rows.

    Returns:
        `Splits`; unpacks as `train, valid, test`.

    Raises:
        ValueError: For an unknown data set, feature, task or split, labels that do not fit their
            kind, or features that are nested or without a fixed shape, naming them.
        ConnectionError: If the data are not in `data_dir` and cannot be downloaded, with the way
            to place them by hand.

    >>> import tensorflow_datasets as tfds
    >>> with tfds.testing.mock_data(num_examples=20):  # doctest: +SKIP
    ...     from_tfds("mnist", {"digit": "label", "odd": lambda row: row["label"] % 2})
    """
    check_whole(batch_size, "batch_size")
    check_task_names(tasks)
    check_known(targets or (), tasks, "task in `targets`")
    builder = tfds_builder(name, data_dir)
    features = _features(builder)
    used = [feature for feature in tasks.values() if isinstance(feature, str)]
    check_known(used, features, f"feature of {builder.name}")
    chosen = _chosen(inputs, [feature for feature in features if feature not in used])
    read = [feature for feature in chosen.values() if isinstance(feature, str)]
    check_known(read, features, f"feature of {builder.name}")
    if not chosen:
        raise ValueError(f"{builder.name} has no feature left as input: {list(features)}.")
    names = {name: chosen[key] for name, key in identifiers(chosen, taken=list(tasks)).items()}
    texts = split_names(builder, splits)

    read_as = dict(tasks)
    for task, target in (targets or {}).items():
        if kind_of(target) == "box":
            read_as[task] = _box(tasks[task], features)
        elif kind_of(target) == "regression":
            read_as[task] = _number(tasks[task], features)
    rows = {
        part: _rows(builder, text, names, read_as) for part, text in zip(_PARTS, texts, strict=True)
    }
    labels = {
        part: _labels(rows[part], builder, text) for part, text in zip(_PARTS, texts, strict=True)
    }
    found: dict[str, Target] = {}
    for task, feature in tasks.items():
        told = _told(features[feature]) if isinstance(feature, str) else "auto"
        for part in _PARTS:
            kind = found.get(task) or (targets or {}).get(task) or told
            place = f"{builder.name}, split {texts[_PARTS.index(part)]!r}"
            encoded, found[task] = encode_labels(Labels(task, labels[part][task], place), kind)
            labels[part][task] = encoded
    ready = {part: rows[part].map(lambda x, y: (x, _encoded(y, found))) for part in _PARTS}
    network = _network(ready["train"], names, features)
    # Columns have dtypes of their own, and numbers are float32 in the network, also when served.
    ready = {
        part: dataset.map(lambda x, y: (_cast(x, network[0]), y)) for part, dataset in ready.items()
    }
    count = len(next(iter(labels["train"].values())))
    order = EpochOrder(seed)
    shuffled = order.shuffled(ready["train"], count, min(count, _SHUFFLED))

    def batched(dataset: tf.data.Dataset) -> tf.data.Dataset:
        return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)

    return Splits(
        train=batched(shuffled),
        valid=batched(ready["valid"]),
        test=batched(ready["test"]),
        inputs=network[0],
        features=network[1],
        targets=with_statistics(found, labels["train"]),
        sizes={part: len(next(iter(labels[part].values()))) for part in _PARTS},
        fingerprint=_fingerprint(builder, texts, labels),
        columns={},
        order=order,
    )


def _chosen(inputs: Any, rest: Sequence[str]) -> dict[str, str | Callable[[Any], Any]]:
    """Returns `{input: feature or function}`; `rest` are the features that are no labels."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    return {feature: feature for feature in list(inputs) or rest}


def _features(builder: Any) -> dict[str, Any]:
    features = builder.info.features
    if not hasattr(features, "items"):
        raise ValueError(f"{builder.name} has no named features but {features}.")
    return dict(features.items())


def _rows(
    builder: Any, split: str, names: Mapping[str, Any], tasks: Mapping[str, Any]
) -> tf.data.Dataset:
    """Returns one split as rows of (x, {task: raw label})."""
    single = len(names) == 1

    def of_row(example: Any, chosen: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: example[feature] if isinstance(feature, str) else feature(example)
            for name, feature in chosen.items()
        }

    def divide(example: Any) -> Any:
        x = {name: value[tf.newaxis] if value.shape.rank == 0 else value
             for name, value in of_row(example, names).items()}  # fmt: skip
        return (next(iter(x.values())) if single else x), of_row(example, tasks)

    rows = builder.as_dataset(split=split, shuffle_files=False)
    given = rows.map(lambda example: of_row(example, names)).element_spec
    advice = (
        "Name others in `inputs`, or give a function from the row to an input of one shape: "
        "inputs={'image': lambda row: tf.image.resize(row['image'], (64, 64)) / 255}"
    )
    _check_shapes(given, f"input of {builder.name}", advice)
    divided = rows.map(divide, tf.data.AUTOTUNE, deterministic=True)
    advice = "Give a function from the row to labels of one shape, such as lambda row: row['part']"
    _check_shapes(divided.element_spec[1], f"task of {builder.name}", advice)
    return divided


def _check_shapes(specs: Mapping[str, Any], what: str, advice: str) -> None:
    """Raises `ValueError` unless every row holds a tensor of the same shape."""
    for name, spec in specs.items():
        if not isinstance(spec, tf.TensorSpec):
            problem = "holds several tensors or a sequence of them"
        elif not spec.shape.is_fully_defined():
            problem = f"has the shape {spec.shape}: it differs from row to row"
        else:
            continue
        raise ValueError(f"The {what} {name!r} {problem}. {advice}.")


def _labels(rows: tf.data.Dataset, builder: Any, split: str) -> dict[str, np.ndarray]:
    batches = list(rows.map(lambda _, y: y).batch(1024).as_numpy_iterator())
    if not batches:
        raise ValueError(f"The split {split!r} of {builder.name} is empty. Choose another.")
    return {task: np.concatenate([batch[task] for batch in batches]) for task in batches[0]}


def _told(feature: Any) -> str | Target:
    """Returns what the data set tells of a label."""
    names = getattr(feature, "names", None)
    classes = getattr(feature, "num_classes", None)
    if classes is None or feature.shape != ():
        return "auto"
    kind = "binary" if classes == 2 else "classification"
    return Target(kind, num_classes=classes, class_names=tuple(names) if names else None)


def _box(feature: Any, features: Mapping[str, Any]) -> Any:
    """Returns what reads a box as x1, y1, x2, y2, which TFDS has as y1, x1, y2, x2."""
    import tensorflow_datasets as tfds

    if not isinstance(feature, str) or not isinstance(features[feature], tfds.features.BBoxFeature):
        return feature
    if features[feature].bbox_format != tfds.features.BBoxFeature().bbox_format:
        raise ValueError(
            f"The boxes of {feature!r} are {features[feature].bbox_format}. Give a function from "
            "the row to x1, y1, x2, y2 as shares of width and height, from 0 to 1."
        )
    return lambda row: tf.gather(row[feature], [1, 0, 3, 2], axis=-1)


def _number(feature: Any, features: Mapping[str, Any]) -> Any:
    """Returns what reads the number of a class: TFDS has -1 where a row has none."""
    import tensorflow_datasets as tfds

    of_class = isinstance(feature, str) and isinstance(features[feature], tfds.features.ClassLabel)
    if not of_class:
        return feature
    return lambda row: tf.where(row[feature] < 0, np.nan, tf.cast(row[feature], tf.float32))


def _encoded(y: Mapping[str, tf.Tensor], targets: Mapping[str, Target]) -> dict[str, tf.Tensor]:
    """Does to one row what `encode_labels` did to all of them."""
    return {task: _encoded_label(label, targets[task]) for task, label in y.items()}


def _encoded_label(label: tf.Tensor, target: Target) -> tf.Tensor:
    if label.dtype == tf.string and target.kind == "regression":
        text = tf.strings.strip(label)
        return tf.strings.to_number(tf.where(text == "", "nan", text))
    if label.dtype == tf.string:
        matches = tf.strings.strip(label) == tf.constant(target.class_names)
        number = tf.argmax(tf.cast(matches, tf.int32), output_type=tf.int32)
        return tf.where(tf.reduce_any(matches), number, MISSING)
    if target.kind in ("regression", "box"):
        return tf.cast(label, tf.float32)
    if label.dtype.is_floating:
        label = tf.where(tf.math.is_nan(label), tf.cast(MISSING, label.dtype), label)
    if target.kind == "segmentation" and label.shape.rank == 3:
        label = label[..., 0]
    return tf.cast(label, tf.int32)


def _cast(x: Any, inputs: Any) -> Any:
    return keras.tree.map_structure(lambda one, tensor: tf.cast(one, tensor.dtype), x, inputs)


def _network(
    train: tf.data.Dataset, names: Mapping[str, Any], features: Mapping[str, Any]
) -> tuple[Any, Any]:
    specs = train.element_spec[0]
    if len(names) == 1:
        specs = {next(iter(names)): specs}
    if len(names) > 1 and all(spec.shape == (1,) for spec in specs.values()):
        batches = [x for x, _ in train.batch(1024).as_numpy_iterator()]
        x = {name: np.concatenate([batch[name] for batch in batches]) for name in names}
        kinds = {
            name: "category" if spec.dtype == tf.string else "number"
            for name, spec in specs.items()
        }
        x = {name: _text(v) if kinds[name] == "category" else v.astype("float32")
             for name, v in x.items()}  # fmt: skip
        return encode_inputs(x, kinds, {name: name for name in names}, Encoding())
    inputs = {
        name: keras.Input(tuple(spec.shape), name=name, dtype=spec.dtype.name)
        for name, spec in specs.items()
    }
    scaled = {
        name: keras.layers.Rescaling(1 / 255, name=f"{name}__scaled")(tensor)
        if _is_image(names[name], features) and tensor.dtype == "uint8"
        else tensor
        for name, tensor in inputs.items()
    }
    if len(names) > 1:
        return inputs, scaled
    return next(iter(inputs.values())), next(iter(scaled.values()))


def _is_image(feature: str | Callable[[Any], Any], features: Mapping[str, Any]) -> bool:
    import tensorflow_datasets as tfds

    kinds = (tfds.features.Image, tfds.features.Video)
    return isinstance(feature, str) and isinstance(features[feature], kinds)


def _text(values: np.ndarray) -> np.ndarray:
    return np.array([value.decode() for value in values.reshape(-1)], object).reshape(-1, 1)


def _fingerprint(
    builder: Any, splits: Sequence[str], labels: Mapping[str, Mapping[str, np.ndarray]]
) -> str:
    digest = hashlib.sha256(f"{builder.info.full_name} {list(splits)}".encode())
    for part in _PARTS:
        for task in sorted(labels[part]):
            digest.update(f"{part}/{task}".encode() + labels[part][task].tobytes())
    return digest.hexdigest()
