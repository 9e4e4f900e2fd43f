"""Bodies and trunks for several inputs and for series of frames."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, heads, trunks
from tf_mtl.training import remove_head
from tf_mtl.training.sharing import variables_by_task
from tf_mtl.trunks.multi_input import GatedSum


def inputs_of(**shapes):
    return {name: keras.Input(shape, name=name) for name, shape in shapes.items()}


@pytest.mark.parametrize("fusion", ["concatenate", "sum", "gated", "attention"])
def test_inputs_are_joined_and_each_counts(fusion):
    random = np.random.default_rng(0)
    x = {"image": random.normal(size=(3, 4, 4, 1)), "row": random.normal(size=(3, 5))}
    inputs = inputs_of(image=(4, 4, 1), row=(5,))
    body = trunks.MultiInput({"image": trunks.CNN([2], [3]), "row": [6]}, fusion, 7, upper=[4])
    model = keras.Model(inputs, body(inputs))
    before = np.asarray(model(x))
    assert before.shape == (3, 4)
    for name, values in x.items():
        assert not np.allclose(before, model({**x, name: values * -2}))


def test_sum_and_gates_are_their_formulas():
    random = np.random.default_rng(0)
    values = [random.normal(size=(4, 3)).astype("float32") for _ in range(2)]
    features = [random.normal(size=(4, d)).astype("float32") for d in (2, 5)]
    layer = GatedSum()
    found = layer([values, features])
    scores = (np.concatenate(features, axis=-1) @ layer.get_weights()[0]).reshape(4, 2, 3)
    gates = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = gates[:, 0] * values[0] + gates[:, 1] * values[1]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    inputs = inputs_of(a=(2,), b=(5,))
    model = keras.Model(inputs, trunks.MultiInput({"a": [3], "b": [4]}, "sum", 2)(inputs))
    x = dict(zip("ab", features, strict=True))
    total = 0
    for name in "ab":
        inside = keras.Model(model.inputs, model.get_layer(f"{name}_encoder_dense_0").output)
        kernel, bias = model.get_layer(f"{name}_projection").get_weights()
        total += np.asarray(inside([x["a"], x["b"]])) @ kernel + bias
    np.testing.assert_allclose(model(x), total, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("positions", [(5,), (3, 4)], ids=["sequences", "maps"])
def test_gates_are_those_of_each_position(positions):
    """As many positions as there are, each is fused as a vector would be."""
    random = np.random.default_rng(0)
    x = {"u": random.normal(size=(2, *positions, 3)), "v": random.normal(size=(2, *positions, 2))}
    inputs = inputs_of(u=(*positions, 3), v=(*positions, 2))
    encoders = {"u": keras.layers.Dense(4), "v": keras.layers.Dense(6)}
    model = keras.Model(inputs, trunks.MultiInput(encoders, "gated", 5)(inputs))
    assert model.output_shape == (None, *positions, 5)
    rows = inputs_of(u=(3,), v=(2,))
    of_rows = keras.Model(rows, trunks.MultiInput(encoders, "gated", 5)(rows))
    of_rows.set_weights(model.get_weights())
    flat = {name: values.reshape(-1, values.shape[-1]) for name, values in x.items()}
    found = np.asarray(model(x)).reshape(-1, 5)
    np.testing.assert_allclose(found, of_rows(flat), rtol=1e-4, atol=1e-5)


def test_attention_takes_sequences_too():
    inputs = inputs_of(words=(6, 3), row=(2,))
    body = trunks.MultiInput({"words": keras.layers.Dense(5), "row": [4]}, "attention", 8)
    model = keras.Model(inputs, body(inputs))
    assert model.get_layer("tokens").output.shape == (None, 7, 8)
    assert model.output_shape == (None, 8)


@pytest.mark.parametrize("fusion", ["concatenate", "sum", "gated", "attention"])
def test_texts_beside_maps_and_rows(fusion):
    """Their positions are averaged, or are tokens; a text without words breaks nothing."""
    texts = tf.constant(["play a song", "stop", ""])
    body = trunks.MultiInput(
        {
            "text": trunks.TextEncoder.for_texts(texts, units=[4], dropout=0.0),
            "image": keras.layers.Conv2D(3, 3),
            "row": [4],
        },
        fusion,
        units=5,
    )
    inputs = {
        **inputs_of(image=(6, 6, 1), row=(2,)),
        "text": keras.Input((), name="text", dtype="string"),
    }
    model = keras.Model(inputs, body(inputs))
    x = {"image": tf.ones((3, 6, 6, 1)), "row": tf.ones((3, 2)), "text": texts}
    together = model(x)
    assert together.shape == (3, 11 if fusion == "concatenate" else 5)
    alone = [model({name: values[i : i + 1] for name, values in x.items()})[0] for i in range(3)]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.isfinite(together).all()


def test_maps_of_one_size_stay_maps():
    inputs = inputs_of(left=(6, 6, 1), right=(6, 6, 2))
    layers = {"left": keras.layers.Conv2D(3, 3), "right": keras.layers.Conv2D(4, 3)}
    assert trunks.MultiInput(layers)(inputs).shape == (None, 4, 4, 7)


def test_a_multi_input_body_serves_in_any_trunk():
    inputs = inputs_of(a=(3,), b=(5,))
    body = trunks.MultiInput({"a": [4], "b": [4]}, "sum", 4)
    for trunk in (trunks.SoftSharing(body), trunks.CrossStitch([body, 3]), trunks.MTAN([body, 3])):
        model = build_model(inputs, trunk, {"y": heads.Regression(), "z": heads.Regression()})
        outputs = model.predict({"a": np.ones((2, 3)), "b": np.ones((2, 5))}, verbose=0)
        assert outputs["y"].shape == (2, 1)


def test_each_task_sees_its_own_input_and_shares_the_upper_layers():
    inputs = inputs_of(photo=(4, 4, 1), sketch=(6,))
    trunk = trunks.InputPerTask(
        {"photo": trunks.CNN([2], [3]), "sketch": [3]},
        upper=trunks.MLP([5]),
        inputs_of={"a": "photo", "b": "sketch", "c": "photo"},
    )
    model = build_model(inputs, trunk, {task: heads.Regression() for task in "abc"})
    random = np.random.default_rng(0)
    x = {"photo": random.normal(size=(2, 4, 4, 1)), "sketch": random.normal(size=(2, 6))}
    before = model.predict(x, verbose=0)
    after = model.predict({**x, "sketch": x["sketch"] * -2}, verbose=0)
    assert [task for task in "abc" if not np.array_equal(before[task], after[task])] == ["b"]
    found = {
        task: {variable.path.split("/")[0] for variable in variables} - {task}
        for task, variables in variables_by_task(model).items()
    }
    photo = {"photo_encoder_convolution_0", "photo_encoder_dense_0", "shared_dense_0"}
    assert found["a"] == found["c"] == photo
    assert found["b"] == {"sketch_encoder_dense_0", "shared_dense_0"}


def test_inputs_that_a_model_does_not_have_are_left_out():
    """Of the data of a task that was taken off, and of what `data.mix` adds to them."""
    random = np.random.default_rng(0)
    x = {name: random.normal(size=(8, 4)).astype("float32") for name in "uvw"}
    y = {task: random.normal(size=8).astype("float32") for task in "abc"}
    trunk = trunks.InputPerTask(
        {"u": [3], "v": [3], "w": [3]}, upper=[3], inputs_of={"a": "u", "b": "v", "c": "w"}
    )
    ends = {task: heads.Regression() for task in "abc"}
    model = build_model(inputs_of(u=(4,), v=(4,), w=(4,)), trunk, ends)
    model.compile("sgd", run_eagerly=True)
    expected = model.predict_on_batch(x)
    others = remove_head(model, "a")
    assert sorted(others.input) == ["v", "w"]
    found = others.predict_on_batch({**x, "v_present": np.ones(8, bool)})
    for task in "bc":
        np.testing.assert_allclose(found[task], expected[task], rtol=1e-6)
    first = others.train_on_batch(x, {"b": y["b"]}, return_dict=True)["b_loss"]
    np.testing.assert_allclose(first, np.mean((expected["b"][:, 0] - y["b"]) ** 2), rtol=1e-5)


@pytest.mark.parametrize("over_time", ["gru", "lstm", "convolution", "attention", "average"])
def test_frames_share_a_body_and_are_joined_over_time(over_time):
    frames = np.random.default_rng(0).normal(size=(3, 5, 4, 4, 1)).astype("float32")
    inputs = keras.Input((5, 4, 4, 1))
    body = trunks.TimeDistributed(trunks.CNN([2], [6]), over_time, units=6)
    model = keras.Model(inputs, body(inputs))
    assert model.output_shape == (None, 6)
    changed = frames.copy()
    changed[:, 2] = 3
    assert not np.allclose(model(frames), model(changed))
    backwards = np.asarray(model(frames[:, ::-1]))
    assert np.allclose(model(frames), backwards, atol=1e-5) == (over_time == "average")


@pytest.mark.parametrize(
    ("encoder", "units"), [(trunks.PhraseEncoder, 4), (trunks.TextEncoder, [4])]
)
def test_a_series_of_texts(encoder, units, tmp_path):
    texts = np.array([["turn on the light", "play", ""], ["a song", "", "play a song"]])
    body = encoder.for_texts(texts.ravel(), units=units)
    inputs = keras.Input((None,), dtype="string")
    each = keras.Model(inputs, trunks.TimeDistributed(body, keras.layers.Identity())(inputs))
    frames = each.get_layer("video_frames").layer
    expected = np.stack([frames(keras.ops.convert_to_tensor(column)) for column in texts.T], 1)
    np.testing.assert_allclose(each(tf.constant(texts)), expected, rtol=1e-5)
    joined = keras.Model(inputs, trunks.TimeDistributed(body, "gru", 3)(inputs))
    joined.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = joined(tf.constant(texts))
    assert found.shape == (2, 3)
    np.testing.assert_array_equal(loaded(tf.constant(texts)), found)


def test_frames_are_what_time_distributed_of_keras_makes_of_them(tmp_path):
    frames = np.random.default_rng(0).normal(size=(3, 5, 4, 4, 2)).astype("float32")
    network = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.Conv2D(3, 2)])
    inputs = keras.Input((None, 4, 4, 2))
    body = trunks.TimeDistributed(network, keras.layers.TimeDistributed(keras.layers.Flatten()))
    model = keras.Model(inputs, body(inputs, name="film"))
    expected = np.asarray(keras.layers.TimeDistributed(network)(frames)).reshape(3, 5, -1)
    np.testing.assert_allclose(model(frames), expected, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(frames), model(frames))
    assert [layer.name for layer in model.layers][1:] == ["film_frames", "film_over_time"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.MultiInput({"a": [3]}, "som"), "Did you mean 'sum'"),
        (lambda: trunks.MultiInput({}), "at least one. Received: {}"),
        (lambda: trunks.MultiInput([trunks.MLP([4])]), "as {input: body}"),
        (lambda: trunks.InputPerTask([4], [4]), "as {input: body}"),
        (lambda: trunks.MultiInput({"a": [3]})(inputs_of(b=(2,))), "without an encoder: 'b'"),
        (
            lambda: trunks.MultiInput({"a": [3], "b": [3]})(inputs_of(a=(2,))),
            "without an input: 'b'",
        ),
        (lambda: trunks.MultiInput({"a": [3]})(keras.Input((2,))), "as a dictionary"),
        (lambda: trunks.InputPerTask({}, [3]), "needs `encoders`"),
        (
            lambda: trunks.InputPerTask({"a": [3]}, [3])(inputs_of(a=(2,)), ["b"]),
            "Unknown input of a task: 'b'",
        ),
        (
            lambda: trunks.InputPerTask({"a": [3]}, [3], {"y": "a"})(inputs_of(a=(2,)), ["y", "z"]),
            "task without an input: 'z'",
        ),
        (
            lambda: trunks.InputPerTask({"a": [3], "b": [4]}, [3])(
                inputs_of(a=(2,), b=(2,)), ["a", "b"]
            ),
            "of one shape from all encoders",
        ),
        (lambda: trunks.TimeDistributed([3], "gruu"), "Did you mean 'gru'"),
        (lambda: trunks.TimeDistributed([3], units=2.5), "`units` must be a whole number"),
        (lambda: trunks.MultiInput({"a": [3]}, units="8"), "`units` must be a whole number"),
        (lambda: trunks.TimeDistributed([3])(keras.Input((4,))), "one series of frames"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
