import datetime
import decimal
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
import tensorflow as tf

import tf_mtl as mtl
from tf_mtl import data

RANDOM = np.random.default_rng(0)
ROWS = 200


def people(rows=ROWS):
    """A table with everything in it, and missing cells."""
    job = RANDOM.choice(["baker", "smith", "tailor"], rows)
    age = RANDOM.integers(18, 80, rows).astype(float)
    frame = pd.DataFrame({
        "age": age,
        "job": job,
        "born abroad": RANDOM.random(rows) > 0.5,
        "hours/week (é)": RANDOM.integers(10, 60, rows),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(RANDOM.integers(0, 999, rows), "D"),
        "size": pd.Categorical(RANDOM.choice(["S", "M"], rows)),
        "rich": np.where(age + RANDOM.normal(0, 5, rows) > 50, "yes", "no"),
        "income": age * 1000,
        "status": RANDOM.choice(["single", "wed", "widowed"], rows),
    })  # fmt: skip
    frame.loc[::7, "age"] = np.nan
    frame.loc[::9, "job"] = None
    frame.loc[::11, "since"] = pd.NaT
    frame.loc[::13, "rich"] = None
    return frame


TARGETS = {
    "rich": "binary",
    "income": "regression",
    "single": {"column": "status", "kind": "binary", "positive": "single"},
}


def model_of(splits):
    hidden = keras.layers.Dense(16, "relu")(splits.features)
    outputs = {
        task: keras.layers.Dense(max(target.units, target.num_classes or 1), name=task)(hidden)
        for task, target in splits.targets.items()
    }
    return keras.Model(splits.inputs, outputs)


def first_x(dataset):
    return next(iter(dataset))[0]


