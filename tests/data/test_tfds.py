import time
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.resource import get_dl_fname

from tf_mtl import build_model, data, export, heads, trunks
from tf_mtl.data.hubs.tfds_builder import _has_downloads

# TensorFlow Datasets warns of its own dependencies.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Shapes(tfds.core.GeneratorBasedBuilder):
    """Images and numbers of three classes, written to a local folder."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({
                "image": tfds.features.Image(shape=(4, 4, 1)),
                "shape": tfds.features.ClassLabel(names=["disc", "ring", "star"]),
                "size": np.float32,
                "count": np.int64,
                "colour": tfds.features.Text(),
                "weight": np.float32,
            })
        )  # fmt: skip

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(50), "test": self._generate_examples(10)}

    def _generate_examples(self, rows):
        for row in range(rows):
            yield (
                row,
                {
                    "image": np.full((4, 4, 1), row * 5, "uint8"),
                    "shape": row % 3,
                    "size": row / 2,
                    "count": row % 4,
                    "colour": "red" if row % 2 else "blue",
                    "weight": float(row),
                },
            )


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    builder = Shapes(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return builder


def labels(dataset, task):
    return np.concatenate([y[task] for _, y in dataset.as_numpy_iterator()])


def test_images_and_every_kind_of_label(builder):
    splits = data.from_tfds(
        builder,
        {"shape": "shape", "size": "size", "count": "count", "colour": "colour",
         "large": lambda row: row["size"] > 10},
        {"count": "regression"},
        inputs=["image"], batch_size=8,
    )  # fmt: skip
    assert splits.sizes == {"train": 45, "valid": 5, "test": 10}
    assert splits.targets["shape"].class_names == ("disc", "ring", "star")
    assert {task: target.kind for task, target in splits.targets.items()} == {
        "shape": "classification", "size": "regression", "count": "regression",
        "colour": "binary", "large": "binary",
    }  # fmt: skip
    x, y = next(iter(splits.train))
    assert (x.dtype, splits.inputs.name, splits.inputs.dtype) == (tf.uint8, "image", "uint8")
    assert {task: label.dtype.name for task, label in y.items()} == {
        "shape": "int32", "size": "float32", "count": "float32", "colour": "int32",
        "large": "int32",
    }  # fmt: skip
    size = labels(splits.train, "size")
    assert splits.targets["size"].mean == pytest.approx([size.mean()])
    np.testing.assert_array_equal(labels(splits.test, "large"), labels(splits.test, "size") > 10)
    np.testing.assert_array_equal(
        labels(splits.test, "colour"), labels(splits.test, "size") % 1 > 0
    )


def test_numbers_in_text_are_numbers_for_a_regression(builder):
    def size(row):
        return tf.where(row["size"] < 5, " ", tf.strings.as_string(row["size"]))

    splits = data.from_tfds(
        builder, {"size": "size", "text": size}, {"text": "regression"}, inputs=["image"]
    )
    sizes, texts = labels(splits.test, "size"), labels(splits.test, "text")
    np.testing.assert_allclose(texts, np.where(sizes < 5, np.nan, sizes))


def test_numbers_and_text_become_a_table(builder):
    splits = data.from_tfds(
        builder, {"shape": "shape"}, inputs=["size", "count", "colour"], batch_size=8
    )
    assert {name: tensor.dtype for name, tensor in splits.inputs.items()} == {
        "size": "float32", "count": "float32", "colour": "string",
    }  # fmt: skip
    x, _ = next(iter(splits.train))
    assert {tuple(value.shape) for value in x.values()} == {(8, 1)}


def test_columns_have_the_dtypes_of_the_inputs_that_are_served(builder, tmp_path):
    splits = data.from_tfds(builder, {"shape": "shape"}, inputs=["size", "count", "colour"])
    head = heads.Classification(3)
    model = build_model(splits.features, trunks.MLP([4]), {"shape": head})
    served = tf.saved_model.load(export.saved_model(model, tmp_path / "shapes"))
    x, _ = next(iter(splits.test))
    np.testing.assert_allclose(
        served.signatures["serving_default"](**x)["shape"],
        model.predict(x, verbose=0)["shape"],
        atol=1e-6,
    )


def test_order_and_fingerprint(builder):
    first, second = (
        data.from_tfds(builder, {"size": "size"}, inputs=["image"], seed=2) for _ in range(2)
    )
    epochs = [labels(first.train, "size"), labels(first.train, "size")]
    np.testing.assert_array_equal(epochs[0], labels(second.train, "size"))
    assert not np.array_equal(*epochs)
    assert first.fingerprint == second.fingerprint
    parts = {"train": "train[:50%]", "valid": "train[50%:]", "test": "test"}
    other = data.from_tfds(builder, {"size": "size"}, inputs=["image"], splits=parts)
    assert other.sizes == {"train": 25, "valid": 25, "test": 10}
    assert other.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": {"shape": "shap"}}, "Unknown feature of shapes 'shap'.*Did you mean 'shape'"),
        ({"tasks": {"a-b": "shape"}}, "Invalid task name 'a-b'"),
        ({"inputs": ["imag"]}, "Did you mean 'image'"),
        ({"targets": {"shpe": "binary"}}, "Did you mean 'shape'"),
        ({"targets": {"shape": "binary"}}, "Labels of task 'shape'|binary"),
        ({"splits": {"train": "train", "valid": "test"}}, "'test'"),
        ({"splits": {"train": "train", "valid": "tst", "test": "test"}}, "Did you mean 'test'"),
        ({"tasks": {"count": lambda row: row["count"] - 3}}, "negative class"),
    ],
)
def test_bad_arguments_are_refused(builder, arguments, message):
    with pytest.raises(ValueError, match=message):
        data.from_tfds(builder, **{"tasks": {"shape": "shape"}, **arguments})


class Scenes(tfds.core.GeneratorBasedBuilder):
    """A box, a mask, and flags and a grade that may be missing."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({
                "image": tfds.features.Image(shape=(4, 8, 1)),
                "place": tfds.features.BBoxFeature(),
                "odd_place": tfds.features.BBoxFeature(bbox_format="REL_XYXY"),
                "mask": tfds.features.LabeledImage(labels=2, shape=(4, 8, 1)),
                "flags": tfds.features.Tensor(shape=(2,), dtype=np.float32),
                "film": tfds.features.Video(shape=(3, 4, 8, 1)),
                "grade": tfds.features.ClassLabel(num_classes=3),
            })
        )  # fmt: skip

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(30), "test": self._generate_examples(10)}

    def _generate_examples(self, rows):
        for row in range(rows):
            image = np.zeros((4, 8, 1), "uint8")
            image[1:3, row % 6 : row % 6 + 2] = 1
            box = tfds.features.BBox(0.25, row % 6 / 8, 0.75, (row % 6 + 2) / 8)
            flags = np.array([row % 2, np.nan], "float32")
            image_and_film = {"image": image * 255, "film": np.stack([image * 255] * 3)}
            scene = {**image_and_film, "mask": image, "flags": flags, "grade": row % 4 - 1}
            yield row, {**scene, "place": box, "odd_place": box}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    builder = Scenes(data_dir=tmp_path_factory.mktemp("scenes"))
    builder.download_and_prepare()
    return builder


