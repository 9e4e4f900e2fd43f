"""TFRecord files hold what was written, in the same order; a bad file is named."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tf_mtl import data

PARTS = ("train", "valid", "test")


def digits():
    return data.load("digits", batch_size=32)


def table():
    number = np.arange(150)
    frame = pd.DataFrame({
        "age": np.where(number % 7, 20.0 + number % 30, np.nan),
        "job": np.where(number % 5, "baker", None),
        "rich": np.where(number % 11, np.where(number % 2, "yes", "no"), None),
        "size": np.where(number % 13, number / 3, np.nan),
    })  # fmt: skip
    return data.from_dataframe(frame, {"rich": "binary", "size": "regression"}, batch_size=16)


def arrays():
    random = np.random.default_rng(0)
    x = {
        "wide": random.normal(size=(50, 3, 2)).astype("float32"),
        "count": random.integers(-5, 5, (50, 4)),
        "large": random.integers(0, 2**40, (50, 1)),
        "text": np.array([f"ä {n}" for n in range(50)]),
    }
    y = {
        "flags": random.integers(-1, 2, (50, 3)),
        "mask": random.integers(-1, 4, (50, 5, 6)),
        "box": np.tile([0.1, 0.2, 0.5, 0.9], (50, 1)),
    }
    kinds = {"flags": "multilabel", "mask": "segmentation", "box": "box"}
    return data.from_numpy(x, y, kinds, batch_size=7)


def rows(dataset):
    """All rows as flat arrays, in order."""
    batches = [tf.nest.flatten(batch) for batch in dataset.as_numpy_iterator()]
    return [np.concatenate(values) for values in zip(*batches, strict=True)]


def in_one_order(columns):
    columns = [column.reshape(len(column), -1) for column in columns]
    keys = [str([column[row] for column in columns]) for row in range(len(columns[0]))]
    return [column[np.argsort(keys)] for column in columns]


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("make", [digits, table, arrays])
def test_read_back_equal(tmp_path, make, compression):
    splits = make()
    folder = data.write_tfrecord(
        splits, tmp_path / "data", rows_per_shard=37, compression=compression
    )
    batch_size = next(iter(splits.train))[1][next(iter(splits.targets))].shape[0]
    found = data.from_tfrecord(folder, batch_size=batch_size, shuffle=100)
    assert (found.sizes, found.targets) == (splits.sizes, splits.targets)
    assert (found.fingerprint, found.columns) == (splits.fingerprint, splits.columns)
    for part in PARTS:
        assert getattr(found, part).element_spec == getattr(splits, part).element_spec
        assert len(getattr(found, part)) == len(getattr(splits, part))
    for part in ("valid", "test"):
        for one, other in zip(rows(getattr(found, part)), rows(getattr(splits, part)), strict=True):
            np.testing.assert_array_equal(one, other)
    pairs = (in_one_order(rows(part)) for part in (found.train, splits.train))
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_array_equal(one, other)
    # The preprocessing is the same.
    x = next(iter(splits.test))[0]
    networks = [keras.Model(each.inputs, each.features) for each in (found, splits)]
    for one, other in zip(*(tf.nest.flatten(model(x)) for model in networks), strict=True):
        np.testing.assert_array_equal(one, other)
    flat = [tf.nest.flatten(each.inputs) for each in (found, splits)]
    assert [(one.name, one.dtype) for one in flat[0]] == [(one.name, one.dtype) for one in flat[1]]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The rows 0 to 79, in four training files."""
    x = np.arange(100.0)
    splits = data.from_numpy(x[:, None], {"even": x % 2 == 0}, batch_size=8)
    before = splits.order.epoch.numpy()
    folder = data.write_tfrecord(splits, tmp_path_factory.mktemp("w") / "data", rows_per_shard=20)
    assert splits.order.epoch.numpy() == before, "writing is no epoch"
    return folder


def test_tags_have_as_many_steps_as_the_texts_of_a_batch(tmp_path):
    random = np.random.default_rng(0)
    lengths = random.integers(1, 9, 120)
    frame = pd.DataFrame({
        "text": [" ".join(f"w{random.integers(9)}" for _ in range(count)) for count in lengths],
        "tags": [random.integers(-1, 3, count).tolist() for count in lengths],
        "other": ["some words"] * 120,
    })  # fmt: skip
    frame.loc[5, "tags"] = None
    given = data.from_dataframe(
        frame, {"tags": data.Target("tagging", num_classes=3)},
        encoding={"texts": ["other", "text"]}, batch_size=16, stratify=None,
    )  # fmt: skip
    folder = data.write_tfrecord(given, tmp_path / "tags", rows_per_shard=30)
    found = data.from_tfrecord(folder, batch_size=16)
    assert found.tokens == given.tokens == {"tags": "text"}
    for one, two in zip(found.valid, given.valid, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, two)
    known = dict(zip(frame["text"], frame["tags"], strict=True))
    for x, y in data.from_tfrecord(folder, batch_size=7).train:
        texts = [text.decode() for text in x["text"].numpy()[:, 0]]
        assert y["tags"].shape[1] == max(len(text.split()) for text in texts)
        for text, tags in zip(texts, y["tags"].numpy().tolist(), strict=True):
            if known[text] and frame["text"].eq(text).sum() == 1:
                assert tags[: len(known[text])] == known[text]
                assert set(tags[len(known[text]) :]) <= {-1}


def test_order_is_told_by_seed_and_epoch(written):
    first, second = (data.from_tfrecord(written, seed=3, shuffle=30) for _ in range(2))
    epochs = [rows(first.train)[0] for _ in range(3)]
    assert not np.array_equal(epochs[0], epochs[1])
    second.start_epoch(2)
    np.testing.assert_array_equal(rows(second.train)[0], epochs[2])
    assert not np.array_equal(rows(data.from_tfrecord(written, seed=4).train)[0], epochs[0])
    np.testing.assert_array_equal(np.sort(epochs[0], 0), np.sort(epochs[1], 0))