def test_columns_become_named_inputs_and_tasks():
    splits = data.from_dataframe(people(), TARGETS, batch_size=32)
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in splits.inputs.items()} == {
        "age": ((None, 1), "float32"),
        "job": ((None, 1), "string"),
        "born_abroad": ((None, 1), "float32"),
        "hours_week_e": ((None, 1), "float32"),
        "since_days": ((None, 1), "float32"),
        "size": ((None, 1), "string"),
    }
    assert splits.columns["hours_week_e"] == "hours/week (é)"
    assert {task: target.kind for task, target in splits.targets.items()} == {
        "rich": "binary", "income": "regression", "single": "binary",
    }  # fmt: skip
    assert splits.targets["rich"].class_names == ("no", "yes")
    assert splits.targets["single"].class_names == ("not single", "single")
    x, y = next(iter(splits.train))
    assert {tuple(value.shape) for value in x.values()} == {(32, 1)}
    assert {label.dtype.name for label in y.values()} == {"int32", "float32"}
    rich = np.concatenate([y["rich"] for part in splits for _, y in part.as_numpy_iterator()])
    assert (rich == -1).sum() == -(-ROWS // 13)


def test_features_are_finite_whatever_is_missing_or_unknown():
    splits = data.from_dataframe(people(), TARGETS)
    model = keras.Model(splits.inputs, splits.features)
    strange = {
        name: tf.constant([[""], ["never seen"]]) if tensor.dtype == "string"
        else tf.constant([[np.nan], [1e30]])
        for name, tensor in splits.inputs.items()
    }  # fmt: skip
    assert np.isfinite(model(strange)).all()
    assert np.isfinite(np.concatenate([model(x) for x, _ in splits.train])).all()
    assert model.variables == []


def test_statistics_and_vocabulary_come_from_the_training_split():
    frame = pd.DataFrame({"word": [f"w{n % 20}" for n in range(ROWS)], "y": [0, 1] * 100,
                          "number": np.arange(ROWS)})  # fmt: skip
    train, valid, test = data.split(ROWS, seed=0, stratify=frame["y"].to_numpy())
    frame.loc[np.concatenate([valid, test]), ["word"]] = "held out"
    frame.loc[test, "number"] = 10**6
    splits = data.from_dataframe(frame, {"y": "binary"}, seed=0)
    assert splits.sizes["test"] == len(test)
    layers = {layer.name: layer for layer in keras.Model(splits.inputs, splits.features).layers}
    assert "held out" not in layers["word__category"].get_vocabulary()
    assert max(layers["columns__intervals"].edges[0]) == max(train)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_models_survive_saving(tmp_path, kind):
    splits = data.from_dataframe(people(), TARGETS)
    model = model_of(splits)
    x = first_x(splits.test)
    expected = model(x)
    if kind == "keras":
        model.save(tmp_path / "model.keras")
        got = keras.models.load_model(tmp_path / "model.keras")(x)
    else:
        model.export(tmp_path / "model", verbose=False)
        serve = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
        assert set(serve.structured_input_signature[1]) == set(splits.inputs)
        got = serve(**x)
    for task in expected:
        np.testing.assert_allclose(got[task], expected[task], rtol=1e-5, atol=1e-5)


def test_the_saved_model_needs_tensorflow_only(tmp_path):
    splits = data.from_dataframe(people(), TARGETS)
    model_of(splits).export(tmp_path / "model", verbose=False)
    program = (
        (
            "import sys, tensorflow as tf; m = tf.saved_model.load(sys.argv[1])\n"
            "f = m.signatures['serving_default']\n"
            "out = f(age=[[30.]], job=[['smith']], born_abroad=[[1.]], hours_week_e=[[40.]],\n"
            "        since_days=[[19000.]], size=[['S']])\n"
            "assert 'tf_mtl' not in sys.modules\n"
            "print(sorted(out))"
        )
        .replace("[[", "tf.constant([[")
        .replace("]]", "]])")
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "['income', 'rich', 'single']"


def test_several_models_share_the_preprocessing():
    splits = data.from_dataframe(people(), TARGETS)
    one, two = model_of(splits), model_of(splits)
    one.compile("sgd", {"income": "mae"})
    assert not {id(v) for v in one.variables} & {id(v) for v in two.variables}


def test_the_fingerprint_and_batches_depend_on_data_and_seed():
    frame = people()
    first, same, other = (data.from_dataframe(frame, TARGETS, seed=s) for s in (0, 0, 1))
    assert first.fingerprint == same.fingerprint != other.fingerprint
    for mine, yours in zip(first.train, same.train, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, mine, yours)
    frame.loc[0, "income"] += 1
    assert data.from_dataframe(frame, TARGETS, seed=0).fingerprint != first.fingerprint


def test_columns_that_say_nothing():
    frame = pd.DataFrame({"constant": 1.0, "empty": np.nan, "none": None, "number": np.arange(60.0),
                          "y": [0, 1] * 30})  # fmt: skip
    splits = data.from_dataframe(frame, {"y": "binary"})
    assert set(splits.inputs) == {"constant", "empty", "none", "number"}
    model = keras.Model(splits.inputs, splits.features)
    assert np.isfinite(model(first_x(splits.train))).all()
    with pytest.raises(ValueError, match="No input column says anything"):
        data.from_dataframe(frame[["constant", "empty", "y"]], {"y": "binary"})


def test_columns_that_say_nothing_beside_text():
    frame = pd.DataFrame({"constant": 1.0, "word": ["a", "b"] * 30, "y": [0, 1] * 30})
    splits = data.from_dataframe(frame, {"y": "binary"})
    assert np.isfinite(model_of(splits)(first_x(splits.train))["y"]).all()


def test_missing_cells_get_a_mark_of_their_own():
    frame = pd.DataFrame({"n": np.where(np.arange(80) % 2, 5.0, np.nan), "y": [0, 1] * 40})
    splits = data.from_dataframe(frame, {"y": "binary"})
    out = keras.Model(splits.inputs, splits.features)({"n": tf.constant([[np.nan], [5.0]])})
    assert not np.array_equal(out[0], out[1])


def test_codes_can_be_categories_and_rare_ones_are_unknown():
    frame = pd.DataFrame({"code": [*np.repeat(np.arange(10), 9), *range(10, 20)], "y": [0, 1] * 50})
    splits = data.from_dataframe(
        frame, {"y": "binary"}, encoding={"categorical": ["code"], "max_categories": 10}
    )
    assert splits.inputs["code"].dtype == "string"
    model = keras.Model(splits.inputs, splits.features)
    seven, rare, unknown = model({"code": tf.constant([["7"], ["15"], ["99"]])}).numpy()
    np.testing.assert_array_equal(rare, unknown)
    assert not np.array_equal(seven, unknown)


def test_text_without_repetition_is_reported():
    frame = pd.DataFrame({"name": [f"n{i}" for i in range(60)], "x": range(60), "y": [0, 1] * 30})
    with pytest.warns(UserWarning, match=r"'name' has another text in every row.*`ignore`"):
        data.from_dataframe(frame, {"y": "binary"}, encoding={"max_categories": 20})


@pytest.mark.parametrize(
    "text",
    [
        *("{}.5", "{},5", "${},000.5", "{}0 €", "{}%", "1.{}", "01.12.19{}", "1/{}/2024"),
        *("{}\u00a0000", "{}\u202f000,5", "{}’000.5", "\u2212{}"),
        *("01.12.2024 {}:30", "1/{}/2024 9:05:00 PM", "2024/12/{}", "2024/12/{} 08:30:00.5"),
    ],
)
def test_text_that_looks_like_numbers_or_dates_is_reported(text):
    cells = [text.format(10 + n % 20) for n in range(58)]
    # Beside numbers that pandas reads "?" would be an error.
    frame = pd.DataFrame(
        {"x": [*cells, None, "2" if text in ("{}.5", "1.{}") else "?"], "y": [0, 1] * 30}
    )
    with pytest.warns(UserWarning, match=r"'x' of the table.*looks like numbers.*row 1, and"):
        data.from_dataframe(frame, {"y": "binary"})
    data.from_dataframe(frame, {"y": "binary"}, encoding={"categorical": ["x"]})


def test_zero_bytes_behind_text_do_not_count():
    frame = pd.DataFrame({"x": ["a", "a\0", "b\0\0"] * 30, "y": ["u", "v", "v\0"] * 30})
    splits = data.from_dataframe(frame, {"y": "auto"})
    assert splits.targets["y"].class_names == ("u", "v")
    x = data.inputs_from_dataframe(frame, splits.inputs, splits.columns)
    assert x["x"][:3, 0].numpy().tolist() == [b"a", b"a", b"b"]


@pytest.mark.parametrize("odd", ["unknown", "31.12.2024 "])
def test_dates_with_a_cell_that_is_none_are_reported(odd):
    days = [str(day.date()) for day in pd.date_range("2024-01-01", periods=59)]
    frame = pd.DataFrame({"x": [*days, odd], "y": [0, 1] * 30})
    with pytest.warns(UserWarning, match=r"dates, such as '2024-01-01' in row 1, and becomes"):
        data.from_dataframe(frame, {"y": "binary"})


def test_the_cell_beside_text_that_looks_like_dates_is_named():
    frame = pd.DataFrame({"x": ["2024-01-01"] * 59 + ["unknown"], "y": [0, 1] * 30})
    with pytest.warns(UserWarning, match=r"\('unknown' in row 60 does not\)"):
        data.from_dataframe(frame, {"y": "binary"})


@pytest.mark.parametrize("cells", [["007", "12"], ["10.0.0.1", "10.0.0.2"], ["3.5 m", "4 m"]])
def test_text_that_looks_like_codes_is_not_reported(cells):
    frame = pd.DataFrame({"x": cells * 30, "y": [0, 1, 1] * 20})
    assert data.from_dataframe(frame, {"y": "binary"}).inputs["x"].dtype == "string"


def test_numbers_that_become_equal_are_reported():
    frame = pd.DataFrame({"x": np.arange(60), "y": [0, 1, 1] * 20})
    large = frame.assign(id=frame["x"] + 2**40)
    with pytest.warns(UserWarning, match="'id' of the table holds numbers from 1099511627776 to"):
        data.from_dataframe(large, {"y": "binary"})
    data.from_dataframe(large, {"y": "binary"}, encoding={"categorical": ["id"]})
    for number in (2**60, -(2**60)):  # equal as float64 already
        with pytest.warns(UserWarning, match="'id' of the table .* become equal"):
            data.from_dataframe(frame.assign(id=frame["x"] + number), {"y": "binary"})
        data.from_dataframe(frame.assign(id=number + 1), {"y": "binary"})
    account = [10**24 + n for n in range(60)]  # beyond all dtypes
    with pytest.warns(UserWarning, match="'id' of the table .* become equal"):
        data.from_dataframe(frame.assign(id=account), {"y": "binary"})
    seconds = frame.assign(time=1_700_000_000 + 3600 * frame["x"])
    data.from_dataframe(seconds, {"y": "binary"})
    data.from_dataframe(frame.assign(same=0.1), {"y": "binary"})


def test_objects_of_python_are_numbers_and_dates():
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(n) for n in range(60)]
    moments = [pd.Timestamp(day) for day in days]
    zone = datetime.timezone(datetime.timedelta(hours=2))
    quarters = [decimal.Decimal(n) / 4 for n in range(60)]
    frame = pd.DataFrame({
        "day": days,
        "moment": pd.Series([None, *moments[1:]], dtype=object),
        "zoned": pd.Series([moment.tz_localize(zone) for moment in moments], dtype=object),
        "written": [int(day.strftime("%Y%m%d")) for day in days],
        "price": pd.Series([None, *quarters[1:]], dtype=object),
        "arrow": pd.Series(quarters).astype(pd.ArrowDtype(pa.decimal128(8, 2))),
        "tax": quarters,
    })  # fmt: skip
    given = frame.copy()
    splits = data.from_dataframe(frame, {"tax": "auto"}, encoding={"dates": ["written"]})
    assert splits.targets["tax"].kind == "regression"
    x = data.inputs_from_dataframe(frame, splits.inputs, splits.columns)
    number = np.arange(60.0)
    gap = np.where(number, number, np.nan)
    np.testing.assert_array_equal(x["day_days"][:, 0], 19723 + number)
    np.testing.assert_array_equal(x["written_days"][:, 0], 19723 + number)
    np.testing.assert_array_equal(x["moment_days"][:, 0], 19723 + gap)
    np.testing.assert_allclose(x["zoned_days"][:, 0], 19723 + number - 2 / 24, atol=2e-3, rtol=0)
    np.testing.assert_array_equal(x["arrow"][:, 0], number / 4)
    np.testing.assert_array_equal(x["price"][:, 0], gap / 4)
    pd.testing.assert_frame_equal(frame, given)  # that of the user stays as it was


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int64, np.float16, np.float32])
def test_objects_of_numpy_are_the_numbers_that_python_has(kind):
    cells = [kind(row % 2) if row % 5 else None for row in range(ROWS)]
    tables = [
        pd.DataFrame({"fed": pd.Series(column, dtype=object), "to": np.arange(ROWS) % 3})
        for column in (cells, [cell if cell is None else cell.item() for cell in cells])
    ]
    numpy, python = (first_x(data.from_dataframe(table, {"to": "auto"}).test) for table in tables)
    np.testing.assert_array_equal(numpy["fed"], python["fed"])


