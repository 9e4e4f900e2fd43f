"""A model that is sure of the wrong answer has the loss that its logits tell, and still learns."""

import keras
import numpy as np
import pytest

from tf_mtl import MultiTaskModel, build_model, heads

SURE = 60.0  # exp(-60) is far below the 1e-7 at which Keras cuts probabilities off


def step(model, variable, x, y):
    """Returns the loss of a batch and the change of a variable in one step of gradient descent."""
    model.compile(keras.optimizers.SGD(1.0))
    loss = model.evaluate(x, {"task": y}, verbose=0, return_dict=True)["loss"]
    before = variable.numpy()
    model.fit(x, {"task": y}, verbose=0)
    return loss, variable.numpy() - before


def only(head, *shape, trunk=None):
    return build_model(keras.Input(shape), trunk or keras.layers.Identity(), {"task": head})


def test_labels_beside_a_missing_one():
    head = heads.MultiLabel(3)
    model = only(head, 1)
    head.projection.bias.assign([SURE, -SURE, SURE])
    loss, change = step(
        model, head.projection.bias, np.zeros((1, 1)), np.array([[0.0, 1.0, np.nan]])
    )
    assert loss == pytest.approx(SURE)
    np.testing.assert_allclose(change, [-0.5, 0.5, 0.0], atol=1e-6)


def test_tags_of_a_text_that_is_shorter_than_others():
    head = heads.TokenTagging(2)
    model = only(head, 3, 1, trunk=keras.layers.Masking())
    head.projection.bias.assign([SURE, 0.0])
    x = np.array([[[1.0], [1.0], [0.0]]])
    head.projection.kernel.assign([[0.0, 0.0]])
    loss, change = step(model, head.projection.bias, x, np.array([[1, 1, -1]]))
    assert loss == pytest.approx(SURE)
    np.testing.assert_allclose(change, [-1.0, 1.0], atol=1e-6)


def test_first_and_last_token():
    head = heads.SpanExtraction()
    model = only(head, 2, 1)
    head.projection.kernel.assign([[SURE, SURE]])
    loss, change = step(
        model, head.projection.kernel, np.array([[[1.0], [0.0]]]), np.array([[1, 1]])
    )
    assert loss == pytest.approx(SURE)
    np.testing.assert_allclose(change, [[-0.5, -0.5]], atol=1e-6)


@pytest.mark.parametrize("distribution", ["poisson", "negative_binomial"])
def test_an_event_that_hardly_seemed_possible(distribution):
    head = heads.Count(distribution)
    model = only(head, 1)
    head.projection.bias.assign([-SURE])
    loss, change = step(model, head.projection.bias, np.zeros((1, 1)), np.array([1.0]))
    assert loss == pytest.approx(SURE)
    np.testing.assert_allclose(change, [1.0], atol=1e-5)


def test_visibility_of_points():
    head = heads.KeyPoints(1, visibility=True)
    model = only(head, 1)
    head.seen.bias.assign([SURE])
    loss, change = step(model, head.seen.bias, np.zeros((1, 1)), np.zeros((1, 1, 3)))
    assert loss == pytest.approx(SURE)
    np.testing.assert_allclose(change, [-1.0], atol=1e-6)


@pytest.mark.parametrize("forced", [False, True])
def test_sequences(forced):
    head = heads.SequenceGeneration(length=2, vocabulary_size=2, units=3, name="task")
    features = keras.Input((1,), name="x")
    inputs = {"x": features}
    if forced:
        inputs["tokens"] = keras.Input((2,), dtype="int32", name="tokens")
    model = MultiTaskModel(
        inputs, {"task": head([features, inputs["tokens"]] if forced else features)}
    )
    head.projection.bias.assign([SURE, 0.0, 0.0])
    head.projection.kernel.assign(np.zeros((3, 3)))
    labels = np.array([[1, 1]])
    x = {"x": np.zeros((1, 1)), **({"tokens": labels} if forced else {})}
    loss, change = step(model, head.projection.bias, x, labels)
    assert loss == pytest.approx(SURE)
    np.testing.assert_allclose(change, [-1.0, 1.0, 0.0], atol=1e-6)


def test_a_layer_that_computes_in_half_precision():
    layer = keras.layers.Dense(1, activation="sigmoid", dtype="mixed_float16")
    model = only(heads.Head(layer, loss="binary_crossentropy"), 1)
    layer.bias.assign([SURE])
    loss, change = step(model, layer.bias, np.zeros((1, 1)), np.zeros((1, 1)))
    assert loss == pytest.approx(SURE)
    np.testing.assert_allclose(change, [-1.0], atol=1e-3)
