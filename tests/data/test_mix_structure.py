"""Mixtures of data sets that differ in inputs, tasks and weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import data


def rows(*element):
    return tf.data.Dataset.from_tensor_slices(element)


def whole(mixture):
    """All rows of an epoch in one batch, as arrays."""
    (batch,) = mixture.as_numpy_iterator()
    return batch


def test_labels_of_every_type_are_missing_where_a_data_set_lacks_them():
    x = np.zeros((2, 3), "float32")
    mixture = data.mix(
        {
            "first": rows(x, {
                "kind": np.array([1, 2], "int64"), "flag": np.array([True, False]),
                "pixel": np.array([7, 8], "uint8"), "both": np.array([1.0, 2.0], "float32"),
            }),
            "second": rows(x + 1, {
                "name": np.array(["cat", "dog"]), "size": np.ones((2, 2), "float16"),
                "both": np.array([3.0, 4.0], "float32"),
            }),
        },
        batch=4,
        shuffle=0,
    )  # fmt: skip
    assert mixture.tasks == ["kind", "flag", "pixel", "both", "name", "size"]
    x, y = whole(mixture)
    assert x[:, 0].tolist() == [0, 0, 1, 1]
    assert {task: labels.dtype.name for task, labels in y.items()} == {
        "kind": "int64", "flag": "int32", "pixel": "int32", "both": "float32",
        "name": "object", "size": "float16",
    }  # fmt: skip
    assert y["kind"].tolist() == [1, 2, -1, -1]
    assert y["flag"].tolist() == [1, 0, -1, -1]
    assert y["pixel"].tolist() == [7, 8, -1, -1]
    assert y["both"].tolist() == [1, 2, 3, 4]
    assert y["name"].tolist() == [b"", b"", b"cat", b"dog"]
    np.testing.assert_array_equal(y["size"], [[np.nan] * 2, [np.nan] * 2, [1, 1], [1, 1]])


def test_inputs_that_a_data_set_lacks_are_filled_and_marked():
    image = np.full((2, 4, 4, 1), 9, "uint8")
    mixture = data.mix(
        {
            "text": rows({"text": ["a", "b"], "length": [1.0, 2.0]}, [0, 1]),
            "image": rows({"image": image, "length": [3.0, 4.0]}, [1, 0]),
        },
        batch=4,
        shuffle=0,
    )
    x, y = whole(mixture)
    assert set(x) == {"text", "text_present", "image", "image_present", "length"}
    assert x["text"].tolist() == [b"a", b"b", b"", b""]
    assert x["text_present"].tolist() == [True, True, False, False]
    assert x["image"][:, 0, 0, 0].tolist() == [0, 0, 9, 9]
    assert x["image_present"].tolist() == [False, False, True, True]
    assert x["length"].tolist() == [1, 2, 3, 4]
    assert y["image"].tolist() == [-1, -1, 1, 0]


def test_sample_weights_of_some_data_sets():
    mixture = data.mix(
        {
            "a": rows(np.zeros(2, "float32"), np.array([1, 2]), np.array([0.5, 2.0])),
            "b": rows(np.zeros(2, "float32"), {"b": np.array([1, 2]), "c": np.array([0, 1])}),
            "d": rows(
                np.zeros(2, "float32"),
                {"d": np.array([1, 2]), "c": np.array([0, 1])},
                {"d": np.array([3, 4]), "c": np.array([5, 6])},
            ),
        },
        batch=6,
        shuffle=0,
    )
    _, _, weights = whole(mixture)
    assert {task: weight.tolist() for task, weight in weights.items()} == {
        "a": [0.5, 2, 0, 0, 0, 0],
        "b": [0, 0, 1, 1, 0, 0],
        "c": [0, 0, 1, 1, 5, 6],
        "d": [0, 0, 0, 0, 3, 4],
    }


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (rows([1.0], [0]), r"x is int32 \(\).*'a'.*float32 \(\) in 'b'.*or name the inputs"),
        (rows([[1, 2]], [0]), r"x is int32 \(\).*'a'.*int32 \(2,\) in 'b'.*map"),
        (rows({"x": [1]}, [0]), "x is a tensor in the data set 'a' and a dictionary in 'b'"),
        (rows([1], {"a": [0.5]}), "task 'a' is int32.*'a' and float32.*in 'b'"),
        (rows([1], {"a-b": [0]}), "Invalid task name 'a-b'"),
        (rows([1], {"loss": [0]}), "Invalid task name 'loss'"),
        (rows([1]), r"'b' must yield \(x, y\)"),
        (tf.data.Dataset.range(3), r"'b' must yield \(x, y\).*int64"),
        (rows([1], [0], [1.0], [2.0]), r"'b' must yield \(x, y\)"),
        (rows([1], {"b": [0]}, {"c": [1.0]}), r"sample weights for \['c'\] and labels for"),
        (rows([1], tf.ragged.constant([[1, 2]])), "y of the data set 'b' must be a dense tensor"),
        (rows(([1], [2]), [0]), "x of the data set 'b'.*Name each input"),
    ],
)
def test_structures_that_do_not_fit_are_refused(second, message):
    first = rows([1, 2], [0, 1])
    with pytest.raises(ValueError, match=f"(?s){message}"):
        data.mix({"a": first, "b": second})


def test_what_has_no_fixed_size_cannot_be_filled_in():
    varying = tf.data.Dataset.from_generator(
        lambda: iter([({"words": [1, 2]}, 0), ({"words": [3]}, 1)]),
        output_signature=({"words": tf.TensorSpec([None], tf.int32)}, tf.TensorSpec([], tf.int32)),
    )
    with pytest.raises(ValueError, match=r"input 'words'.*shape \(None,\).*missing in 'b'.*Pad"):
        data.mix({"a": varying, "b": rows({"size": [1.0]}, [0])})
    with pytest.raises(ValueError, match=r"'text_present'.*Rename"):
        data.mix({
            "a": rows({"text": ["a"], "text_present": [True]}, [0]),
            "b": rows({"size": [1.0], "text_present": [True]}, [0]),
        })  # fmt: skip


def test_what_encoders_mask_does_not_count_and_stays_masked():
    inputs = {name: keras.Input((4,), name=name) for name in "ab"}
    inputs["b_present"] = keras.Input((), dtype="bool", name="b_present")
    encodings = {
        name: keras.layers.Embedding(9, 1, keras.initializers.Constant(value), mask_zero=True)(
            inputs[name]
        )
        for name, value in {"a": 1.0, "b": 2.0}.items()
    }
    fused = data.MeanOfPresent()(encodings, present={"b": inputs["b_present"]})
    average = keras.layers.GlobalAveragePooling1D()(fused)
    model = keras.Model(inputs, [fused, average])
    x = {
        "a": np.array([[5, 5, 0, 0], [5, 0, 0, 0]]),
        "b": np.array([[5, 5, 5, 0], [0, 0, 0, 0]]),
        "b_present": np.array([True, False]),
    }
    steps, means = model(x)
    assert steps[..., 0].numpy().tolist() == [[1.5, 1.5, 2, 0], [1, 0, 0, 0]]
    np.testing.assert_allclose(means[:, 0], [5 / 3, 1])


def test_a_gradient_does_not_pass_through_the_filling():
    layer = data.MeanOfPresent()
    text = tf.Variable([[2.0, 0.0], [4.0, float("nan")], [1.0, 1.0]])
    image = tf.Variable([[6.0, 2.0], [8.0, 4.0], [5.0, 5.0]])
    present = {"text": [True, False, False], "image": [True, True, False]}
    with tf.GradientTape() as tape:
        fused = layer({"text": text, "image": image}, present=present)
        total = tf.reduce_sum(fused)
    fused_rows = [[4, 1], [8, 4], [0, 0]]
    assert fused.numpy().tolist() == fused_rows
    gradients = tape.gradient(total, [text, image])
    assert gradients[0].numpy().tolist() == [[0.5, 0.5], [0, 0], [0, 0]]
    assert gradients[1].numpy().tolist() == [[0.5, 0.5], [1, 1], [0, 0]]
    columns = {name: np.array(rows)[:, None] for name, rows in present.items()}
    assert layer({"text": text, "image": image}, present=columns).numpy().tolist() == fused_rows
    with pytest.raises(ValueError, match=r"bool for each row.*'text' the shape \(3, 2\)"):
        layer({"text": text}, present={"text": np.ones((3, 2), bool)})
    with pytest.raises(ValueError, match="Did you mean 'text'"):
        layer({"text": text}, present={"txt": [True] * 3})
    with pytest.raises(ValueError, match="encodings of one shape"):
        layer({"text": text, "image": image[:, :1]})
