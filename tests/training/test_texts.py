"""Texts as labels and as inputs, in whatever kind of array."""

import keras
import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
import tensorflow as tf

from tf_mtl import build_model, heads

NAMES = ["cat", "dog", "bird"]
KINDS = {
    "text": np.array,
    "bytes": lambda names: np.array(names).astype("S"),
    "objects": lambda names: np.array(names, dtype=object),
    "tensor": tf.constant,
    "series": lambda names: pd.Series([name or None for name in names]),
    "category": lambda names: pd.Series([name or None for name in names], dtype="category"),
}


def model():
    keras.utils.set_random_seed(0)
    made = build_model(
        keras.Input((3,)),
        keras.layers.Dense(4),
        {"animal": heads.Classification(class_names=NAMES), "size": heads.Regression()},
    )
    made.compile("sgd")
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("class_weight", [None, {"animal": "balanced"}], ids=["plain", "balanced"])
def test_class_names_train_as_numbers_do(kind, class_weight):
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    numbers = np.array([0, 1, 2, -1, 0, 1, 1, 2])
    names = KINDS[kind]([NAMES[number] if number >= 0 else "" for number in numbers])
    size = np.arange(8.0)
    weights = []
    for labels in (names, numbers):
        trained = model()
        y = {"animal": labels, "size": size}
        trained.fit(
            x, y, validation_data=(x, y), class_weight=class_weight, shuffle=False, verbose=0
        )
        logs = trained.evaluate(x, y, verbose=0, return_dict=True)
        assert np.isfinite(logs["loss"])
        weights.append(trained.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_class_names_train_under_xla_as_numbers_do():
    """XLA knows no texts, and Keras chooses it by itself on a single GPU."""
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    numbers, size = np.array([0, 2, -1, 1]), np.arange(4, dtype="float32")
    names = np.array([NAMES[number] if number >= 0 else "" for number in numbers])
    weights = []
    for animal, way in ((names, {"jit_compile": True}), (numbers, {"run_eagerly": True})):
        trained, y = model(), {"animal": animal, "size": size}
        trained.compile("sgd", metrics=None, **way)
        trained.fit(x, y, shuffle=False, verbose=0)
        trained.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(4), verbose=0)
        trained.train_on_batch(x, y)
        weights.append(trained.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("library", [pd, polars])
def test_a_data_frame_is_no_input(library):
    frame = library.DataFrame({"age": [20.0, 30.0], "job": ["baker", "smith"]})
    with pytest.raises(ValueError, match=r"'baker'.*inputs_from_dataframe\(frame, model"):
        model().predict(frame, verbose=0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "category"])
def test_texts_are_inputs_of_predict_as_of_fit(kind):
    inputs = keras.Input((), dtype="string", name="text")
    encoded = keras.layers.TextVectorization(vocabulary=NAMES, output_mode="multi_hot")(inputs)
    made = build_model(encoded, keras.layers.Dense(4), {"size": heads.Regression()})
    made.compile("sgd")
    texts = KINDS[kind](NAMES * 2)
    made.fit(texts, {"size": np.arange(6.0)}, verbose=0)
    expected = made.predict(tf.constant(NAMES * 2), verbose=0)["size"]
    for x in (texts, {"text": texts}):
        np.testing.assert_array_equal(made.predict(x, verbose=0)["size"], expected)


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize("kind", [lambda texts: np.array(texts, dtype=object), pd.Series])
def test_a_missing_text_among_inputs_is_named(kind, missing):
    inputs = keras.Input((), dtype="string", name="text")
    encoded = keras.layers.TextVectorization(vocabulary=NAMES, output_mode="multi_hot")(inputs)
    made = build_model(encoded, keras.layers.Dense(4), {"size": heads.Regression()})
    made.compile("sgd")
    texts = kind(["cat", missing])
    with pytest.raises(ValueError, match=r"row 1 is (None|nan), which is no text"):
        made.fit(texts, {"size": np.arange(2.0)}, verbose=0)
    with pytest.raises(ValueError, match=r"row 1 is (None|nan), which is no text"):
        made.predict(texts, verbose=0)


def test_columns_of_a_table_are_labels():
    """With NA for missing, in a data frame or series of it."""
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    animal, size = np.array([0, 1, 2, -1, 0, 1, 1, 2]), np.arange(8.0)
    size[2] = np.nan
    table = pd.DataFrame(
        {
            "animal": pd.array([None if number < 0 else number for number in animal], "Int64"),
            "size": pd.array([None if np.isnan(number) else number for number in size], "Float64"),
        }
    )
    weights = []
    arrays = {"animal": animal, "size": size}
    masked = {
        "animal": np.ma.masked_array(np.where(animal < 0, 99, animal), animal < 0),
        "size": np.ma.masked_array(np.where(np.isnan(size), 1e9, size), np.isnan(size)),
    }
    arrow = {name: pyarrow.array(values) for name, values in table.items()}
    frames = (table, dict(table.items()), polars.from_pandas(table))
    lists = {name: values.to_pylist() for name, values in arrow.items()}
    for labels in (arrays, *frames, masked, arrow, lists):
        trained = model()
        trained.fit(x, labels, validation_data=(x, labels), shuffle=False, verbose=0)
        logs = trained.evaluate(x, labels, verbose=0, return_dict=True)
        weights.append([*trained.get_weights(), np.array(logs["loss"])])
    for expected, *found in zip(*weights, strict=True):
        for each in found:
            np.testing.assert_array_equal(each, expected)


def test_lists_are_labels_and_sample_weights():
    x = np.ones((4, 3), "float32")
    for animals in (["cat", None, "cat", np.nan], [1, 2, 0, -1], tuple(np.arange(4) % 3)):
        named = isinstance(animals[0], str)
        head = heads.Classification(class_names=["cat", "dog", "cow"] if named else list("abc"))
        made = build_model(keras.Input((3,)), keras.layers.Dense(2), {"animal": head})
        made.compile("sgd")
        made.fit(x, {"animal": animals}, sample_weight={"animal": [1, 2, 0, 1.5]}, verbose=0)
    with pytest.raises(ValueError, match="'animal', training labels, row 1: 7 is no text"):
        made.fit(x, {"animal": ["a", 7, "b", "c"]}, verbose=0)


def test_a_wrong_label_in_a_series_is_named():
    labels = {"animal": pd.Series([0, 1, 7]), "size": pd.Series([1.0, 2.0, 3.0])}
    with pytest.raises(
        ValueError, match=r"Task 'animal', training labels, row 2: 7 is not a class"
    ):
        model().fit(np.ones((3, 3), "float32"), labels, verbose=0)