def test_columns_that_no_signature_can_be_called_after(tmp_path):
    frame = pd.DataFrame({"self": np.arange(60.0), "class": np.arange(60.0), "y": [0, 1, 1] * 20})
    splits = data.from_dataframe(frame, {"y": "binary"})
    assert splits.columns == {"column_self": "self", "column_class": "class"}
    model = mtl.build_model(
        splits.features, mtl.trunks.MLP([4]), {"y": mtl.heads.BinaryClassification()}
    )
    served = tf.saved_model.load(mtl.export.saved_model(model, tmp_path / "people"))
    x = data.inputs_from_dataframe(frame, splits.inputs, splits.columns)
    expected = model.predict(x, verbose=0)["y"]
    np.testing.assert_allclose(served.signatures["serving_default"](**x)["y"], expected, rtol=1e-5)


def test_names_that_would_collide():
    frame = pd.DataFrame(RANDOM.normal(size=(50, 4)), columns=["a b", "a-b", "日本", "y"])
    splits = data.from_dataframe(
        frame, {"a_b_2": {"column": "y", "kind": "regression"}}, stratify=None
    )
    assert splits.columns == {"a_b": "a b", "a_b_3": "a-b", "column": "日本"}
    assert np.isfinite(model_of(splits)(first_x(splits.train))["a_b_2"]).all()


