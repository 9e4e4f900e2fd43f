"""Free text in tables of every kind stays text, for an encoder that reads it word by word."""

import keras
import numpy as np
import pandas as pd
import pytest

from tf_mtl import build_model, data, heads, trunks

ROWS = 60
TARGETS = {"good": "binary"}


def reviews():
    number = np.arange(ROWS)
    words = np.where(number % 2, "a fine film", "a dull film").astype(object)
    return pd.DataFrame({
        "text": [f"{start}, no. {n}" for n, start in enumerate(words)],
        "year": 1990.0 + number % 20,
        "good": np.where(number % 2, "yes", "no"),
    })  # fmt: skip


def from_csv(frame, folder, **options):
    frame.to_csv(folder / "a.csv", index=False)
    return data.from_csv(folder / "a.csv", TARGETS, **options)


def from_stream(frame, folder, **options):
    return from_csv(frame, folder, stream=True, **options)


def from_dataframe(frame, folder, **options):
    return data.from_dataframe(frame, TARGETS, **options)


@pytest.mark.parametrize("read", [from_csv, from_stream, from_dataframe])
def test_a_text_stays_a_text(tmp_path, read):
    frame = reviews()
    options = {"encoding": {"texts": "text"}, "batch_size": 16}
    splits = read(frame, tmp_path, **options)
    assert splits.inputs["text"] is splits.features["text"]
    assert splits.fingerprint == from_dataframe(frame, tmp_path, **options).fingerprint
    x, y = next(iter(splits.train))
    for (text,), good in zip(x["text"].numpy(), y["good"].numpy(), strict=True):
        assert ("fine" in text.decode()) == good
    words = trunks.TextEncoder.for_texts(splits.train.map(lambda x, y: x["text"]), units=[8])
    trunk = trunks.MultiInput({"text": words, "columns": [4]})
    model = build_model(splits.features, trunk, {"good": heads.BinaryClassification()})
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(splits.train, validation_data=splits.valid, epochs=1, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    new = data.inputs_from_dataframe(frame, splits.inputs, splits.columns)
    assert model.predict(new, verbose=0)["good"].shape == (ROWS, 1)


def test_only_a_text(tmp_path):
    splits = data.from_dataframe(reviews(), TARGETS, encoding={"texts": ["text"]}, ignore=["year"])
    assert splits.features is splits.inputs["text"]
    with pytest.raises(ValueError, match=r"column of texts of the table 'txt'.*mean 'text'"):
        data.from_dataframe(reviews(), TARGETS, encoding={"texts": ["txt"]})


def test_a_column_of_the_name_that_joined_columns_have():
    frame = reviews().rename(columns={"text": "columns"})
    splits = data.from_dataframe(frame, TARGETS, encoding={"texts": ["columns"]})
    assert list(splits.features) == ["columns", "columns_2"]


def test_text_that_hardly_repeats_is_reported():
    texts = [f"text {max(n, 2)}" for n in range(ROWS)]  # one comes three times
    frame = reviews().assign(text=texts)
    with pytest.warns(UserWarning, match=r"'text' has another text in every row.*`texts` of"):
        data.from_dataframe(frame, TARGETS, encoding={"max_categories": 20})


@pytest.mark.parametrize("stream", [False, True])
def test_tags_of_a_text_in_a_table(tmp_path, stream):
    frame = reviews()
    frame["tags"] = [["O", "B-judgement", "O", "O", "O"] for _ in range(ROWS)]
    frame.drop(columns=["good", "year"]).to_parquet(tmp_path / "a.parquet")
    splits = data.from_parquet(
        tmp_path / "a.parquet", {"tags": "tagging"}, encoding={"texts": "text"}, stream=stream
    )
    assert splits.targets["tags"].class_names == ("B-judgement", "O")
    for part in splits:
        for _, y in part:
            np.testing.assert_array_equal(y["tags"], [[1, 0, 1, 1, 1]] * len(y["tags"]))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["O"] * ROWS, r"column 'tags' of the table holds 'O' in row 1. Give a list of tags"),
        ([["O", "x"]] * ROWS, r"row 1 has 2 of them, where the input 'text' has 5 tokens"),
        ([[0.5] * 5] * ROWS, r"holds float64 numbers"),
        ([["O"] * 5] * ROWS, r"has 1 class \['O'\]"),
    ],
)  # fmt: skip
def test_tags_that_do_not_fit(cells, message):
    frame = reviews().assign(tags=cells)
    with pytest.raises(ValueError, match=message):
        data.from_dataframe(frame, {"tags": "tagging"}, encoding={"texts": "text"})


def test_tags_of_other_rows_have_the_same_classes():
    frame = reviews().assign(tags=[["O", "B", "O", "O", "O"]] * ROWS)
    test = reviews().assign(tags=[["O", "C", "O", "O", "O"]] * ROWS)
    with pytest.raises(ValueError, match=r"Unknown class of task 'tags' 'C'.*row 1 \('C'\)"):
        data.from_dataframe(frame, {"tags": "tagging"}, test=test, encoding={"texts": "text"})


def test_tags_in_arrays():
    tags = np.array([[0, 1, -1], [2, 0, 1]] * 20)
    splits = data.from_numpy(
        np.zeros((40, 3, 2)), {"tags": tags}, {"tags": data.Target("tagging", num_classes=3)}
    )
    assert next(iter(splits.train))[1]["tags"].shape == (32, 3)
    with pytest.raises(ValueError, match=r"must be classes from 0 to 1.*\(2\)"):
        data.from_numpy(
            np.zeros((40, 3, 2)), {"tags": tags}, {"tags": data.Target("tagging", num_classes=2)}
        )
