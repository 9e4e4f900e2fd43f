"""Overlap of boxes against areas counted on a fine grid, and the loss against its formula."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl.losses import BoundingBoxLoss, box_overlap

GRID = 20


def random_boxes(count, seed=0):
    """Boxes whose corners lie on a grid, so that counting its cells is exact."""
    random = np.random.default_rng(seed)
    sides = [random.choice(GRID + 1, 2, replace=False) for _ in range(2 * count)]
    corners = np.sort(np.reshape(sides, (count, 2, 2)), axis=2)
    return (corners.transpose(0, 2, 1).reshape(count, 4) / GRID).astype("float32")


def cells(box):
    x1, y1, x2, y2 = np.rint(np.asarray(box) * GRID).astype(int)
    inside = np.zeros((GRID, GRID), bool)
    inside[y1:y2, x1:x2] = True
    return inside


def counted(first, second):
    """IoU and GIoU by counting cells."""
    a, b = cells(first), cells(second)
    hull = cells([*np.minimum(first[:2], second[:2]), *np.maximum(first[2:], second[2:])])
    iou = (a & b).sum() / (a | b).sum()
    return iou, iou - (hull.sum() - (a | b).sum()) / hull.sum()


def test_overlap_is_that_of_counted_cells():
    first, second = random_boxes(200, seed=1), random_boxes(200, seed=2)
    expected = np.array([counted(*pair) for pair in zip(first, second, strict=True)])
    iou, giou = box_overlap(tf.constant(first), tf.constant(second))
    np.testing.assert_allclose(iou, expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(giou, expected[:, 1], atol=1e-5)
    assert (expected[:, 0] == 0).any()
    assert (expected[:, 0] > 0.5).any()


def test_overlap_does_not_depend_on_units():
    first, second = random_boxes(50, seed=3), random_boxes(50, seed=4)
    reference = box_overlap(tf.constant(first), tf.constant(second))
    for scale in (1e-6, 1e4):
        scaled = box_overlap(tf.constant(first * scale), tf.constant(second * scale))
        for one, other in zip(scaled, reference, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "iou", "giou"),
    [
        ([0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2], 0, 0),  # both are points
        ([0.2, 0.2, 0.2, 0.8], [0.2, 0.2, 0.4, 0.8], 0, 0),  # a line on the edge
        ([0.6, 0.6, 0.2, 0.2], [0.0, 0.0, 1.0, 1.0], 0, 0),  # swapped corners are empty
        ([0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0], 0, 0),  # touching
        ([0.0, 0.0, 0.1, 0.1], [0.9, 0.9, 1.0, 1.0], 0, -0.98),
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], 1, 1),
    ],
)
def test_degenerate_boxes_have_finite_overlap_and_gradient(first, second, iou, giou):
    box, other = tf.constant([first]), tf.constant([second])
    with tf.GradientTape() as tape:
        tape.watch(box)
        found = box_overlap(box, other)
    np.testing.assert_allclose([found[0][0], found[1][0]], [iou, giou], atol=1e-6)
    assert np.isfinite(tape.gradient(found, box)).all()


def test_loss_is_its_formula():
    labels, boxes = random_boxes(60, seed=5), random_boxes(60, seed=6)
    error = np.abs(labels - boxes)
    huber = np.where(error <= 0.2, error**2 / 2, 0.2 * error - 0.2**2 / 2).sum(axis=1) / 0.2
    giou = np.array([counted(*pair)[1] for pair in zip(labels, boxes, strict=True)])
    loss = BoundingBoxLoss(delta=0.2, giou_weight=3.0, reduction=None)
    np.testing.assert_allclose(loss(labels, boxes), huber + 3 * (1 - giou), rtol=1e-4)
    again = BoundingBoxLoss.from_config(loss.get_config())
    np.testing.assert_array_equal(again(labels, boxes), loss(labels, boxes))


def test_boxes_apart_are_drawn_together():
    """Where the boxes do not touch IoU has no gradient; the loss must have one."""
    label, box = tf.constant([[0.7, 0.7, 0.9, 0.9]]), tf.Variable([[0.1, 0.1, 0.3, 0.3]])
    optimizer = keras.optimizers.SGD(0.01)
    for _ in range(400):
        with tf.GradientTape() as tape:
            loss = BoundingBoxLoss()(label, box)
        optimizer.apply([tape.gradient(loss, box)], [box])
    assert box_overlap(label, box)[0].numpy().item() > 0.7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"delta": 0}, "greater than 0"), ({"giou_weight": -1}, "0 or more")],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        BoundingBoxLoss(**arguments)