@pytest.mark.parametrize("names", [["visit", "visit_days"], ["visit_days", "visit"]])
def test_dates_beside_a_column_or_task_of_days(names):
    visit = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60), "D")
    frame = pd.DataFrame({"visit": visit, "visit_days": np.arange(60) % 2, "y": [0, 1, 1] * 20})
    frame = frame[[*names, "y"]]
    splits = data.from_dataframe(frame, {"y": "binary"})
    assert splits.columns == {"visit_days": "visit_days", "visit_2_days": "visit"}
    assert list(splits.columns.values()) == names
    x = data.inputs_from_dataframe(frame, splits.inputs, splits.columns)
    assert x["visit_days"][1, 0] == 1
    assert x["visit_2_days"][1, 0] == (visit[1] - pd.Timestamp("1970-01-01")).days
    splits = data.from_dataframe(frame, {"visit_days": "binary"})
    assert splits.columns == {"visit_2_days": "visit", "y": "y"}
    assert np.isfinite(model_of(splits)(first_x(splits.train))["visit_days"]).all()


@pytest.mark.parametrize("kind", ["auto", "classification"])
def test_ordered_categories_give_classes_their_order(tmp_path, kind):
    grade = pd.Categorical(
        ["ok", "poor", "good"] * 20, ["poor", "ok", "fine", "good"], ordered=True
    )
    frame = pd.DataFrame({"grade": grade, "x": np.arange(60)})
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=20)
    enum = polars.Series("grade", list(grade), dtype=polars.Enum(list(grade.categories)))
    for splits in (
        data.from_dataframe(frame, {"grade": kind}),
        data.from_parquet(tmp_path / "a.parquet", {"grade": kind}, stream=True),
        data.from_dataframe(
            polars.DataFrame([enum, polars.Series("x", range(60))]), {"grade": kind}
        ),
    ):
        assert splits.targets["grade"].class_names == ("poor", "ok", "good")
    ages = pd.DataFrame({"age": pd.cut(np.arange(60), [-1, 5, 10, 60]), "x": np.arange(60)})
    found = data.from_dataframe(ages, {"age": kind}).targets["age"]
    assert found.class_names == ("(-1, 5]", "(5, 10]", "(10, 60]")
    flags = ages.assign(age=pd.Categorical([True, False] * 30, [True, False], ordered=True))
    assert data.from_dataframe(flags, {"age": "auto"}).targets["age"].class_names is None


