import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import data


def batches(dataset):
    return [(x.numpy(), {task: label.numpy() for task, label in y.items()}) for x, y in dataset]


def order(dataset):
    return np.concatenate([y["ink"] for _, y in batches(dataset)])


def test_three_parts_of_images_with_three_tasks():
    splits = data.load("digits", batch_size=64, seed=0)
    train, valid, test = splits
    assert (train, valid, test) == (splits.train, splits.valid, splits.test)
    assert splits.sizes == {"train": 1437, "valid": 180, "test": 180}
    x, y = next(iter(train))
    assert x.shape == (64, 8, 8, 1)
    assert x.dtype == tf.float32
    assert (float(tf.reduce_min(x)), float(tf.reduce_max(x))) == (0.0, 1.0)
    assert {task: (tuple(label.shape), label.dtype.name) for task, label in y.items()} == {
        "digit": ((64,), "int32"),
        "odd": ((64,), "int32"),
        "ink": ((64,), "float32"),
    }
    np.testing.assert_array_equal(y["odd"], y["digit"] % 2)
    np.testing.assert_allclose(y["ink"], tf.reduce_mean(x, (1, 2, 3)), rtol=1e-6)
    assert splits.inputs.name == "image"
    assert splits.features is splits.inputs
    assert len(batches(test)[-1][0]) == 180 % 64


def test_targets_say_what_heads_need():
    targets = data.load("digits").targets
    assert targets["digit"] == data.Target("classification", 10, tuple("0123456789"))
    assert targets["odd"].class_names == ("even", "odd")
    ink = np.concatenate([y["ink"] for _, y in batches(data.load("digits").train)])
    assert targets["ink"].mean == pytest.approx([ink.mean()], rel=1e-5)
    assert targets["ink"].std == pytest.approx([ink.std()], rel=1e-5)


def test_every_part_has_the_same_share_of_each_digit():
    for part in data.load("digits"):
        digits = np.concatenate([y["digit"] for _, y in batches(part)])
        shares = np.bincount(digits, minlength=10) / len(digits)
        np.testing.assert_allclose(shares, 0.1, atol=0.015)


def test_the_parts_share_no_image():
    train, valid, test = ({row.tobytes() for x, _ in batches(p) for row in x}
                          for p in data.load("digits"))  # fmt: skip
    # The set itself has no image twice.
    assert len(train | valid | test) == 1797


def test_one_seed_gives_one_order_and_each_epoch_another():
    first, second = data.load("digits", seed=3), data.load("digits", seed=3)
    epochs = [order(first.train), order(first.train)]
    np.testing.assert_array_equal(epochs[0], order(second.train))
    np.testing.assert_array_equal(epochs[1], order(second.train))
    assert not np.array_equal(*epochs)
    np.testing.assert_array_equal(np.sort(epochs[0]), np.sort(epochs[1]))
    np.testing.assert_array_equal(order(first.test), order(first.test))


def test_a_run_can_start_at_any_epoch():
    straight, resumed = data.load("digits"), data.load("digits")
    epochs = [order(straight.train) for _ in range(3)]
    resumed.start_epoch(2)
    np.testing.assert_array_equal(order(resumed.train), epochs[2])


def test_the_fingerprint_depends_on_data_and_seed_only():
    prints = [data.load("digits", batch_size=b, seed=s).fingerprint
              for b, s in ((64, 0), (32, 0), (64, 1))]  # fmt: skip
    assert prints[0] == prints[1] != prints[2]
    assert len(prints[0]) == 64


def test_unknown_names_and_sizes_are_refused():
    with pytest.raises(ValueError, match=r"'digts'.*'digits'.*Did you mean 'digits'"):
        data.load("digts")
    with pytest.raises(ValueError, match=r"batch_size.*0"):
        data.load("digits", batch_size=0)
    assert "digits" in data.names()


def test_keras_fits_it():
    splits = data.load("digits", batch_size=256)
    flat = keras.layers.Flatten()(splits.features)
    model = keras.Model(splits.inputs, {
        "digit": keras.layers.Dense(10, "softmax", name="digit")(flat),
        "odd": keras.layers.Dense(1, "sigmoid", name="odd")(flat),
        "ink": keras.layers.Dense(1, name="ink")(flat),
    })  # fmt: skip
    model.compile("adam", {"digit": "sparse_categorical_crossentropy",
                           "odd": "binary_crossentropy", "ink": "mse"})  # fmt: skip
    history = model.fit(splits.train, epochs=3, verbose=0, shuffle=False)
    assert history.history["loss"][-1] < history.history["loss"][0]
