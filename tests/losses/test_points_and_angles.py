import numpy as np
import pytest
import tensorflow as tf

from tf_mtl.losses import CosineDistance, KeyPointLoss, unit_vectors


def test_cosine_distance_is_one_minus_the_cosine():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 5, 4, 3)).astype("float32")
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    expected = 1 - (first * second).sum(-1) / norms
    np.testing.assert_allclose(CosineDistance(reduction=None)(first, second), expected, atol=1e-6)


def test_cosine_distance_of_a_zero_vector_leads_to_the_label():
    zero = tf.zeros((1, 3))
    with tf.GradientTape() as tape:
        tape.watch(zero)
        loss = CosineDistance()(tf.constant([[0.0, 0.0, 1.0]]), zero)
    assert float(loss) == 1
    assert tape.gradient(loss, zero).numpy().tolist() == [[0, 0, -1]]


@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1.0, 1e30])
def test_unit_vectors_do_not_depend_on_length(scale):
    random = np.random.default_rng(0)
    vectors, weights = random.normal(size=(2, 5, 4)).astype("float32")
    x = tf.constant(vectors * np.float32(scale))
    with tf.GradientTape() as tape:
        tape.watch(x)
        units = unit_vectors(x)
        value = tf.reduce_sum(units * weights)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    direction = vectors / length
    np.testing.assert_allclose(units, direction, rtol=1e-5)
    across = weights - direction * (direction * weights).sum(-1, keepdims=True)
    gradient = tape.gradient(value, x).numpy().astype("float64") * scale
    np.testing.assert_allclose(gradient, across / length, rtol=1e-4, atol=1e-5)


def test_invisible_points_teach_no_position():
    random = np.random.default_rng(0)
    labels = random.uniform(size=(6, 5, 3)).astype("float32")
    labels[..., 2] = random.integers(0, 2, (6, 5))
    points = tf.constant(random.uniform(0.1, 0.9, size=(6, 5, 3)).astype("float32"))
    error = np.abs(labels[..., :2] - points[..., :2].numpy())
    huber = np.where(error <= 0.1, error**2 / 2, 0.1 * error - 0.005).sum(-1) / 0.1
    visible, p = labels[..., 2], points[..., 2].numpy()
    entropy = -(visible * np.log(p) + (1 - visible) * np.log(1 - p))
    with tf.GradientTape() as tape:
        tape.watch(points)
        losses = KeyPointLoss(reduction=None)(labels, points)
    np.testing.assert_allclose(losses, visible * huber + entropy, rtol=1e-4)
    gradient = tape.gradient(losses, points).numpy()
    assert not gradient[visible == 0][:, :2].any()
    assert gradient[visible == 1][:, :2].any(axis=-1).all()
    without = KeyPointLoss(reduction=None)(labels[..., :2], points[..., :2])
    np.testing.assert_allclose(without, huber, rtol=1e-4)


def test_delta_is_checked_and_saved():
    with pytest.raises(ValueError, match="greater than 0"):
        KeyPointLoss(delta=-1)
    assert KeyPointLoss.from_config(KeyPointLoss(delta=0.3).get_config()).delta == 0.3
