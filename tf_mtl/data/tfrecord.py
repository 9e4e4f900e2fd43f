"""`Splits` → sharded TFRecord files with a schema beside them, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from ..whole_numbers import check_whole
from .arrays import PARTS
from .epoch_order import EpochOrder, shuffled
from .reading import read_each, reason_of
from .splits import Splits
from .tables.tagged_inputs import fitted_tags
from .tfrecord_schema import NETWORK_FILE, Feature, Schema, Shard

_SHUFFLED = 10_000
_OPEN_FILES = 16
_READ_AHEAD = 8  # batches


def write_tfrecord(
    splits: Splits,
    folder: str | Path,
    *,
    rows_per_shard: int = 10_000,
    compression: Literal["gzip"] | None = None,
) -> Path:
    """Writes training, validation and test data as TFRecord files.

    Rows are written as they are read, so that the data may be larger than the memory. Beside the
    files lie `schema.json`, with the shapes and dtypes, the targets and the size of each file, and
    the preprocessing as a Keras model. Records are `tf.train.Example`s that any program can read.

    Args:
        splits: The data.
        folder: A new or empty folder.
        rows_per_shard: Rows in a file at most. Files of some 100 MB are read fastest.
        compression: "gzip" for files of a third of the size or so, which take longer to read.

    Returns:
        The folder.

    Raises:
        FileExistsError: If the folder holds something.
        ValueError: For an input or label without a fixed shape, or wrong arguments.

    >>> import tempfile, tf_mtl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_tfrecord(tf_mtl.data.load("digits"), folder, rows_per_shard=1000)
    ...     print(sorted(path.name for path in Path(folder).iterdir()))
    ['preprocessing.keras', 'schema.json', 'test-00000-of-00001.tfrecord',
     'train-00000-of-00002.tfrecord', 'train-00001-of-00002.tfrecord',
     'valid-00000-of-00001.tfrecord']
    """
    if not isinstance(splits, Splits):
        raise ValueError(
            "write_tfrecord writes what the readers of tf_mtl.data return, with training, "
            f"validation and test rows. Received a {type(splits).__name__}."
        )
    folder = Path(folder)
    if rows_per_shard < 1:
        raise ValueError(f"`rows_per_shard` must be at least 1, not {rows_per_shard}.")
    if compression not in (None, "gzip"):
        raise ValueError(f"`compression` must be None or 'gzip', not {compression!r}.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty. Give a new folder, or empty it first.")
    features = _features(splits)
    folder.mkdir(parents=True, exist_ok=True)
    keras.Model(splits.inputs, splits.features).save(folder / NETWORK_FILE)
    method = "GZIP" if compression else ""
    epoch = int(splits.order.epoch.numpy())
    try:
        parts = {
            part: _write(getattr(splits, part), folder, part, features, method,
                         math.ceil(splits.sizes[part] / rows_per_shard), splits.sizes[part])
            for part in PARTS
        }  # fmt: skip
    finally:
        splits.start_epoch(epoch)
    # Written last: a folder without a schema was not finished.
    Schema(
        compression=method,
        features=features,
        single_input="x" in features,
        targets=splits.targets,
        parts=parts,
        fingerprint=splits.fingerprint,
        columns=splits.columns,
        tokens=splits.tokens,
    ).write(folder)
    return folder


def from_tfrecord(
    folder: str | Path,
    *,
    batch_size: int = 64,
    seed: int = 0,
    shuffle: int = _SHUFFLED,
    deterministic: bool = True,
    check: bool = True,
) -> Splits:
    """Makes training, validation and test data of the files that `write_tfrecord` wrote.

    Files are read side by side and rows are parsed while the model trains; only the rows that are
    shuffled are in memory. In every epoch the files come in another order, and the rows of the
    files that are open are shuffled.

    Args:
        folder: The folder.
        batch_size: Rows in a batch.
        seed: Order of the training rows.
        shuffle: Rows held in memory for shuffling; 1 for none.
        deterministic: Whether the same seed gives the same order. Without it rows come in the order
            in which they are ready, which is faster where files are slow to read; validation and
            test rows then lose their order too.
        check: Whether every file is read once now, so that a damaged one is named before training.
            It takes as long as reading them, without parsing; switch it off for large files that
            were checked before.

    Returns:
        `Splits` as they were written, with the same fingerprint.

    Raises:
        FileNotFoundError: If the folder, its schema or one of the files is not there.
        ValueError: If a file is not what was written, naming it.

    >>> import tempfile, tf_mtl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     from_tfrecord(write_tfrecord(tf_mtl.data.load("digits"), f"{folder}/digits")).sizes
    {'train': 1437, 'valid': 180, 'test': 180}
    """
    folder = Path(folder)
    check_whole(batch_size, "batch_size")
    if shuffle < 1:
        raise ValueError(f"`shuffle` must be at least 1, not {shuffle}.")
    schema = Schema.read(folder)
    _check_first_records(folder, schema)
    if check:
        _check_every_record(folder, schema)
    order = EpochOrder(seed)
    sizes = {part: sum(shard.rows for shard in schema.parts[part]) for part in PARTS}

    def dataset(part: str) -> tf.data.Dataset:
        paths = tf.constant([str(folder / shard.file) for shard in schema.parts[part]])
        count = math.ceil(sizes[part] / batch_size)

        def epoch(seeds: tf.Tensor) -> tf.data.Dataset:
            files = tf.random.experimental.stateless_shuffle(paths, seeds)
            rows = _side_by_side(files, schema, deterministic)
            # Reading goes on while batches are parsed.
            return shuffled(rows, shuffle, seeds).batch(batch_size).prefetch(_READ_AHEAD)

        if part == "train":
            batches = order.in_order(epoch, count)
        else:
            rows = (
                tf.data.TFRecordDataset(paths, schema.compression)
                if deterministic
                else _side_by_side(paths, schema, deterministic)
            )
            batches = rows.batch(batch_size).apply(tf.data.experimental.assert_cardinality(count))
        parsed = batches.map(
            lambda records: _parse(records, schema), tf.data.AUTOTUNE, deterministic
        )
        # Tags of other tokens than words have one length in all rows.
        of_texts = {
            task: name
            for task, name in schema.tokens.items()
            if None in schema.features[f"y/{task}"].shape
        }
        fitted = fitted_tags(parsed, of_texts, dict.fromkeys(of_texts.values(), "text"))
        return fitted.prefetch(tf.data.AUTOTUNE)

    network = keras.models.load_model(folder / NETWORK_FILE, compile=False)
    return Splits(
        **{part: dataset(part) for part in PARTS},
        inputs=network.input,
        features=network.output,
        targets=schema.targets,
        sizes=sizes,
        fingerprint=schema.fingerprint,
        columns=schema.columns,
        order=order,
        tokens=schema.tokens,
    )


def _features(splits: Splits) -> dict[str, Feature]:
    named = _named(*splits.train.element_spec)
    for name, spec in named.items():
        tags = name.removeprefix("y/") in splits.tokens
        if not isinstance(spec, tf.TensorSpec) or (None in (spec.shape[1:] or ()) and not tags):
            raise ValueError(
                f"{name} has the shape {getattr(spec, 'shape', None)} in a batch. Records need a "
                "fixed shape for each row: pad the rows first."
            )
    return {name: Feature(spec.dtype.name, tuple(spec.shape[1:])) for name, spec in named.items()}


def _named(x: Any, y: dict[str, Any]) -> dict[str, Any]:
    inputs = {f"x/{name}": value for name, value in x.items()} if isinstance(x, dict) else {"x": x}
    return inputs | {f"y/{task}": value for task, value in y.items()}


def _write(
    dataset: tf.data.Dataset,
    folder: Path,
    part: str,
    features: dict[str, Feature],
    compression: str,
    count: int,
    rows: int,
) -> list[Shard]:
    stream = _records(dataset, features)
    shards = []
    for number in range(count):
        # As even as can be: the last file is read as long as the others.
        size = rows * (number + 1) // count - rows * number // count
        ending = ".gz" if compression else ""
        path = folder / f"{part}-{number:05}-of-{count:05}.tfrecord{ending}"
        with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression)) as writer:
            for _ in range(size):
                writer.write(next(stream))
        shards.append(Shard(path.name, size, path.stat().st_size))
    return shards


def _records(dataset: tf.data.Dataset, features: dict[str, Feature]) -> Iterator[bytes]:
    for x, y in dataset.as_numpy_iterator():
        named = _named(x, y)
        encoded = {name: one.encode(named[name]) for name, one in features.items()}
        for row in range(len(next(iter(named.values())))):
            example = tf.train.Example()
            for name, (field, values) in encoded.items():
                getattr(example.features.feature[name], field).value.extend(values[row])
            yield example.SerializeToString()


def _side_by_side(files: tf.Tensor, schema: Schema, deterministic: bool) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(files).interleave(
        lambda path: tf.data.TFRecordDataset(path, schema.compression),
        # By default TensorFlow chooses the number of open files, and with it the order of the rows.
        cycle_length=_OPEN_FILES,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=deterministic,
    )


def _parse(records: tf.Tensor, schema: Schema) -> tuple[Any, dict[str, tf.Tensor]]:
    """Returns `(x, {task: y})` of serialised examples `[B]`."""
    parsing = {name: feature.parsing() for name, feature in schema.features.items()}
    parsed = tf.io.parse_example(records, parsing)
    found = {name: feature.decode(parsed[name]) for name, feature in schema.features.items()}
    y = {name[2:]: value for name, value in found.items() if name.startswith("y/")}
    if schema.single_input:
        return found["x"], y
    return {name[2:]: value for name, value in found.items() if name.startswith("x/")}, y


def _check_first_records(folder: Path, schema: Schema) -> None:
    """Parses one record of each part, for errors that name the file."""
    for part in PARTS:
        for shard in schema.parts.get(part, ())[:1]:
            path = folder / shard.file
            try:
                dataset = tf.data.TFRecordDataset(str(path), schema.compression).batch(1)
                _parse(next(iter(dataset)), schema)
            except tf.errors.OpError as error:
                reason = reason_of(error)
            except StopIteration:
                reason = "it is empty"
            else:
                continue
            raise ValueError(f"{path} does not hold what schema.json says: {reason}")


def _check_every_record(folder: Path, schema: Schema) -> None:
    """Reads every file once; an error names the first that is damaged, and the record."""
    shards = [shard for part in PARTS for shard in schema.parts.get(part, ())]
    paths = [folder / shard.file for shard in shards]

    def count(path: tf.Tensor) -> tf.Tensor:
        records = tf.data.TFRecordDataset(path, schema.compression)
        return records.reduce(np.int64(0), lambda number, _: number + 1)

    found, reason = read_each(paths, count)
    for place, (path, shard) in enumerate(zip(paths, shards, strict=True)):
        if found.get(place) == shard.rows:
            continue
        if place in found:
            problem = f"holds {found[place]} records, and schema.json says {shard.rows}"
        else:
            problem = f"is damaged in record {_readable(path, schema) + 1}: {reason}"
        raise ValueError(f"{path} {problem}. Copy or write it again.")


def _readable(path: Path, schema: Schema) -> int:
    """Returns the number of records before the one that cannot be read."""
    records = tf.data.TFRecordDataset(str(path), schema.compression)
    return sum(1 for _ in records.ignore_errors().as_numpy_iterator())