def test_labels_of_several_columns_have_their_names():
    frame = pd.DataFrame({"x": range(60), "tags": ["a|b", "b", ""] * 20, "words": [["a"], []] * 30})
    flags = frame["tags"].str.get_dummies("|")
    target = {"tags": {"columns": ["a", "b"], "kind": "multilabel"}}
    table = pd.concat([frame[["x"]], flags], axis=1)
    splits = data.from_dataframe(table, target, test=table)
    assert splits.targets["tags"] == data.Target("multilabel", units=2, class_names=("a", "b"))
    assert list(data.describe(splits).classes["tags"].index) == ["a", "b"]
    with pytest.raises(ValueError, match=r"str.get_dummies\('\|'\)"):
        data.from_dataframe(frame[["x", "tags"]], {"tags": "multilabel"})
    with pytest.raises(ValueError, match=r"make flags for 'multilabel'"):
        data.from_dataframe(frame[["x", "words"]], {"words": "auto"})


def test_fractions_are_classes_where_they_are_named():
    frame = pd.DataFrame({"x": range(60), "stars": [0.5, 1.0, 1.5, np.nan, 5.0, 1.0] * 10})
    for names in ([0.5, 1, 1.5, 5.0], ["0.5", "1", "1.5", "5"]):
        splits = data.from_dataframe(
            frame, {"stars": {"class_names": names}}, test=frame[frame["stars"] == 5]
        )
        assert splits.targets["stars"].class_names == ("0.5", "1", "1.5", "5")
        assert next(iter(splits.test))[1]["stars"].numpy().tolist() == [3] * 10
        labels = np.concatenate([y["stars"] for _, y in splits.train])
        assert set(labels) == {-1, 0, 1, 2, 3}
    with pytest.raises(ValueError, match=r"'class_names': \[0.5, 1, …\]"):
        data.from_dataframe(frame, {"stars": "classification"})


def test_text_beside_numbers_in_one_task_is_named():
    frame = pd.DataFrame({"x": range(40), "days": [0.5, 7.0] * 20, "dead": ["1", "no"] * 20})
    target = {"survival": {"columns": ["days", "dead"], "kind": "regression"}}
    with pytest.raises(ValueError, match=r"'days' and 'dead' .* holds text in row 2 \('no'\)"):
        data.from_dataframe(frame, target)
    splits = data.from_dataframe(frame.assign(dead=["1", "0"] * 20), target, stratify=None)
    assert {tuple(row) for row in next(iter(splits.train))[1]["survival"].numpy()} == {
        (0.5, 1),
        (7, 0),
    }


@pytest.mark.parametrize("label", ["u", 1, 0.5])
def test_a_task_without_training_labels_is_told(label):
    late = [label if n < 270 else "v" if label == "u" else 0 for n in range(300)]
    frame = pd.DataFrame({"x": range(300), "late": late, "known": [0, 1] * 150})
    frame.loc[:240, "late"] = None
    with pytest.raises(ValueError, match="'late' has no labelled row in the training split"):
        data.from_dataframe(frame, {"late": "auto", "known": "auto"}, in_order=True)


def test_several_columns_make_one_task():
    frame = pd.DataFrame(RANDOM.normal(size=(50, 3)), columns=["x", "east", "north"])
    frame["rain"], frame["wind"] = [0, 1] * 25, [1, 1, 0, 0, 1] * 10
    frame["rain"] = frame["rain"].where(np.arange(50) > 4)
    splits = data.from_dataframe(frame, {
        "place": {"columns": ["east", "north"], "kind": "regression"},
        "weather": {"columns": ["rain", "wind"], "kind": "multilabel"},
    })  # fmt: skip
    assert (splits.targets["place"].units, splits.targets["weather"].units) == (2, 2)
    weather = np.concatenate([y["weather"] for p in splits for _, y in p.as_numpy_iterator()])
    assert (weather == -1).sum() == 5
    assert list(splits.inputs) == ["x"]


@pytest.mark.parametrize(
    "positive", ["1", 1, 1.0, np.int64(1), np.float32(1), [1.0], np.array([1]), {1}]
)
@pytest.mark.parametrize("dtype", ["int64", "float64", "str"])
def test_positive_values_of_every_type(positive, dtype):
    frame = pd.DataFrame({"x": np.arange(60.0), "k": np.arange(60) % 3}).astype({"k": dtype})
    splits = data.from_dataframe(frame, {"one": {"column": "k", "positive": positive}})
    assert splits.targets["one"].class_names == ("not 1", "1")


def test_whole_number_classes_are_renumbered_with_names():
    frame = pd.DataFrame(
        {"x": np.arange(90.0), "grade": [3, 10, 5] * 30, "flag": [1, 2, None] * 30}
    )
    splits = data.from_dataframe(frame, {"grade": "classification", "flag": "auto"})
    assert splits.targets["grade"].class_names == ("3", "5", "10")
    assert splits.targets["flag"] == data.Target("binary", class_names=("1", "2"))


