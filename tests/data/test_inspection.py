"""`data.check` finds everything that is wrong in a data set, and names it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.descriptors import HEADS
from tests.training.programs import LOSSES, arrays, network
from tf_mtl import build_model, data, heads
from tf_mtl.data.inspection import WrongData


def compiled():
    model = network()
    model.compile("sgd", loss=dict(LOSSES))
    return model


def stream(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(16)


def spoiled():
    x, y, _ = arrays(100)
    y["kind"][[3, 40, 99]] = [7, -2, 3]
    y["sold"][[40, 41]] = 2
    y["price"][77, 1] = np.inf
    x[50, 2] = np.nan
    return x, y


EXPECTED = {
    ("Task 'kind'", 3, "7 is not a class"),
    ("Task 'kind'", 40, "-2 is not a class"),
    ("Task 'kind'", 99, "3 is not a class"),
    ("Task 'sold'", 40, "2 is not 0 or 1"),
    ("Task 'sold'", 41, "2 is not 0 or 1"),
    ("Task 'price'", 77, "inf is infinite"),
    ("Input 'x'", 50, "NaN or infinite"),
}


def found(problems):
    return {
        (problem.what, problem.row, text)
        for problem in problems
        for _, _, text in EXPECTED
        if problem.text.startswith(text)
    }


def test_all_that_is_wrong_is_named():
    x, y = spoiled()
    for dataset in (stream(x, y), [(x[:60], {t: v[:60] for t, v in y.items()}),
                                   (x[60:], {t: v[60:] for t, v in y.items()})]):  # fmt: skip
        with pytest.raises(WrongData, match="Task 'kind', data set labels, row 3: 7") as caught:
            data.check(dataset, compiled())
        assert found(caught.value.problems) == EXPECTED
        assert len(caught.value.problems) == len(EXPECTED)


def test_right_and_missing_labels_pass():
    x, y, _ = arrays(100)
    y["kind"][5] = -1
    y["price"][6] = np.nan
    data.check(stream(x, y), compiled())
    del y["sold"]
    data.check(stream(x, y), compiled())


def test_some_batches():
    x, y = spoiled()
    with pytest.raises(WrongData) as caught:
        data.check(stream(x, y).repeat(), compiled(), batches=1)
    assert found(caught.value.problems) == {("Task 'kind'", 3, "7 is not a class")}
    with pytest.raises(ValueError, match=r"has no end.*batches=100"):
        data.check(stream(x, y).repeat(), compiled())


def test_many_wrong_labels_are_counted():
    x, y, _ = arrays(600)
    y["kind"][:] = 5
    with pytest.raises(WrongData, match=r"600 in all. Task 'kind': 600") as caught:
        data.check(stream(x, y), compiled())
    assert [problem.row for problem in caught.value.problems] == list(range(600))
    assert len(str(caught.value).splitlines()) == 11


def test_what_cannot_be_checked():
    x, y, _ = arrays(32)
    with pytest.raises(ValueError, match="Did you mean 'kind'"):
        data.check(stream(x, {"kinds": y["kind"]}), compiled())
    with pytest.raises(ValueError, match="single rows"):
        data.check(tf.data.Dataset.from_tensor_slices((x, y)), compiled())
    with pytest.raises(ValueError, match="no labels at all"):
        data.check([], compiled())
    with pytest.raises(ValueError, match="Compile the model"):
        data.check(stream(x, y), network())
    with pytest.raises(WrongData, match=r"expected the shape \[B, 2\], received \[B, 1\]"):
        data.check(stream(x, {**y, "price": y["price"][:, :1]}), compiled())


def identifier(row):
    return row.cls.__name__


@pytest.mark.parametrize("row", HEADS, ids=identifier)
def test_every_head(row):
    random = np.random.default_rng(0)
    model = build_model(
        keras.Input(row.features, name="x"),
        keras.layers.Dense(8),
        {"task": row.make(), "other": heads.BinaryClassification()},
    )
    model.compile()
    x = random.normal(size=(20, *row.features)).astype("float32")
    labels = row.with_missing(row.labels(random, 20), np.arange(20) == 2)
    data.check(stream(x, {"task": labels}), model)
    labels[[4, 17]] = row.wrong
    with pytest.raises(WrongData) as caught:
        data.check(stream(x, {"task": labels}), model)
    assert [problem.row for problem in caught.value.problems] == [4, 17]
