"""Labels follow their images: told again from the changed images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, data, heads, trunks
from tf_mtl.data.bundled_sets.digits_canvas import boxes

ROWS, HEIGHT, WIDTH = 24, 32, 48
LAYERS = keras.layers
MOVES = [
    lambda: LAYERS.RandomFlip("horizontal", seed=1),
    lambda: LAYERS.RandomFlip("horizontal_and_vertical", seed=2),
    lambda: LAYERS.RandomTranslation(0.2, 0.2, fill_mode="constant", seed=3),
    lambda: LAYERS.RandomZoom(0.2, fill_mode="constant", seed=4),
    lambda: LAYERS.RandomCrop(28, 40, seed=5),
    lambda: LAYERS.RandomCrop(28, WIDTH),
    lambda: LAYERS.CenterCrop(28, 40),
]


def scene(seed=0):
    """Images of a bright rectangle, with its mask, box and depth."""
    random = np.random.default_rng(seed)
    mask = np.zeros((ROWS, HEIGHT, WIDTH), "int32")
    for row in mask:
        top, left = random.integers(8, 14), random.integers(10, 22)
        row[top : top + random.integers(6, 10), left : left + random.integers(6, 16)] = 1
    x = np.repeat(mask[..., None], 3, axis=-1).astype("float32")
    y = {
        "mask": mask,
        "box": boxes(mask.astype(bool)),
        "depth": np.where(mask == 1, 2.5, 7.0).astype("float32"),
        "digit": random.integers(0, 4, ROWS).astype("int32"),
        "price": random.normal(size=ROWS).astype("float32"),
    }
    return x, y


TARGETS = {
    "mask": data.Target("segmentation", num_classes=2),
    "box": "box",
    "depth": "dense_regression",
    "digit": data.Target("classification", num_classes=4),
    "price": "regression",
}


def changed(layers, x, y, targets=None, **options):
    """One batch through `tf.data`, as arrays."""
    targets = targets or {task: TARGETS[task] for task in y}
    stream = tf.data.Dataset.from_tensors((x, y)).map(data.Augment(layers, targets, **options))
    return keras.tree.map_structure(np.asarray, next(iter(stream)))


@pytest.mark.parametrize("place", range(len(MOVES)))
class TestMoves:
    def test_every_label_moves_with_the_image(self, place):
        x, y = scene()
        images, labels = changed([MOVES[place]()], x, y)
        assert images.shape[1:3] == labels["mask"].shape[1:] == labels["depth"].shape[1:]
        known = labels["mask"] >= 0
        sharp = (images[..., 0] < 0.02) | (images[..., 0] > 0.98)  # not between two pixels
        mask = images[..., 0] > 0.5
        np.testing.assert_array_equal((labels["mask"] == 1)[known & sharp], mask[known & sharp])
        np.testing.assert_allclose(
            labels["depth"][known], np.where(labels["mask"] == 1, 2.5, 7.0)[known]
        )
        np.testing.assert_array_equal(np.isnan(labels["depth"]), ~known)
        size = np.array([images.shape[2], images.shape[1]] * 2)
        expected = boxes(labels["mask"] == 1)
        # Masks move in whole pixels, boxes in fractions of them.
        assert (np.abs(labels["box"] - expected) * size).max() < 1.01
        for task in ("digit", "price"):
            np.testing.assert_array_equal(labels[task], y[task])
        assert labels["mask"].dtype == np.int32
        assert len(np.unique(labels["box"].round(4), axis=0)) > 1

    def test_missing_labels_stay_missing(self, place):
        x, y = scene()
        y["mask"][:4], y["mask"][5, :, :20] = -1, -1
        y["box"][4:8] = np.nan
        y["depth"][8:] = np.nan
        y["digit"][3], y["price"][2] = -1, np.nan
        _, labels = changed([MOVES[place]()], x, y)
        assert (labels["mask"][:4] == -1).all()
        assert (labels["mask"][4:] != -1).any()
        np.testing.assert_array_equal(np.isnan(labels["box"]).all(axis=1), np.isnan(y["box"][:, 0]))
        assert np.isnan(labels["depth"][8:]).all()
        assert labels["digit"][3] == -1
        assert np.isnan(labels["price"][2])


def test_a_box_that_leaves_the_image_is_missing():
    x = np.zeros((1, 10, 10, 1), "float32")
    y = {"box": np.array([[0.0, 0.0, 0.2, 0.2]], "float32")}
    away = LAYERS.RandomTranslation((-0.5, -0.5), (-0.5, -0.5), fill_mode="constant")
    _, labels = changed([away], x, y)
    assert np.isnan(labels["box"]).all()


def test_pixels_from_outside_the_image_have_no_label():
    x, y = scene()
    right = LAYERS.RandomTranslation((0, 0), (0.25, 0.25), fill_mode="constant")
    for dtype in ("int32", "uint8", "bool"):
        _, labels = changed([right], x, {"mask": y["mask"].astype(dtype)})
        assert (labels["mask"][:, :, :12] == -1).all()
        np.testing.assert_array_equal(labels["mask"][:, :, 12:], y["mask"][:, :, :36])


def test_pixels_without_a_number_are_nan_in_labels_of_whole_numbers():
    x, y = scene()
    right = LAYERS.RandomTranslation((0, 0), (0.25, 0.25), fill_mode="constant")
    given = (1000 * y["depth"]).astype("uint16")
    _, labels = changed([right], x, {"depth": given})
    assert np.isnan(labels["depth"][:, :, :12]).all()
    np.testing.assert_array_equal(labels["depth"][:, :, 12:], given[:, :, :36])


def test_labels_that_no_layer_changes_stay_as_they_are():
    x, y = scene()
    numbers = 2**24 + 1 + np.arange(ROWS)  # more digits than float32 has
    given = {"price": numbers, "digit": y["digit"].astype("uint8")}
    for dtype in ("int64", "float64"):
        given["price"] = numbers.astype(dtype)
        _, labels = changed([LAYERS.RandomFlip(seed=1)], x, given)
        for task, values in given.items():
            np.testing.assert_array_equal(labels[task], values)
            assert labels[task].dtype == values.dtype


def test_all_tasks_get_the_same_transformation_in_a_chain():
    x, y = scene()
    chain = [make() for make in (MOVES[0], MOVES[2], MOVES[3])]
    images, labels = changed([*chain, LAYERS.RandomBrightness(0.1, (0, 1), seed=9)], x, y)
    overlap = ((labels["mask"] == 1) & (images[..., 0] > 0.5)).sum(axis=(1, 2))
    assert (overlap > 0.8 * (labels["mask"] == 1).sum(axis=(1, 2))).all()


class TestMixing:
    def mixed(self, layer, **missing):
        """A batch in which every image says of itself which row it is."""
        x = np.zeros((ROWS, 8, 8, 1), "float32")
        x += np.arange(ROWS)[:, None, None, None]
        y = {
            "row": np.arange(ROWS).astype("float32"),
            "digit": (np.arange(ROWS) % 4).astype("int32"),
            "odd": (np.arange(ROWS) % 2).astype("int32"),
            "tags": np.stack([np.arange(ROWS) % 2, np.arange(ROWS) % 3 == 0], 1).astype("int32"),
        }
        for task, rows in missing.items():
            y[task][rows] = np.nan if task == "row" else -1
        targets = {
            "row": "regression",
            "digit": data.Target("classification", num_classes=4),
            "odd": "binary",
            "tags": "multilabel",
        }
        return (x, y, *changed([layer], x, y, targets))

    def test_mixup_mixes_every_label_as_the_image(self):
        _, _, images, labels = self.mixed(LAYERS.MixUp(1.0, seed=4))
        np.testing.assert_allclose(labels["row"], images[:, 0, 0, 0], rtol=1e-4)
        np.testing.assert_allclose(labels["digit"].sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(labels["tags"][:, 0], labels["odd"], rtol=1e-5)
        odd = labels["digit"][:, [1, 3]].sum(axis=1)
        np.testing.assert_allclose(odd, labels["odd"], atol=1e-5)
        assert ((labels["odd"] > 0.01) & (labels["odd"] < 0.99)).any()

    def test_cutmix_mixes_labels_by_the_area(self):
        _, _, images, labels = self.mixed(LAYERS.CutMix(1.0, seed=4))
        np.testing.assert_allclose(labels["row"], images.mean(axis=(1, 2, 3)), rtol=1e-4)
        odd = labels["digit"][:, [1, 3]].sum(axis=1)
        np.testing.assert_allclose(odd, labels["odd"], atol=1e-5)

    def test_a_missing_label_makes_the_mixed_one_missing(self):
        rows = np.arange(0, ROWS, 3)
        layer = LAYERS.MixUp(1.0, seed=4)
        _, _, _, full = self.mixed(LAYERS.MixUp(1.0, seed=4))
        _, _, _, labels = self.mixed(layer, row=rows, digit=rows, odd=rows, tags=rows)
        gone = np.isnan(labels["row"])
        assert gone[rows].all()
        assert rows.size < gone.sum() < ROWS
        np.testing.assert_array_equal(np.isnan(labels["digit"]).all(axis=1), gone)
        for task in ("odd", "digit", "tags"):
            np.testing.assert_array_equal(np.isnan(labels[task]).reshape(ROWS, -1)[:, 0], gone)
            np.testing.assert_allclose(labels[task][~gone], full[task][~gone], rtol=1e-5)

    def test_cutmix_cuts_masks_as_it_cuts_images(self):
        x, y = scene()
        y["mask"][3] = -1
        images, labels = changed([LAYERS.CutMix(1.0, seed=3)], x, {"mask": y["mask"]})
        known = labels["mask"] >= 0
        np.testing.assert_array_equal(labels["mask"][known], images[..., 0][known])
        assert (~known).any()
        assert labels["mask"].dtype == np.int32

    def test_mixup_makes_shares_of_pixels(self):
        x, y = scene()
        images, labels = changed([LAYERS.MixUp(1.0, seed=3)], x, {"mask": y["mask"]})
        assert labels["mask"].shape == (ROWS, HEIGHT, WIDTH, 2)
        np.testing.assert_allclose(labels["mask"][..., 1], images[..., 0], atol=1e-5)

    @pytest.mark.parametrize("layer", [LAYERS.MixUp, LAYERS.CutMix])
    def test_sample_weights_mix_too_and_0_is_missing(self, layer):
        x = np.arange(ROWS, dtype="float32")[:, None, None, None] * np.ones((1, 4, 4, 1))
        given = np.arange(1, ROWS + 1, dtype="float32")
        weights, labels = given.copy(), given.copy()
        weights[::3], labels[::3] = 0, np.nan
        tasks = {"weighed": "regression", "missing": "regression"}
        augment = data.Augment([layer(1.0, seed=1)], tasks)
        _, y, mixed = augment(x, {"weighed": given, "missing": labels}, {"weighed": weights})
        gone = np.isnan(y["missing"])
        assert 0 < gone.sum() < ROWS
        np.testing.assert_allclose(mixed["weighed"], np.where(gone, 0, y["weighed"]), rtol=1e-6)

    def test_a_model_learns_from_soft_labels(self):
        random = np.random.default_rng(0)
        x = random.normal(size=(64, 8, 8, 1)).astype("float32")
        y = {
            "digit": random.integers(-1, 3, 64).astype("int32"),
            "odd": random.integers(0, 2, 64).astype("int32"),
        }
        targets = {"digit": data.Target("classification", 3), "odd": data.Target("binary")}
        stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
        model = build_model(
            keras.Input((8, 8, 1)),
            trunks.MLP([8]),
            {"digit": heads.Classification(3), "odd": heads.BinaryClassification()},
        )
        model.compile("adam", loss={"digit": "categorical_crossentropy", "odd": "auto"})
        logs = model.fit(
            stream.map(data.Augment([LAYERS.MixUp(0.2, seed=1)], targets)),
            validation_data=stream.map(data.soft_labels(targets)),
            epochs=2,
            verbose=0,
        ).history
        assert np.isfinite(logs["loss"]).all()
        assert logs["odd_loss"][1] > 0
        known = y["digit"] >= 0
        chosen = model.predict(x, verbose=0)["digit"].argmax(axis=-1)
        expected = np.mean(chosen[known] == y["digit"][known])
        np.testing.assert_allclose(logs["val_digit_accuracy"][-1], expected, rtol=1e-5)


def test_colours_change_no_label():
    x, y = scene()
    images, labels = changed([LAYERS.RandomInvert(1.0, value_range=(0, 1), seed=1)], x, y)
    assert not np.array_equal(images, x)
    for task, values in y.items():
        np.testing.assert_array_equal(labels[task], values)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: LAYERS.RandomSaturation((0.9, 0.9), seed=1),
        lambda: LAYERS.Resizing(20, 30, interpolation="bicubic"),
    ],
)
def test_pixels_stay_within_their_range(layer):
    x = np.random.default_rng(0).choice(np.array([0, 255], "uint8"), (4, 16, 16, 3))
    y = {"price": np.zeros(4, "float32")}
    found, _ = changed([layer()], x, y)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 255
    scaled, _ = changed([LAYERS.Rescaling(1 / 127.5, offset=-1), layer()], x, y)
    assert scaled.min() < -0.5


def test_the_image_among_several_inputs():
    x, y = scene()
    inputs = {"photo": x, "age": np.arange(ROWS)}
    found, labels = changed(
        [LAYERS.RandomFlip("horizontal", seed=1)], inputs, {"box": y["box"]}, image="photo"
    )
    np.testing.assert_array_equal(found["age"], inputs["age"])
    assert np.abs(labels["box"] - boxes(found["photo"][..., 0] > 0.5)).max() < 1e-5


def test_a_layer_or_a_list_of_tasks_is_refused():
    flip = keras.layers.RandomFlip()
    for arguments in ((flip, {"digit": "classification"}), ([flip], ["digit"])):
        with pytest.raises(ValueError, match="Expected a list of layers, and the kinds"):
            data.Augment(*arguments)


def test_layers_are_copied_and_repeat_by_their_seed():
    x, y = scene()
    layer = LAYERS.RandomTranslation(0.2, 0.2, seed=3)
    first, second = (changed([layer], x, y)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert layer.bounding_box_format is None


@pytest.mark.parametrize(
    "make", [MOVES[0], MOVES[4], lambda: LAYERS.MixUp(seed=1), lambda: LAYERS.RandAugment(seed=1)]
)
def test_a_policy_of_half_precision_is_that_of_models(make):
    x, y = scene()
    y["depth"] *= 1e5  # more than float16 has
    kinds = {task: y[task] for task in y if task == "digit" or make in MOVES}
    expected = changed([make()], 255 * x, kinds)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = changed([make()], 255 * x, kinds)
    finally:
        keras.config.set_dtype_policy("float32")
    assert found[0].dtype == np.float32
    keras.tree.map_structure(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("factor", [0.3, (0.1, 0.3)])
def test_a_shear_is_copied(factor):
    x, y = scene()
    layer = LAYERS.RandomShear(factor, factor, fill_mode="constant", seed=3)
    images, labels = changed([layer], x, {"mask": y["mask"]})
    np.testing.assert_array_equal(images, np.asarray(layer(x, training=True)))
    known = labels["mask"] >= 0
    # Nearest pixels of the mask, blended ones of the image.
    differ = (labels["mask"] == 1) != (images[..., 0] > 0.5)
    assert differ[known].mean() < 0.02


@pytest.mark.parametrize("size", [(HEIGHT + 1, 20), (20, WIDTH + 1), (50, 50)])
@pytest.mark.parametrize("task", ["box", "mask", "depth"])
def test_a_crop_larger_than_the_image_is_refused(size, task):
    x, y = scene()
    with pytest.raises(ValueError, match=rf"larger than the images, 32 x 48: .*'{task}'"):
        changed([LAYERS.RandomCrop(*size)], x, {task: y[task]})
    images, _ = changed([LAYERS.RandomCrop(*size)], x, {"digit": y["digit"]})
    assert images.shape[1:3] == size


@pytest.mark.parametrize("task", ["mask", "depth"])
def test_a_central_crop_larger_than_the_image_is_refused(task):
    x, y = scene()
    with pytest.raises(ValueError, match=rf"CenterCrop.*than the images, 32 x 48: .*'{task}'"):
        changed([LAYERS.CenterCrop(20, WIDTH + 1)], x, {task: y[task]})
    images, labels = changed([LAYERS.CenterCrop(20, WIDTH + 1)], x, {"box": y["box"]})
    pixels = np.abs(labels["box"] - boxes(images[..., 0] > 0.5)) * [WIDTH + 1, 20, WIDTH + 1, 20]
    assert pixels.max() < 1.01


@pytest.mark.parametrize(
    ("layer", "task"),
    [
        (lambda: LAYERS.RandomCrop(20, 30), "digit"),
        (LAYERS.RandomPerspective, "mask"),
        (lambda: LAYERS.RandomZoom(0.2), "box"),
        (lambda: LAYERS.CenterCrop(20, 30), "mask"),
    ],
)
def test_a_size_that_is_not_known_is_told(layer, task):
    x, y = scene()
    size = tf.TensorSpec((None, None, None, 3)), {task: tf.TensorSpec((None,) * y[task].ndim)}
    stream = tf.data.Dataset.from_generator(lambda: [(x, {task: y[task]})], output_signature=size)
    targets = {task: TARGETS[task]}
    with pytest.raises(ValueError, match=rf"{type(layer()).__name__} has to know the size"):
        stream.map(data.Augment([layer()], targets))
    sized = stream.map(data.Augment([LAYERS.Resizing(24, 36), layer()], targets))
    images, labels = next(iter(sized))
    assert len(images) == len(labels[task]) == ROWS


CLASSES = {"digit": data.Target("classification", num_classes=4)}


@pytest.mark.parametrize(
    ("layer", "targets", "message"),
    [
        (lambda: LAYERS.RandomRotation(0.1), {"where": "box"}, r"'where'.*box.*RandomRotation"),
        (LAYERS.MixUp, {"where": "box"}, "objects of both"),
        (LAYERS.RandAugment, {"where": "segmentation"}, "one by one"),
        (LAYERS.RandomElasticTransform, {"where": "segmentation"}, "otherwise than images"),
        (LAYERS.RandomElasticTransform, {"depth": "dense_regression"}, "otherwise than images"),
        (LAYERS.RandomFlip, {"joints": "key_points"}, "no points"),
        (lambda: LAYERS.Dense(2), CLASSES, "no augmentation"),
        (lambda: LAYERS.RandomFlip(data_format="channels_first"), CLASSES, "Leave out the arg"),
        (lambda: "flip", CLASSES, r"layers of keras\.layers"),
        (LAYERS.RandomFlip, {"where": "bx"}, "Did you mean 'box'"),
        (LAYERS.MixUp, {"digit": "classification"}, "number of classes must be known"),
        (
            lambda: LAYERS.RandomZoom(0.1, fill_mode="constant", fill_value=1.0),
            {"mask": "segmentation"},
            "fill_value=0",
        ),
    ],
)
def test_what_cannot_be_right_is_refused(layer, targets, message):
    with pytest.raises(ValueError, match=message):
        data.Augment([layer()], targets)


def test_mistakes_in_the_data_are_named():
    x, y = scene()
    augment = data.Augment([LAYERS.RandomFlip()], CLASSES)
    with pytest.raises(ValueError, match=r"'digt'.*Did you mean 'digit'"):
        augment(x, {"digt": y["digit"]})
    with pytest.raises(ValueError, match=r"image=\.\.\."):
        augment({"photo": x}, {"digit": y["digit"]})
    for images in (x[0], x[..., 0], x[:, None]):  # a single one, grey ones, videos
        with pytest.raises(ValueError, match=r"\[B, height, width, channels\]\. Received.*\(.*32"):
            augment(images, {"digit": y["digit"]})
    for change in (data.Augment([LAYERS.MixUp()], CLASSES), data.soft_labels(CLASSES)):
        with pytest.raises(ValueError, match=r"'digit'.*\(24, 4\).*one-hot"):
            change(x, {"digit": np.eye(4)[y["digit"]]})
    masks = data.Augment([LAYERS.RandomFlip()], {"mask": "segmentation"})
    with pytest.raises(ValueError, match=r"\(24, 32, 48\) are weights of pixels.*-1"):
        masks(x, {"mask": y["mask"]}, {"mask": np.ones(y["mask"].shape)})
    with pytest.raises(ValueError, match="text labels"):
        augment(x, {"digit": np.array(["a"] * ROWS)})