def test_classes_in_an_order_of_ones_own():
    frame = pd.DataFrame({"x": np.arange(60.0), "size": ["small", "large", "huge"] * 20})
    order = ("small", "large", "huge")
    for target, kind in (({"class_names": list(order)}, "classification"),
                         ({"column": "size", "kind": "binary", "class_names": list(order[:2])},
                          "binary")):  # fmt: skip
        rows = frame[frame["size"].isin(target["class_names"])]
        splits = data.from_dataframe(rows, {"size": target})
        assert splits.targets["size"].class_names == tuple(target["class_names"])
        assert splits.targets["size"].kind == kind
        for x, y in splits.train:
            np.testing.assert_array_equal(y["size"], x["x"][:, 0] % 3)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"class_names": [False, True]}, "quotes around yes"),
        ({"class_names": "small"}, "Give a list"),
        ({"class_names": ["small", "small"]}, "twice"),
        ({"class_names": ["small", "large"]}, "Unknown class of task 'size' 'huge'"),
        ({"class_names": ["small"], "positive": "small"}, "Give one of them"),
        ({"class_names": ["small", "large"], "kind": "regression"}, "'regression' target has not"),
    ],
)
def test_an_order_of_classes_that_is_none(rule, message):
    frame = pd.DataFrame({"x": np.arange(60.0), "size": ["small", "large", "huge"] * 20})
    with pytest.raises(ValueError, match=message):
        data.from_dataframe(frame, {"size": rule})


