"""Heads of images: what their outputs and label rules promise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, heads


def only(head, *shape):
    """A model of a head alone, on features given as inputs."""
    model = build_model(keras.Input(shape), keras.layers.Identity(), {"task": head})
    model.compile("sgd")
    return model


class TestBoundingBox:
    @pytest.mark.parametrize("scale", [1.0, 10.0, 1e3])
    def test_every_prediction_is_a_box_inside_the_image(self, scale):
        head = heads.BoundingBox()
        features = np.random.default_rng(0).normal(0, scale, (500, 9)).astype("float32")
        x1, y1, x2, y2 = np.moveaxis(head(features).numpy(), -1, 0)
        for low, high in ((x1, x2), (y1, y2)):
            assert (low >= 0).all()
            assert (low <= high).all()
            assert (high <= 1).all()

    def test_maps_are_not_averaged(self):
        """What moves in the maps moves the box."""
        head = heads.BoundingBox()
        maps = np.zeros((2, 4, 4, 1), "float32")
        maps[0, 0, 0], maps[1, 3, 3] = 1, 1
        first, second = head(maps).numpy()
        assert np.abs(first - second).max() > 1e-3

    @pytest.mark.parametrize(
        ("box", "message"),
        [
            ([0.1, 0.2, np.nan, 0.4], "has a gap"),
            ([3, 4, 20, 30], "is not inside the image.*Divide pixels"),
            ([0.1, -0.1, 0.2, 0.2], "is not inside the image"),
            ([0.5, 0.1, 0.2, 0.4], "x2 ≤ x1"),
            ([0.1, 0.3, 0.2, 0.3], "y2 ≤ y1"),
            ([0.1, 0.1, np.inf, 0.4], "is not inside"),
        ],
    )
    def test_wrong_boxes_are_named(self, box, message):
        labels = np.tile(np.array([0.1, 0.1, 0.4, 0.4]), (8, 1))
        labels[2] = np.nan
        labels[5] = box
        with pytest.raises(ValueError, match=f"row 5: the box .*{message}"):
            only(heads.BoundingBox(), 3).fit(np.ones((8, 3)), {"task": labels}, verbose=0)

    def test_features_of_unknown_size_are_refused(self):
        with pytest.raises(ValueError, match="known size"):
            heads.BoundingBox()(keras.Input((None, None, 4)))


class TestSegmentation:
    def test_pixels_without_a_label_count_for_nothing(self):
        """Loss and metrics are those of the labelled pixels, by NumPy."""
        random = np.random.default_rng(0)
        x = random.normal(size=(10, 4, 6, 3)).astype("float32")
        y = random.integers(0, 3, (10, 4, 6))
        y[random.random(y.shape) < 0.3] = 255
        y[random.random(y.shape) < 0.2] = -1
        y[4] = -1
        model = only(heads.Segmentation(3, void=255), 4, 6, 3)
        logs = model.evaluate(x, {"task": y}, verbose=0, return_dict=True, batch_size=10)
        labelled = (y >= 0) & (y < 3)
        p, truth = model.predict(x, verbose=0)["task"][labelled], y[labelled]
        chosen = p.argmax(-1)
        ious = [
            ((chosen == k) & (truth == k)).sum() / ((chosen == k) | (truth == k)).sum()
            for k in range(3)
        ]
        expected = -np.log(p[np.arange(len(p)), truth]).mean()
        np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)
        np.testing.assert_allclose(logs["mean_iou"], np.mean(ious), rtol=1e-5)
        np.testing.assert_allclose(logs["accuracy"], (chosen == truth).mean(), rtol=1e-5)

    def test_rows_of_a_weight_below_1_count_in_the_iou(self):
        random = np.random.default_rng(0)
        x, y = random.normal(size=(6, 4, 4, 3)), {"task": random.integers(-1, 3, (6, 4, 4))}
        model = only(heads.Segmentation(3), 4, 4, 3)
        expected = model.evaluate(x, y, verbose=0, return_dict=True)["mean_iou"]
        weights = np.full(6, 0.5)
        logs = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
        assert logs["mean_iou"] == expected > 0

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float32"])
    def test_void_of_every_dtype(self, dtype):
        labels = tf.cast([[[0, 255], [1, 255]]], dtype)
        encoded, labelled = heads.Segmentation(2, void=255).label_rule.encode(labels)
        assert labelled.numpy().tolist() == [[[True, False], [True, False]]]
        assert encoded.numpy().max() == 1
        assert heads.Segmentation(2, void=255).label_rule.problem(labels.numpy()) is None
        row, text = heads.Segmentation(2).label_rule.problem(labels.numpy())
        assert row == 0
        assert text.startswith("255")

    def test_scores_are_interpolated_to_the_mask(self):
        head = heads.Segmentation(2, size=(8, 12))
        output = head(np.random.default_rng(0).normal(size=(1, 4, 6, 3)).astype("float32"))
        assert output.shape == (1, 8, 12, 2)
        np.testing.assert_allclose(tf.reduce_sum(output, -1), np.ones((1, 8, 12)), rtol=1e-6)

    def test_vectors_are_refused(self):
        with pytest.raises(ValueError, match=r"axes of an image.*UNet"):
            heads.Segmentation(2)(np.ones((3, 8), "float32"))

    def test_a_mask_of_another_size_is_refused(self):
        with pytest.raises(
            ValueError, match=r"\[B, 4, 4\] or \[B, 4, 4, 1\], received \[B, 5, 4\]"
        ):
            only(heads.Segmentation(2), 4, 4, 3).fit(
                np.ones((2, 4, 4, 3)), {"task": np.zeros((2, 5, 4), int)}, verbose=0
            )


class TestDenseRegression:
    def test_missing_pixels_count_for_nothing(self):
        random = np.random.default_rng(0)
        x = random.normal(size=(10, 4, 6, 3)).astype("float32")
        y = random.normal(3, 2, (10, 4, 6)).astype("float32")
        y[random.random(y.shape) < 0.4] = np.nan
        y[3] = np.nan
        model = only(heads.DenseRegression(mean=3.0, std=2.0), 4, 6, 3)
        logs = model.evaluate(x, {"task": y}, verbose=0, return_dict=True, batch_size=10)
        error = (model.predict(x, verbose=0)["task"][..., 0] - y)[~np.isnan(y)]
        np.testing.assert_allclose(logs["loss"], np.mean((error / 2) ** 2), rtol=1e-5)
        np.testing.assert_allclose(logs["mae"], np.abs(error).mean(), rtol=1e-5)
        np.testing.assert_allclose(logs["rmse"], np.sqrt(np.mean(error**2)), rtol=1e-5)

    def test_normals_are_unit_vectors_learnt_by_angle(self):
        random = np.random.default_rng(0)
        x = random.normal(size=(40, 3, 3, 3)).astype("float32")
        y = x / np.linalg.norm(x, axis=-1, keepdims=True)
        y[random.random(y.shape[:-1]) < 0.3] = np.nan
        model = only(heads.DenseRegression(3, unit_vectors=True), 3, 3, 3)
        model.compile(keras.optimizers.Adam(0.05))
        model.fit(x, {"task": y}, verbose=0, epochs=40)
        logs = model.evaluate(x, {"task": y}, verbose=0, return_dict=True)
        assert logs["angle"] < 5
        output = model.predict(x, verbose=0)["task"]
        np.testing.assert_allclose(np.linalg.norm(output, axis=-1), 1, rtol=1e-5)

    def test_black_pixels_do_not_move_the_bias_out_of_sight(self):
        """Their features are 0, and there is no direction yet."""
        model = only(heads.DenseRegression(3, unit_vectors=True), 2, 2, 3)
        model.compile(keras.optimizers.SGD(1.0))
        up = np.tile(np.array([0.0, 0.0, 1.0], "float32"), (1, 2, 2, 1))
        model.fit(np.zeros((1, 2, 2, 3)), {"task": up}, verbose=0)
        np.testing.assert_allclose(model.get_layer("task").projection.bias, [0, 0, 1])

    def test_wrong_lengths_are_named(self):
        y = np.tile(np.array([0.0, 0.0, 1.0], "float32"), (5, 2, 2, 1))
        y[3, 1, 0] = [0, 0, 0]
        with pytest.raises(ValueError, match=r"row 3: the vector \[0.0, 0.0, 0.0\] has the length"):
            only(heads.DenseRegression(3, unit_vectors=True), 2, 2, 3).fit(
                np.ones((5, 2, 2, 3)), {"task": y}, verbose=0
            )


class TestKeyPoints:
    def test_a_sharp_heatmap_tells_its_pixel(self):
        model = only(heads.KeyPoints(1), 5, 4, 1)
        kernel, bias = model.get_layer("task").get_weights()
        model.get_layer("task").set_weights([np.full_like(kernel, 50), bias])
        maps = np.zeros((1, 5, 4, 1), "float32")
        maps[0, 1, 3] = 1
        x, y = model.predict(maps, verbose=0)["task"][0, 0]
        np.testing.assert_allclose([x, y], [3.5 / 4, 1.5 / 5], rtol=1e-5)

    def test_missing_points_count_for_nothing(self):
        random = np.random.default_rng(0)
        x = random.normal(size=(12, 6)).astype("float32")
        y = random.uniform(size=(12, 3, 2)).astype("float32")
        y[random.random((12, 3)) < 0.4] = np.nan
        y[2] = np.nan
        model = only(heads.KeyPoints(3), 6)
        logs = model.evaluate(x, {"task": y}, verbose=0, return_dict=True, batch_size=12)
        distance = np.linalg.norm(model.predict(x, verbose=0)["task"] - y, axis=-1)
        np.testing.assert_allclose(logs["distance"], np.nanmean(distance), rtol=1e-5)

    @pytest.mark.parametrize(
        ("point", "message"),
        [([1.5, 0.5, 1], "not inside the image"), ([0.5, 0.5, 2], "visibility other than 0")],
    )
    def test_wrong_points_are_named(self, point, message):
        y = np.full((6, 2, 3), 0.5)
        y[..., 2] = 1
        y[0, 0] = [-9, 7, 0]  # not visible: its position is not looked at
        y[4, 1] = point
        with pytest.raises(ValueError, match=rf"row 4: point 1, .*{message}"):
            only(heads.KeyPoints(2, visibility=True), 3).fit(
                np.ones((6, 3)), {"task": y}, verbose=0
            )


BAD = [
    (lambda: heads.Segmentation(1), "at least 2"),
    (lambda: heads.Segmentation(2, ["a"]), "2 different names"),
    (lambda: heads.Segmentation(3, void=2), "must not be one of the classes"),
    (lambda: heads.Segmentation(3, size=(4,)), "height, width"),
    (lambda: heads.Segmentation(3, size=4), "height, width.*size=4"),
    (lambda: heads.Segmentation(3, size=(4, 0)), "height, width"),
    (lambda: heads.DenseRegression(0), "at least 1"),
    (lambda: heads.DenseRegression(1, unit_vectors=True), "at least 2"),
    (lambda: heads.DenseRegression(3, unit_vectors=True, std=2.0), "no units to standardise"),
    (lambda: heads.DenseRegression(std=0.0), "greater than 0"),
    (lambda: heads.DenseRegression(std=np.nan), "must be finite"),
    (lambda: heads.KeyPoints(0), "at least 1"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_arguments_are_checked_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()
