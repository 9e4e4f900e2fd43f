import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tf_mtl import data

LAYERS = [
    (data.FillMissing([1.0, 2.0], [0]), 3),
    (data.Intervals([[0, 1, 2], [5], [3, 9]]), 6),
    (data.CalendarFeatures([1]), 6),
]


def numbers(columns=3):
    return np.random.default_rng(0).uniform(0, 9, (5, columns)).astype("float32")


@pytest.mark.parametrize(("layer", "width"), LAYERS, ids=lambda value: type(value).__name__)
class TestEveryLayer:
    def test_shapes_and_graphs(self, layer, width):
        x = numbers(2 if isinstance(layer, data.FillMissing) else 3)
        out = layer(x)
        assert out.shape == layer.compute_output_shape(x.shape) == (5, width)
        compiled = tf.function(layer, jit_compile=True)(tf.constant(x))
        np.testing.assert_allclose(compiled, out, rtol=1e-5, atol=1e-5)

    def test_no_variables_and_a_config(self, layer, width):
        x = numbers(2 if isinstance(layer, data.FillMissing) else 3)
        assert layer(x) is not None
        assert layer.variables == []
        copy = type(layer).from_config(layer.get_config())
        np.testing.assert_array_equal(copy(x), layer(x))


def test_missing_numbers_are_filled_and_marked():
    x = np.array([[np.nan, 1.0], [3.0, np.nan]], "float32")
    out = data.FillMissing([7.0, 8.0], indicators=[1])(x)
    np.testing.assert_array_equal(out, [[7, 1, 0], [3, 8, 1]])


def test_intervals_encode_fill_and_place():
    layer = data.Intervals([[0.0, 10.0, 30.0]])
    out = layer(np.array([[-5.0], [5.0], [10.0], [20.0], [99.0]]))
    np.testing.assert_array_equal(
        out, [[0, 0, 1, 0], [0.5, 0, 1, 0], [1, 0, 0, 1], [1, 0.5, 0, 1], [1, 1, 0, 1]]
    )


def test_the_round_of_the_year_closes():
    calendar = data.CalendarFeatures([0])
    new_year = 20_089.0  # 2025-01-01
    evening, morning, summer = (
        calendar(np.array([[day]], "float32"))[0].numpy()
        for day in (new_year - 0.01, new_year + 0.01, new_year + 182.01)
    )
    assert np.abs(evening - morning).max() < 0.15
    assert np.abs(evening - summer).max() > 1.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.FillMissing([np.nan]), "finite"),
        (lambda: data.FillMissing([1.0], [1]), "from 0 to 0"),
        (lambda: data.Intervals([[1.0, 1.0]]), "increase"),
        (lambda: data.Intervals([[1.0], []]), "two edges"),
        (lambda: data.Encoding(intervals=0), "at least 1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_mixed_precision_keeps_large_numbers():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        big = np.linspace(1e5, 2e5, 40)
        frame = pd.DataFrame({"big": big, "word": ["a", "b"] * 20, "y": [0, 1] * 20})
        splits = data.from_dataframe(frame, {"y": "binary"})
        out = keras.layers.Dense(1, name="y", dtype="float32")(splits.features)
        model = keras.Model(splits.inputs, out)
        x = {"big": tf.constant([[1e5], [1.9e5]]), "word": tf.constant([["a"], ["a"]])}
        predictions = model.predict(x, verbose=0)
    finally:
        keras.config.set_dtype_policy(policy)
    assert np.isfinite(predictions).all()
    assert predictions[0] != predictions[1]