def test_groups_and_own_test_rows():
    frame = people().assign(family=np.repeat(np.arange(ROWS // 4), 4))
    splits = data.from_dataframe(frame, TARGETS, groups="family", ignore=["size"], test=people(40))
    assert splits.sizes["test"] == 40
    assert "family" not in splits.inputs
    assert "size" not in splits.inputs


def test_rows_in_time_are_not_drawn_at_random():
    frame = people().assign(day=np.arange(ROWS))
    splits = data.from_dataframe(frame, TARGETS, in_order=True)
    train, valid, test = (
        np.sort(np.concatenate([x["day"][:, 0] for x, _ in part])) for part in splits
    )
    np.testing.assert_array_equal(np.concatenate([train, valid, test]), np.arange(ROWS))
    splits = data.from_dataframe(frame, TARGETS, in_order=True, test=frame)
    valid = np.concatenate([x["day"][:, 0] for x, _ in splits.valid])
    np.testing.assert_array_equal(valid, np.arange(ROWS)[-len(valid) :])


def test_a_table_for_prediction():
    frame = people()
    splits = data.from_dataframe(frame, TARGETS)
    model = model_of(splits)
    shuffled = frame[reversed(frame.columns)].head(5)
    for arguments in ({}, {"columns": splits.columns}):
        x = data.inputs_from_dataframe(shuffled, model.input, **arguments)
        assert list(x) == list(splits.inputs)
        assert model.predict(x, verbose=0)["income"].shape == (5, 1)
    assert x["since_days"][1, 0] == (frame["since"][1] - pd.Timestamp("1970-01-01")).days
    with pytest.raises(ValueError, match=r"'age'.*Did you mean 'Age'"):
        data.inputs_from_dataframe(frame.rename(columns={"age": "Agee"}).rename(
            columns={"Agee": "Age"}), model.input)  # fmt: skip
    frame["age"] = frame["age"].astype(object)
    frame.loc[3, "age"] = "old"
    with pytest.raises(ValueError, match=r"'old' in row 4 of column 'age'.*not a number"):
        data.inputs_from_dataframe(frame, model.input)


@pytest.mark.parametrize(
    ("names", "arguments"),
    [
        (["a b", "a-b"], {"ignore": ["a b"]}),
        (["a_b", "a-b"], {"ignore": ["a_b"]}),
        (["a b", "a-b"], {}),
        (["visit_days", "visit"], {"ignore": ["visit_days"]}),
    ],
)
def test_columns_that_are_not_told_by_their_names(names, arguments):
    frame = pd.DataFrame({names[0]: range(60), names[1]: [5.5, 6.5] * 30, "y": [0, 1, 1] * 20})
    if "visit" in frame:
        frame["visit"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60), "D")
    splits = data.from_dataframe(frame, {"y": "binary"}, **arguments)
    with pytest.raises(ValueError, match=r"may be any of the columns .*splits\.columns"):
        data.inputs_from_dataframe(frame, splits.inputs)
    x = data.inputs_from_dataframe(frame, splits.inputs, splits.columns)
    last = next(reversed(splits.inputs))
    assert x[last][0, 0] == (19723 if "visit" in frame else 5.5)
    alone = frame[list(splits.columns.values())]
    if len(splits.columns) == 1:  # nothing else that may be meant
        assert data.inputs_from_dataframe(alone, splits.inputs)[last][0, 0] == x[last][0, 0]


def test_minus_one_is_a_class_where_it_has_a_name():
    frame = pd.DataFrame({"x": RANDOM.normal(size=60), "mood": [-1, 0, 1] * 20})
    with pytest.warns(UserWarning, match=r"-1 in 20 rows.*'class_names': \['-1', '0', '1'\]"):
        splits = data.from_dataframe(frame, {"mood": "classification"})
    assert splits.targets["mood"].num_classes == 2
    splits = data.from_dataframe(frame, {"mood": {"class_names": [-1, 0, 1]}})
    found = np.concatenate([y["mood"] for _, y in splits.train])
    assert set(found) == {0, 1, 2}
    frame.loc[frame["mood"] < 0, "mood"] = None  # an empty cell needs no warning
    assert data.from_dataframe(frame, {"mood": "classification"}).targets["mood"].num_classes == 2


def test_a_table_of_one_column():
    frame = people()[["age", "rich"]]
    splits = data.from_dataframe(frame, {"rich": "binary"})
    model = mtl.build_model(
        splits.features, mtl.trunks.MLP([4]), {"rich": mtl.heads.BinaryClassification()}
    )
    model.compile("adam")
    model.fit(splits.train, validation_data=splits.valid, verbose=0)
    x = data.inputs_from_dataframe(frame.head(5), model.input)
    assert model.predict(x, verbose=0)["rich"].shape == (5, 1)
    np.testing.assert_array_equal(model(x)["rich"], model(x["age"])["rich"])


@pytest.mark.parametrize("convert", [pd.DataFrame, pa.Table.from_pandas, polars.from_pandas])
def test_tables_of_other_libraries_for_prediction(convert):
    frame = people()
    splits = data.from_dataframe(frame, TARGETS)
    x = data.inputs_from_dataframe(convert(frame), splits.inputs, splits.columns)
    expected = data.inputs_from_dataframe(frame, splits.inputs)
    tf.nest.map_structure(np.testing.assert_array_equal, x, expected)


def test_numbers_as_names_of_columns():
    frame = pd.DataFrame(np.arange(300).reshape(60, 5) % 7).assign(y=[0, 1] * 30)
    frame.columns = range(6)
    splits = data.from_dataframe(
        frame, {5: "binary", "high": {"column": 4, "kind": "regression"}},
        ignore=[0], groups=1, encoding={"categorical": 2},
    )  # fmt: skip
    assert splits.columns == {"column_2": "2", "column_3": "3"}
    assert set(splits.targets) == {"column_5", "high"}
    x = data.inputs_from_dataframe(frame, splits.inputs, splits.columns)
    assert x["column_3"][1, 0] == frame[3][1]


@pytest.mark.parametrize(("status", "label"), [("single", 1), ("wed", 0), (None, -1)])
def test_test_rows_without_some_of_the_labels(status, label):
    frame = pd.DataFrame({"x": range(60), "status": ["single", "wed"] * 30, "y": [1, 0] * 30})
    rules = {"y": "binary", "single": {"column": "status", "positive": "single"}}
    test = frame.assign(status=status, y=None if status is None else label)
    _, y = next(iter(data.from_dataframe(frame, rules, test=test).test))
    assert set(y["single"].numpy()) == set(y["y"].numpy()) == {label}


def test_positive_values_that_the_test_rows_write_otherwise_are_reported():
    frame = pd.DataFrame({"x": range(60), "income": ["<=50K", ">50K"] * 30})
    rules = {"rich": {"column": "income", "positive": ">50K"}}
    test = frame.assign(income=frame["income"] + ".")  # as in the test file of Adult
    with pytest.warns(UserWarning, match=r"'rich' is positive: column 'income'.*'>50K\.'"):
        data.from_dataframe(frame, rules, test=test)


@pytest.mark.parametrize("dtype", [bool, object, "boolean", "category"])
@pytest.mark.parametrize("gaps", ["train", "test", "both"])
def test_bools_with_and_without_missing_ones(dtype, gaps):
    full = pd.DataFrame({"x": range(60), "y": [True, False, False] * 20})
    holes = full.assign(y=full["y"].astype(object).where(full["x"] % 5 > 0))
    full["y"] = full["y"].astype(dtype)
    train, test = holes if gaps != "test" else full, holes if gaps != "train" else full
    splits = data.from_dataframe(train, {"y": "auto"}, test=test, batch_size=100)
    assert splits.targets["y"] == data.Target("binary")
    _, y = next(iter(splits.test))
    expected = [1, 0, 0] * 20
    if gaps != "train":
        expected = [label if n % 5 else -1 for n, label in enumerate(expected)]
    assert y["y"].numpy().tolist() == expected
    numbers = data.from_dataframe(holes, {"y": "regression"}, stratify=None, batch_size=100)
    assert np.isnan(next(iter(numbers.train))[1]["y"]).any()


@pytest.mark.parametrize(
    ("labels", "dtype", "names"),
    [
        ([2**53, 2**53 + 1], "int64", ["9007199254740992", "9007199254740993"]),
        ([2**53, 2**53 + 1, None], "Int64", ["9007199254740992", "9007199254740993"]),
        ([2**64 - 2, 2**64 - 1], "uint64", ["18446744073709551614", "18446744073709551615"]),
        ([b"no", b"yes"], object, ["no", "yes"]),
    ],
)
def test_classes_keep_their_names(labels, dtype, names):
    frame = pd.DataFrame({"x": np.arange(40.0), "y": pd.Series(labels * 20, dtype=dtype)[:40]})
    targets = data.from_dataframe(frame, {"y": "binary"}).targets
    assert targets["y"].class_names == tuple(names)


GOOD = pd.DataFrame({"x": np.arange(50.0), "word": ["a", "b"] * 25, "y": [0, 1] * 25})


@pytest.mark.parametrize(
    ("frame", "arguments", "message"),
    [
        (GOOD, {"targets": {"z": "binary"}}, "Unknown target column 'z'.*'x', 'word', 'y'"),
        (GOOD, {"targets": {"wird": "binary"}}, "Did you mean 'word'"),
        (GOOD, {"targets": {"y": "binry"}}, "kind of target 'y' 'binry'.*Did you mean 'binary'"),
        (GOOD, {"targets": {}}, "one column at least"),
        (GOOD, {"targets": ["y"]}, "must be a dictionary"),
        (GOOD, {"targets": {"y": 3}}, "Target 'y' is 3"),
        (GOOD, {"targets": {"y": {"colunm": "y"}}}, "Did you mean 'column'"),
        (GOOD, {"targets": {"a b": {"column": "y"}}}, "Invalid task name 'a b'"),
        (GOOD, {"targets": {"w": {"column": "word", "positive": "c"}}}, "'c'.*'a', 'b'"),
        (GOOD, {"targets": {"w": {"column": "word", "positive": ["a", "b"]}}}, "is positive"),
        (GOOD, {"targets": {"y": "binary", "t": {"columns": ["y", "x"], "column": "y"}}},
         "Give one of them"),
        (GOOD, {"targets": {"word": "regression"}}, r"text in row 1 \('a'\)"),
        (GOOD, {"ignore": ["wrd"]}, "column to ignore.*Did you mean 'word'"),
        (GOOD, {"groups": "family"}, "'family'"),
        (GOOD, {"ignore": ["x", "word"]}, "no input column left"),
        (GOOD, {"encoding": {"bins": 3}}, "Unknown argument of the encoding 'bins'"),
        (GOOD, {"encoding": {"categorical": ["wrd"]}}, "Did you mean 'word'"),
        (GOOD, {"encoding": {"dates": ["word"]}}, "column 'word'.*ISO 8601"),
        (GOOD.head(0), {}, "empty"),
        (GOOD.head(5), {}, "empty part"),
        (GOOD.assign(y=1), {}, "1 class .*nothing to learn"),
        (GOOD.rename(columns={"x": "word"}), {}, "two columns called 'word'"),
        (GOOD.assign(x=[np.inf] + [1.0] * 49), {}, "inf in row 1 of column 'x'"),
        (GOOD.assign(x=[[1]] * 50), {}, "holds list"),
        (GOOD.assign(x=[str(n) for n in range(49)] + ["n.a."]), {},
         r"numbers but for 1 cells.*'n.a.' in row 50.*missing_values"),
        (GOOD.assign(x=pd.to_timedelta(np.arange(50), "D")), {}, "Timedelta"),
        (GOOD.set_axis(pd.MultiIndex.from_product([["a"], GOOD.columns]), axis=1), {},
         r"names of 2 parts, such as \('a', 'x'\).*join"),
        (GOOD, {"test": GOOD.drop(columns="word")}, r"lacks the columns \['word'\]"),
        (GOOD, {"test": GOOD.assign(y=[2] * 50)}, "test table.*from 0 to 1.*row 1"),
        ([1, 2], {}, "Expected a pandas.DataFrame"),
        (GOOD.assign(y=pd.date_range("2020", periods=50)), {"targets": {"y": "auto"}},
         "Column 'y' holds times .datetime64.*classification"),
        (GOOD.assign(y=[{"a": 1}] * 50), {}, "Column 'y' holds dict {'a': 1}"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused(frame, arguments, message):
    with pytest.raises(ValueError, match=message):
        data.from_dataframe(frame, **{"targets": {"y": "binary"}, **arguments})


def test_columns_whose_names_a_signature_cannot_have_are_exported(tmp_path):
    """A run would be trained to its end and fail then."""
    frame = pd.DataFrame({name: RANDOM.normal(size=60) for name in ["Age", "age", "class", "self"]})
    splits = data.from_dataframe(frame.assign(y=frame["Age"]), {"y": "regression"})
    assert list(splits.columns) == ["Age", "age_2", "column_class", "column_self"]
    model = model_of(splits)
    served = tf.saved_model.load(mtl.export.saved_model(model, tmp_path))
    x = data.inputs_from_dataframe(frame, model.input)
    found = served.signatures["serving_default"](**x)["y"]
    np.testing.assert_array_equal(found, model.predict(x, verbose=0)["y"])