def test_a_film_is_scaled_in_the_model_as_images_are(scenes):
    tasks = {"wide": lambda row: row["place"][3] > 0.5}
    splits = data.from_tfds(scenes, tasks, inputs=["film"])
    film, _ = next(iter(splits.train))
    assert film.dtype == tf.uint8
    body = trunks.TimeDistributed(trunks.CNN([2], units=[2]), "average")
    model = build_model(splits.features, body, {"wide": heads.BinaryClassification()})
    model.compile("adam")
    model.fit(splits.train, verbose=0)
    scaled = keras.Model(splits.inputs, splits.features)
    np.testing.assert_allclose(scaled(film), film / 255, atol=1e-6)


def test_a_class_that_is_missing_is_no_number_either(scenes):
    tasks = {"grade": "grade", "number": "grade"}
    splits = data.from_tfds(scenes, tasks, {"number": "regression"}, inputs=["image"])
    grade, number = labels(splits.test, "grade"), labels(splits.test, "number")
    assert set(grade) == {-1, 0, 1, 2}
    np.testing.assert_array_equal(number, np.where(grade < 0, np.nan, grade))
    trained = labels(splits.train, "grade")
    assert splits.targets["number"].mean == (pytest.approx(trained[trained >= 0].mean()),)


def test_boxes_masks_and_missing_flags(scenes):
    tasks = {"box": "place", "mask": "mask", "flags": "flags"}
    kinds = {"box": "box", "mask": "segmentation", "flags": "multilabel"}
    splits = data.from_tfds(scenes, tasks, kinds, inputs=["image"])
    for images, y in splits.train:
        assert y["mask"].shape == images.shape[:3]
        np.testing.assert_array_equal(y["mask"], images[..., 0] // 255)
        assert {"box": y["box"].dtype, "flags": y["flags"].dtype} == {
            "box": tf.float32, "flags": tf.int32,
        }  # fmt: skip
        assert set(y["flags"][:, 0].numpy()) == {0, 1}
        assert set(y["flags"][:, 1].numpy()) == {-1}
        columns = (images.numpy()[:, 1, :, 0] > 0).argmax(axis=1) / 8
        expected = np.stack([columns, columns * 0 + 0.25, columns + 0.25, columns * 0 + 0.75], 1)
        np.testing.assert_array_equal(y["box"], expected)
    with pytest.raises(ValueError, match=r"'odd_place' are .*XYXY.*function from the row"):
        data.from_tfds(scenes, {"box": "odd_place"}, {"box": "box"}, inputs=["image"])


class Uneven(tfds.core.GeneratorBasedBuilder):
    """Features that have parts, or another shape in each row."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({
                "size": np.float32,
                "photo": tfds.features.Image(shape=(None, None, 3)),
                "words": tfds.features.Sequence(np.int32),
                "nested": {"count": np.int64},
                "frames": tfds.features.Dataset({"count": np.int64}),
            })
        )  # fmt: skip

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(30), "test": self._generate_examples(10)}

    def _generate_examples(self, rows):
        for row in range(rows):
            yield (
                row,
                {
                    "size": row / 2,
                    "photo": np.zeros((2 + row % 3, 4, 3), "uint8"),
                    "words": list(range(row % 4)),
                    "nested": {"count": row % 2},
                    "frames": [{"count": row}] * (row % 3),
                },
            )


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    builder = Uneven(data_dir=tmp_path_factory.mktemp("uneven"))
    builder.download_and_prepare()
    return builder


@pytest.mark.parametrize("feature", ["photo", "words", "nested", "frames"])
def test_features_without_one_shape_are_named(uneven, feature):
    several = feature in ("nested", "frames")
    reason = "holds several tensors" if several else "differs from row to row"
    with pytest.raises(
        ValueError, match=rf"input of uneven '{feature}' .*{reason}.*tf.image.resize"
    ):
        data.from_tfds(uneven, {"large": lambda row: row["size"] > 5}, inputs=["size", feature])
    with pytest.raises(ValueError, match=rf"task of uneven 'what' .*{reason}.*lambda row"):
        data.from_tfds(uneven, {"what": feature}, inputs=["size"])


def resized(row):
    return tf.image.resize(row["photo"], (6, 5)) / 255


def test_a_function_makes_an_input_of_one_shape(uneven):
    label = {"large": lambda row: row["size"] > 5}
    inputs = {"photo": resized, "how_large": "size", "odd": lambda row: row["nested"]["count"]}
    splits = data.from_tfds(uneven, label, inputs=inputs, batch_size=8)
    shapes = {name: tuple(one.shape) for name, one in splits.inputs.items()}
    assert shapes == {"photo": (None, 6, 5, 3), "how_large": (None, 1), "odd": (None, 1)}
    x, y = next(iter(splits.train))
    np.testing.assert_array_equal(y["large"], x["how_large"][:, 0] > 5)
    np.testing.assert_array_equal(x["odd"][:, 0], x["how_large"][:, 0] * 2 % 2)
    # A single one is a tensor, which the model takes as it is.
    splits = data.from_tfds(uneven, label, inputs={"photo": resized})
    assert next(iter(splits.test))[0].shape == (10, 6, 5, 3)
    assert splits.features is splits.inputs
    with pytest.raises(ValueError, match=r"Unknown feature of uneven 'phot'.*mean 'photo'"):
        data.from_tfds(uneven, label, inputs={"photo": "phot"})


def test_rows_are_read_anew_in_every_pass(uneven):
    read = []

    def counted(row):
        tf.py_function(lambda size: read.append(float(size)), [row["size"]], [])
        return row["size"]

    splits = data.from_tfds(
        uneven, {"large": lambda row: row["size"] > 5}, inputs={"size": counted}
    )
    read.clear()
    for passes in (1, 2):
        rows = sum(len(x) for x, _ in splits.test)
        assert len(read) == passes * rows == passes * 10


def test_a_model_trains_from_functions_of_the_row(uneven):
    splits = data.from_tfds(
        uneven, {"large": lambda row: row["size"] > 5}, inputs={"photo": resized}, batch_size=8
    )
    trunk = trunks.CNN([2], units=[4])
    model = build_model(splits.features, trunk, {"large": heads.BinaryClassification()})
    model.compile("adam")
    history = model.fit(splits.train, validation_data=splits.valid, epochs=2, verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()


def test_a_function_takes_a_label_out_of_nested_features(uneven):
    splits = data.from_tfds(uneven, {"odd": lambda row: row["nested"]["count"]}, inputs=["size"])
    assert splits.targets["odd"].kind == "binary"


def test_a_data_set_that_tfds_knows():
    with tfds.testing.mock_data(num_examples=20):
        splits = data.from_tfds("mnist", {"digit": "label", "odd": lambda row: row["label"] % 2})
        assert splits.targets["digit"].num_classes == 10
        assert splits.targets["odd"].kind == "binary"
        x, _ = next(iter(splits.train))
    assert x.shape == (20, 28, 28, 1)


def test_unknown_data_sets():
    with pytest.raises(ValueError, match=r"Unknown data set.*'mnst'.*Did you mean 'mnist'"):
        data.from_tfds("mnst", {"digit": "label"})
    with pytest.raises(ValueError, match=r"'mnist:9.9.9' cannot be built"):
        data.from_tfds("mnist:9.9.9", {"digit": "label"})


@pytest.mark.parametrize("downloads", [[], ["cifar-10.gz", "other/cifar-10.gz"]])
def test_without_a_network_it_fails_early(tmp_path, monkeypatch, downloads):
    for name in downloads:  # of other data sets
        path = tmp_path / "downloads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.setattr(
        tfds.image_classification.MNIST, "url_infos", {"http://data.invalid/mnist.gz": None}
    )
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=r"(?s)data.invalid.*download_and_prepare\(\), copy"):
        data.from_tfds("mnist", {"digit": "label"}, data_dir=str(tmp_path))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("place", ["", "mnist", "manual"])
def test_files_placed_by_hand_spare_the_network(tmp_path, place):
    url = "http://data.invalid/mnist.gz"
    facts = types.SimpleNamespace(filename="mnist.gz", checksum="0" * 64)
    folder = tmp_path / "mnist" / "3.0.1"
    builder = types.SimpleNamespace(url_infos={url: facts}, data_dir=str(folder))
    assert not _has_downloads(builder, [url])
    path = tmp_path / "downloads" / place
    path.mkdir(parents=True)
    name = "mnist.gz" if place == "manual" else get_dl_fname(url, facts.checksum)
    (path / name).write_bytes(b"")
    assert _has_downloads(builder, [url])
