import keras
import numpy as np
import pytest

from tests.losses.test_boxes import counted, random_boxes
from tf_mtl.metrics import AngularError, BoxIoU, KeyPointDistance


def test_box_iou_is_a_weighted_mean():
    labels, boxes = random_boxes(40, seed=1), random_boxes(40, seed=2)
    weights = np.arange(40) % 3
    expected = np.array([counted(*pair)[0] for pair in zip(labels, boxes, strict=True)])
    metric = BoxIoU()
    metric.update_state(labels[:25], boxes[:25], sample_weight=weights[:25])
    metric.update_state(labels[25:].astype("float64"), boxes[25:], sample_weight=weights[25:])
    np.testing.assert_allclose(metric.result(), np.average(expected, weights=weights), rtol=1e-5)


@pytest.mark.parametrize("length", [3.0, 1e-25, 1e25])
@pytest.mark.parametrize("degrees", [0.0, 0.01, 1.0, 45.0, 90.0, 179.0, 180.0])
def test_angles_are_exact_at_both_ends(degrees, length):
    angle = np.radians(degrees)
    metric = AngularError()
    metric.update_state([[[1.0, 0.0]]], [[[length * np.cos(angle), length * np.sin(angle)]]])
    np.testing.assert_allclose(metric.result(), degrees, rtol=1e-3, atol=1e-4)


def test_distance_counts_visible_points():
    random = np.random.default_rng(0)
    labels, points = random.uniform(size=(2, 30, 4, 3)).astype("float32")
    labels[..., 2] = random.integers(0, 2, (30, 4))
    weights = random.integers(0, 2, (30, 4))
    expected = np.linalg.norm((labels - points)[..., :2], axis=-1)
    metric = KeyPointDistance()
    metric.update_state(labels, points, sample_weight=weights)
    np.testing.assert_allclose(
        metric.result(), np.average(expected, weights=weights * labels[..., 2]), rtol=1e-5
    )
    metric.reset_state()
    metric.update_state(labels[..., :2], points[..., :2], sample_weight=weights[:, 0])
    mean = np.average(expected.mean(axis=1), weights=weights[:, 0])
    np.testing.assert_allclose(metric.result(), mean, rtol=1e-5)


def test_nothing_visible_is_distance_zero():
    metric = KeyPointDistance()
    metric.update_state(np.zeros((2, 3, 3)), np.ones((2, 3, 3)))
    assert float(metric.result()) == 0


@pytest.mark.parametrize("metric", [BoxIoU("a"), AngularError("a"), KeyPointDistance("a")])
def test_config_comes_back(metric):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(again) is type(metric)
    assert again.name == "a"
