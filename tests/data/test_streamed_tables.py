"""A table that is read in pieces gives what it gives in memory; a mistake names the same cell."""

import tracemalloc
import warnings

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

import tf_mtl as mtl
from tests.data.test_table_sources import change, write_parts
from tf_mtl import data
from tf_mtl.data.tables import streamed_table

ROWS = 700
TARGETS = {
    "rich": "binary",
    "size": "regression",
    "level": "auto",
    "single": {"column": "status", "positive": "single"},
}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Pieces of 29 rows or so, where files of a test would be a single piece."""
    monkeypatch.setattr(streamed_table, "_CELLS_IN_A_PIECE", 300)
    monkeypatch.setattr(streamed_table, "_LEAST_ROWS", 20)


def people():
    """Columns of which pandas sees another type in some of the pieces."""
    random = np.random.default_rng(0)
    number = np.arange(ROWS)
    holes = random.random(ROWS) < 0.1
    return pd.DataFrame({
        "row": number,
        "age": np.where(holes, np.nan, random.integers(18, 80, ROWS)),
        "weight": random.normal(70, 9, ROWS),
        "job": random.choice(["baker", "smith", None], ROWS),
        "code": [f"0{n}" if n < 250 else f"w{n % 3}" for n in number],
        "member": random.choice([True, False, None], ROWS, p=[0.5, 0.48, 0.02]),
        "rarely": np.where(number > 600, 5.5, np.nan),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 999, ROWS), "D"),
        "rich": random.choice(["yes", "no", None], ROWS, p=[0.6, 0.35, 0.05]),
        "size": np.where(number % 9, random.normal(size=ROWS), np.nan),
        "level": [3 if n < 350 else (7, 9, 3)[n % 3] for n in number],
        "status": ["single" if n > 500 else ("wed", "widowed")[n % 2] for n in number],
        "family": number // 3,
    })  # fmt: skip


@pytest.fixture(params=["csv", "csv.gz", "parquet", "parts"])
def source(request, tmp_path):
    """A reader and its files."""
    frame = people()
    if request.param == "parts":
        # A file that no piece divides, a file of one row, and an empty one.
        for number, part in enumerate((frame[:301], frame[301:302], frame[:0], frame[302:])):
            part.to_csv(tmp_path / f"{number}.csv", index=False)
        return data.from_csv, tmp_path / "*.csv"
    path = tmp_path / f"people.{request.param}"
    if request.param == "parquet":
        frame.to_parquet(path, row_group_size=170)
        return data.from_parquet, path
    frame.to_csv(path, index=False)
    return data.from_csv, path


def both(source, targets=TARGETS, **options):
    read, path = source
    return read(path, targets, **options), read(path, targets, stream=True, **options)


def layers(splits):
    return keras.Model(splits.inputs, splits.features).get_config()["layers"]


def rows(dataset):
    """All rows of an epoch, `{name: array}`."""
    batches = [{**x, **y} for x, y in dataset.as_numpy_iterator()]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def assert_same(splits, other):
    assert splits.fingerprint == other.fingerprint
    assert (splits.targets, splits.sizes) == (other.targets, other.sizes)
    assert (splits.columns, list(splits.inputs)) == (other.columns, list(other.inputs))
    assert layers(splits) == layers(other)
    for one, two in zip(splits, other, strict=True):
        assert one.element_spec == two.element_spec
        assert one.cardinality() == two.cardinality()
    for part in ("valid", "test"):
        batches = zip(getattr(splits, part), getattr(other, part), strict=True)
        for expected, got in batches:
            tf.nest.map_structure(np.testing.assert_array_equal, expected, got)
    expected, got = rows(splits.train), rows(other.train)
    order = [np.argsort(each["row"][:, 0]) for each in (expected, got)]
    for name in expected:
        np.testing.assert_array_equal(expected[name][order[0]], got[name][order[1]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 7, "seed": 3, "stratify": "level"},
        {"groups": "family", "fractions": (0.6, 0.2, 0.2)},
        {"in_order": True},
        {"ignore": ["code", "job"], "encoding": {"intervals": 10}},
        {"encoding": {"categorical": ["age", "code"], "max_categories": 5}},
    ],
)
def test_same_as_in_memory(source, options):
    assert_same(*both(source, **options))


def test_own_test_file(source, tmp_path):
    read, _ = source
    frame = people()[::7]
    if read is data.from_csv:
        test = tmp_path / "test.txt"
        frame.to_csv(test, index=False)
    else:
        test = tmp_path / "test.parquet"
        frame.to_parquet(test)
    whole, streamed = both(source, test_path=test)
    assert_same(whole, streamed)
    assert streamed.sizes["test"] == 100


def test_description_and_training(tmp_path):
    people().to_csv(tmp_path / "a.csv", index=False)
    whole, streamed = both((data.from_csv, tmp_path / "a.csv"), ignore=["row"])
    pd.testing.assert_frame_equal(data.describe(whole).table, data.describe(streamed).table)
    data.show(streamed, examples=4)
    heads = {
        "rich": mtl.heads.BinaryClassification(class_names=["no", "yes"]),
        "size": mtl.heads.Regression(),
        "level": mtl.heads.Classification(3),
        "single": mtl.heads.BinaryClassification(),
    }
    model = mtl.build_model(streamed.features, trunk=mtl.trunks.MLP([8]), heads=heads)
    model.compile("adam", steps_per_execution=2)
    history = model.fit(streamed.train, validation_data=streamed.valid, epochs=2, verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()
    assert model.evaluate(whole.test, verbose=0) == model.evaluate(streamed.test, verbose=0)


def test_order_is_told_by_seed_and_epoch(tmp_path):
    pattern = write_parts(tmp_path)
    one, two = (data.from_csv(pattern, {"rich": "auto"}, seed=1, stream=True) for _ in range(2))
    epochs = [rows(one.train)["size"][:, 0] for _ in range(3)]
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], np.sort(epochs[0]))
    two.start_epoch(2)
    np.testing.assert_array_equal(rows(two.train)["size"][:, 0], epochs[2])


def test_records_of_a_stream(tmp_path):
    people().to_parquet(tmp_path / "a.parquet")
    splits = data.from_parquet(tmp_path / "a.parquet", TARGETS, stream=True)
    again = data.from_tfrecord(data.write_tfrecord(splits, tmp_path / "records"))
    assert again.fingerprint == splits.fingerprint


def test_a_mixture_of_streams(tmp_path):
    people().to_csv(tmp_path / "a.csv", index=False)
    parts = [
        data.from_csv(tmp_path / "a.csv", {task: "auto"}, ignore=[other], stream=True)
        for task, other in (("rich", "size"), ("size", "rich"))
    ]
    mixed = data.mix({"rich": parts[0], "size": parts[1]}, batch=16, seed=1)
    y = [y for _, y in mixed]
    expected = [rows(part.train) for part in parts]
    assert (
        sum(int((each["rich"] >= 0).numpy().sum()) for each in y)
        == (expected[0]["rich"] >= 0).sum()
    )
    assert sum(int(np.isfinite(each["size"]).sum()) for each in y) == (
        np.isfinite(expected[1]["size"]).sum()
    )


def test_memory_does_not_hold_the_inputs(tmp_path, monkeypatch):
    monkeypatch.undo()
    rows, columns = 40_000, 60
    monkeypatch.setattr(streamed_table, "_CELLS_IN_A_PIECE", rows * columns // 20)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(rows, columns)).astype("float32"))
    frame.rename(columns="n{}".format).assign(y=np.arange(rows) % 2).to_parquet(
        tmp_path / "a.parquet", row_group_size=1000
    )
    peaks = []
    for stream in (False, True):
        tracemalloc.start()
        splits = data.from_parquet(
            tmp_path / "a.parquet", {"y": "binary"}, stratify=None, stream=stream
        )
        splits.train.reduce(0, lambda batches, _: batches + 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    inputs = 4 * rows * columns
    assert peaks[1] < inputs < 2 * inputs < peaks[0], peaks


def test_a_strategy_distributes_the_batches(tmp_path):
    people().to_parquet(tmp_path / "a.parquet")
    splits = data.from_parquet(tmp_path / "a.parquet", TARGETS, stream=True, batch_size=64)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    batches = strategy.experimental_distribute_dataset(splits.train)
    assert [len(y["rich"]) for _, y in batches][:2] == [64, 64]


def test_names_of_folders_are_columns_of_parquet_files(tmp_path):
    frame = pd.DataFrame({
        "row": np.arange(120),
        "rich": ["yes", "no"] * 60,
        "year": np.arange(120) // 3 % 2 + 2020,
        "land": [("a/b", "7", None)[n % 3] for n in range(120)],
    })  # fmt: skip
    frame.to_parquet(tmp_path, partition_cols=["year", "land"])
    pattern = tmp_path / "**" / "*.parquet"
    whole, streamed = both((data.from_parquet, pattern), {"rich": "auto"})
    assert_same(whole, streamed)
    assert set(whole.inputs) == {"row", "year", "land"}
    found = data.read_parquet(pattern).sort_values("row").reset_index(drop=True)
    pd.testing.assert_frame_equal(found[frame.columns], frame, check_dtype=False)
    alone = next(tmp_path.rglob("*.parquet"))
    assert data.read_parquet(alone).columns.tolist() == ["row", "rich"]


def test_categories_of_parquet_differ_between_row_groups(tmp_path):
    frame = people()
    table = pa.Table.from_pandas(frame[["row", "weight", "job", "rich"]])
    column = table.column("job")
    parts = [pa.chunked_array([column.slice(start, 100).combine_chunks().dictionary_encode()])
             for start in range(0, ROWS, 100)]  # fmt: skip
    encoded = table.set_column(2, "job", pa.chunked_array([p.chunk(0) for p in parts]))
    pq.write_table(encoded, tmp_path / "a.parquet", row_group_size=100)
    assert_same(*both((data.from_parquet, tmp_path / "a.parquet"), {"rich": "auto"}))


def test_bools_are_text_beside_numbers(tmp_path):
    cells = ["True"] * 300 + ["1"] * 300 + ["x"] * 100
    frame = people()[["row", "weight", "rich"]].assign(flag=cells)
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert_same(*both((data.from_csv, tmp_path / "a.csv"), {"rich": "auto"}))
    frame.assign(flag=["True"] * 300 + ["2.50"] * 400).to_csv(tmp_path / "a.csv", index=False)
    whole, streamed = both((data.from_csv, tmp_path / "a.csv"), {"rich": "auto"})
    assert_same(whole, streamed)
    assert streamed.inputs["flag"].dtype == "string"


def messages(read, path, targets=TARGETS, **options):
    """What reading whole and reading in pieces say."""
    found = []
    for stream in (False, True):
        with pytest.raises((ValueError, FileNotFoundError)) as caught:
            read(path, targets, stream=stream, **options)
        found.append(str(caught.value))
    return found


BAD = {
    "not a number": (lambda f: f.assign(weight=[*map(str, range(650)), *["n.a."] * 50]), {}),
    "infinite": (lambda f: f.assign(weight=[1.0] * 650 + [1e60] * 50), {}),
    "bad label": (lambda f: f.assign(size=[*map(str, range(650)), *["big"] * 50]), {}),
    "three classes": (lambda f: f.assign(rich=["yes"] * 600 + ["no"] * 50 + ["maybe"] * 50), {}),
    "one class": (lambda f: f.assign(rich="yes"), {}),
    "no positive": (lambda f: f.assign(status="wed"), {}),
    "no date": (lambda f: f.assign(since=["2020-01-01"] * 690 + ["soon"] * 10),
                {"encoding": {"dates": ["since"]}}),
    "unknown column": (lambda f: f.drop(columns="rich"), {}),
    "unknown to ignore": (lambda f: f, {"ignore": ["wieght"]}),
    "nothing said": (lambda f: f[["rich", "size", "level", "status"]].assign(x=1), {}),
    "no rows": (lambda f: f[:0], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_same_errors(tmp_path, case, ending):
    make, options = BAD[case]
    path = tmp_path / f"a.{ending}"
    frame = make(people())
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    read = data.from_csv if ending == "csv" else data.from_parquet
    whole, streamed = messages(read, path, **options)
    assert whole == streamed
    assert "\n" not in whole


@pytest.mark.parametrize(
    "content",
    ["", "a,b\n", "a,b,a\n1,2,3\n", "a,b\n" + "1,2\n" * 90 + "1,2,3\n", b"name,b\nGr\xf6,1\n"],
    ids=["empty", "no rows", "two of a name", "a long row", "no UTF-8"],
)
def test_same_errors_of_files(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    whole, streamed = messages(data.from_csv, path, {"b": "auto"})
    assert whole.split("line")[0] == streamed.split("line")[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("job", "jobs"),
        ("\n22.0,", "\nold,"),
        (",no,30.0", ",no,big"),
        (",no,30.0", ",no,inf"),
        (",no,30.0", ",maybe,30.0"),
    ],
)
def test_same_errors_of_one_file_of_many(tmp_path, old, new):
    pattern = write_parts(tmp_path)
    change(tmp_path, old, new)
    whole, streamed = messages(data.from_csv, pattern, {"rich": "binary"})
    assert whole == streamed


def test_missing_and_broken_files(tmp_path):
    for path in (tmp_path / "absent.csv", tmp_path / "*.csv", []):
        whole, streamed = messages(data.from_csv, path)
        assert whole == streamed
    (tmp_path / "a.parquet").write_text("a,b\n1,2\n")
    whole, streamed = messages(data.from_parquet, tmp_path / "a.parquet")
    assert whole == streamed


def test_a_file_that_changes_is_noticed(tmp_path):
    path = tmp_path / "a.csv"
    people().to_csv(path, index=False)
    splits = data.from_csv(path, TARGETS, stream=True)
    people().head(650).to_csv(path, index=False)
    with pytest.raises(tf.errors.OpError, match=r"a.csv has changed .* load the data again"):
        rows(splits.test)


def test_temporary_files_are_gone(tmp_path, monkeypatch):
    people().to_csv(tmp_path / "a.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        splits = data.from_csv(tmp_path / "a.csv", TARGETS, stream=True)
        next(iter(splits.train))
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