def test_files_are_read_side_by_side_in_another_order(written):
    train = data.from_tfrecord(written, shuffle=1).train
    files = [tf.data.TFRecordDataset(str(path)) for path in sorted(written.glob("train-*"))]
    place = {value: n for n, file in enumerate(files) for value in map(number, file)}
    orders = [[place[value] for value in rows(train)[0][:, 0]] for _ in range(2)]
    assert len(set(orders[0][:4])) == 4
    assert orders[0] != orders[1]


def number(record):
    return tf.train.Example.FromString(record.numpy()).features.feature["x"].float_list.value[0]


def test_without_an_order_nothing_is_lost(written):
    found = data.from_tfrecord(written, deterministic=False)
    every = np.concatenate([rows(part)[0][:, 0] for part in found])
    assert sorted(every) == list(range(100))


def test_a_model_trains(written):
    splits = data.from_tfrecord(written, batch_size=20)
    output = keras.layers.Dense(1, activation="sigmoid", name="even")(splits.features)
    model = keras.Model(splits.inputs, {"even": output})
    model.compile("sgd", "binary_crossentropy")
    history = model.fit(
        splits.train, validation_data=splits.valid, epochs=2, verbose=0, shuffle=False
    )
    assert len(history.history["val_loss"]) == 2


def break_schema(folder, change):
    content = json.loads((folder / "schema.json").read_text())
    change(content)
    (folder / "schema.json").write_text(json.dumps(content))


def other_shape(content):
    content["features"]["x"]["shape"] = [7]


def no_parts(content):
    del content["parts"]


def old_format(content):
    content["format"] = 0


def other_kind(content):
    content["targets"]["even"]["kind"] = "binray"


@pytest.fixture
def copy(written, tmp_path):
    for path in written.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_shape, r"test-.*tfrecord|train-00000-of-00004.tfrecord does not hold .*schema.*x"),
        (no_parts, r"schema.json lacks the key 'parts'"),
        (old_format, r'schema.json has no "format": 1'),
        (other_kind, r"schema.json cannot be understood: .*'binray'"),
    ],
)
def test_a_schema_that_does_not_fit(copy, change, message):
    break_schema(copy, change)
    with pytest.raises(ValueError, match=message) as caught:
        data.from_tfrecord(copy)
    assert "\n" not in str(caught.value)


def test_a_data_set_in_place_of_splits_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"what the readers of tf_mtl.data return.* Received a _"):
        data.write_tfrecord(tf.data.Dataset.range(3), tmp_path / "rows")


def test_bad_files_are_named(copy):
    path = copy / "train-00001-of-00004.tfrecord"
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(ValueError, match=r"train-00001-of-00004.tfrecord has \d+ bytes and had"):
        data.from_tfrecord(copy)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"names .*train-00001-of-00004.tfrecord, which"):
        data.from_tfrecord(copy)
    path.write_bytes(content)
    first = copy / "train-00000-of-00004.tfrecord"
    first.write_bytes(b"x" * first.stat().st_size)
    with pytest.raises(ValueError, match=r"train-00000-of-00004.tfrecord does not hold"):
        data.from_tfrecord(copy)
    (copy / "schema.json").write_text("{")
    with pytest.raises(ValueError, match=r"schema.json is not JSON: .*line 1"):
        data.from_tfrecord(copy)


def flip(path, share=0.5):
    """Changes one byte, which leaves the size as it was."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["train-00002-of-00004.tfrecord", "test-00000-of-00001.tfrecord"])
def test_a_damaged_record_is_named(copy, name):
    flip(copy / name)
    with pytest.raises(ValueError, match=rf"{name} is damaged in record \d+: corrupted") as caught:
        data.from_tfrecord(copy)
    assert "{{" not in str(caught.value)
    assert data.from_tfrecord(copy, check=False).sizes["train"] == 80


def test_a_damaged_compressed_file_is_named(tmp_path):
    folder = data.write_tfrecord(
        digits(), tmp_path / "data", rows_per_shard=500, compression="gzip"
    )
    flip(folder / "train-00001-of-00003.tfrecord.gz")
    with pytest.raises(ValueError, match=r"train-00001-of-00003.tfrecord.gz is damaged"):
        data.from_tfrecord(folder)


def test_a_file_with_another_number_of_records_is_named(copy):
    def fewer(content):
        content["parts"]["train"][1]["rows"] = 21

    break_schema(copy, fewer)
    message = r"train-00001-of-00004.tfrecord holds 20 records, and schema.json says 21"
    with pytest.raises(ValueError, match=message):
        data.from_tfrecord(copy)


def test_bad_folders_and_arguments(tmp_path, written):
    with pytest.raises(FileNotFoundError, match=r"no folder .*absent"):
        data.from_tfrecord(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"has no schema.json"):
        data.from_tfrecord(tmp_path)
    with pytest.raises(FileExistsError, match="is not empty"):
        data.write_tfrecord(arrays(), written)
    with pytest.raises(ValueError, match="`compression` must be None or 'gzip', not 'zip'"):
        data.write_tfrecord(arrays(), tmp_path / "new", compression="zip")
    with pytest.raises(ValueError, match="`rows_per_shard` must be at least 1"):
        data.write_tfrecord(arrays(), tmp_path / "new", rows_per_shard=0)
    with pytest.raises(ValueError, match="`shuffle` must be at least 1"):
        data.from_tfrecord(written, shuffle=0)
    assert not (tmp_path / "new").exists()
