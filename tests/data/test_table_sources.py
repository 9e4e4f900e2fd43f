"""Tables of every origin give the same splits; a mistake names file, column and row."""

import bz2
import gzip
import lzma
import zipfile

import datasets
import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from sklearn.datasets import load_digits, load_iris, load_linnerud
from sklearn.utils import Bunch

from tf_mtl import data
from tf_mtl.data.tables.frames import as_frame

ROWS = 120
TARGETS = {"rich": "binary", "size": "regression"}


def people():
    number = np.arange(ROWS)
    return pd.DataFrame({
        "age": np.where(number % 7, 20.0 + number % 30, np.nan),
        "job": np.where(number % 3, "baker", "smith"),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(number, "D"),
        "rich": np.where(number % 2, "yes", "no"),
        "size": number / 2,
    })  # fmt: skip


def same(splits, other):
    assert splits.fingerprint == other.fingerprint
    assert splits.targets == other.targets
    assert {name: one.dtype for name, one in splits.inputs.items()} == {
        name: one.dtype for name, one in other.inputs.items()
    }


def as_huggingface(frame):
    return datasets.Dataset.from_pandas(frame)


@pytest.mark.parametrize("convert", [pa.Table.from_pandas, polars.from_pandas, as_huggingface])
def test_tables_of_other_libraries(convert):
    expected = data.from_dataframe(people(), TARGETS)
    same(data.from_dataframe(convert(people()), TARGETS), expected)


def test_lazy_frames_decimals_and_dates():
    lazy = polars.from_pandas(people()).lazy().filter(polars.col("size") < 20)
    assert sum(data.from_dataframe(lazy, TARGETS).sizes.values()) == 40
    table = pa.table({
        "price": pa.array([1, 2, None], pa.decimal128(5, 2)),
        "day": pa.array([0, 1, None], pa.date32()),
        "open": pa.array([True, None, False]),
    })  # fmt: skip
    frame = as_frame(table)
    assert [frame[column].dtype.kind for column in frame] == ["f", "M", "O"]
    assert frame["price"].tolist()[:2] == [1.0, 2.0]


@pytest.mark.parametrize("table", [[1, 2], {"a": [1]}, np.zeros((2, 2)), pa.array([1])])
def test_what_is_no_table(table):
    with pytest.raises(
        ValueError, match=rf"Expected a pandas.DataFrame.*not {type(table).__name__}"
    ):
        data.from_dataframe(table, TARGETS)


@pytest.mark.parametrize(
    "numbers",
    [
        lambda values: polars.DataFrame({"age": polars.Series(values, dtype=polars.Int128)}),
        lambda values: pd.DataFrame({"age": pd.Series(values, dtype="float16[pyarrow]")}),
    ],
)
def test_numbers_of_rare_types(numbers):
    # Polars cannot hand its wide numbers to Arrow, and pandas cannot infer those of 16 bit.
    age = people()["age"]
    table = numbers([None if np.isnan(cell) else int(cell) for cell in age])
    rich = list(people()["rich"])
    is_pandas = isinstance(table, pd.DataFrame)
    table = (
        table.assign(rich=rich) if is_pandas else table.with_columns(polars.Series("rich", rich))
    )
    expected = data.from_dataframe(pd.DataFrame({"age": age, "rich": rich}), {"rich": "binary"})
    same(data.from_dataframe(table, {"rich": "binary"}), expected)


def test_columns_that_pandas_cannot_hold_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"'id' of the table has the type Int128 and a number"):
        as_frame(polars.DataFrame({"id": [1, 2**100]}, schema={"id": polars.Int128}))
    time = pa.array([1], pa.time64("ns"))
    with pytest.raises(
        ValueError, match=r"'at' of the table has the type time64\[ns\], and pandas"
    ):
        as_frame(pa.table({"age": [1], "at": time}))
    pq.write_table(pa.table({"age": [1], "at": time}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"'at' of .*a.parquet has the type"):
        data.read_parquet(tmp_path / "a.parquet")


def test_parquet(tmp_path):
    people().to_parquet(tmp_path / "a.parquet")
    expected = data.from_dataframe(people(), TARGETS, seed=3)
    same(data.from_parquet(tmp_path / "a.parquet", TARGETS, seed=3), expected)
    # An index is not a column, but one that pandas wrote as a column is.
    people().set_index("age").to_parquet(tmp_path / "c.parquet")
    for stream in (False, True):
        found = data.from_parquet(tmp_path / "c.parquet", TARGETS, seed=3, stream=stream)
        assert found.fingerprint == expected.fingerprint
    people().set_index(pd.Index(range(5, 5 + ROWS), name="id")).to_parquet(tmp_path / "b.parquet")
    same(data.from_parquet(tmp_path / "b.parquet", TARGETS, seed=3), expected)
    splits = data.from_parquet(tmp_path / "a.parquet", TARGETS, test_path=tmp_path / "b.parquet")
    assert splits.sizes == {"train": 107, "valid": 13, "test": 120}
    parts = data.read_parquet(tmp_path / "a.parquet", chunk_rows=50)
    assert [len(part) for part in parts] == [50, 50, 20]


@pytest.mark.parametrize(
    ("ending", "compress"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zip", None)],
)
def test_compressed_csv(tmp_path, ending, compress):
    path = tmp_path / f"people.csv.{ending}"
    content = people().to_csv(index=False).encode()
    if compress is None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("people.csv", content)
    else:
        path.write_bytes(compress(content))
    same(data.from_csv(path, TARGETS), data.from_dataframe(people(), TARGETS))
    path.write_bytes(path.read_bytes()[:80])
    with pytest.raises(ValueError, match=rf"people\.csv\.{ending} cannot be read"):
        data.from_csv(path, TARGETS)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"people\.csv\.{ending} cannot be read"):
        data.from_csv(path, TARGETS)


def write_parts(folder, ending="csv"):
    """Three files; the columns of the last one are in another order."""
    frame = people()
    for number, part in enumerate((frame[:50], frame[50:90], frame[90:])):
        path = folder / f"part-{number}.{ending}"
        ordered = part[part.columns[::-1]] if number == 2 else part
        ordered.to_csv(path, index=False) if "csv" in ending else ordered.to_parquet(path)
    return folder / f"part-*.{ending}"


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_many_files_are_one_table(tmp_path, ending):
    read = data.from_parquet if ending == "parquet" else data.from_csv
    pattern = write_parts(tmp_path, ending)
    expected = data.from_dataframe(people(), TARGETS)
    same(read(pattern, TARGETS), expected)
    same(read(sorted(tmp_path.iterdir()), TARGETS), expected)
    chunks = data.read_parquet if ending == "parquet" else data.read_csv
    assert [len(part) for part in chunks(pattern, chunk_rows=40)] == [40, 10, 40, 30]


def change(folder, old, new):
    path = folder / "part-1.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("job", "jobs", r"part-1.csv lacks the column 'job' of .*part-0.csv"),
        ("\n22.0,", "\nold,", r"'age' holds text in .*part-1.csv \('old' in row \d+\), but n"),
        (",no,30.0", ",no,big", r"'size' holds text in .*part-1.csv \('big' in row 11\)"),
        (",no,30.0", ",no,inf", r"infinite in row 11 of .*part-1.csv"),
        (",no,30.0", ",maybe,30.0", r"'rich' .*is binary but has 3 classes"),
    ],
)  # fmt: skip
def test_one_file_of_many_that_differs(tmp_path, old, new, message):
    pattern = write_parts(tmp_path)
    change(tmp_path, old, new)
    with pytest.raises(ValueError, match=message) as caught:
        data.from_csv(pattern, TARGETS)
    assert "\n" not in str(caught.value)


def test_a_file_with_another_column(tmp_path):
    pattern = write_parts(tmp_path)
    people().assign(note=1).to_csv(tmp_path / "part-1.csv", index=False)
    with pytest.raises(
        ValueError, match=r"part-1.csv has a column 'note', which .*part-0.csv lack"
    ):
        data.from_csv(pattern, TARGETS)


@pytest.mark.parametrize("column", [pd.Series([1.0, 2.0]), polars.Series([1.0, 2.0])])
def test_a_single_column_is_no_table(column):
    with pytest.raises(ValueError, match=r"Expected a pandas.DataFrame.*, not Series"):
        data.from_dataframe(column, {"pay": "regression"})


def test_an_encoding_of_files_is_told_apart_from_that_of_columns():
    with pytest.raises(ValueError, match=r"`encoding` says which columns.*'utf-8'"):
        data.from_csv("rows.csv", {"pay": "regression"}, encoding="utf-8")


def test_a_cell_is_named_by_its_file(tmp_path):
    pattern = write_parts(tmp_path)
    change(tmp_path, ",no,30.0", ",no,1e60")
    with pytest.raises(ValueError, match=r"1e\+60 in row 11 of .*part-1.csv of column 'size'"):
        data.from_csv(pattern, {"rich": "binary"})


def test_no_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No file matches the pattern .*\*.csv"):
        data.from_csv(tmp_path / "*.csv", TARGETS)
    with pytest.raises(FileNotFoundError, match=r"list of files is empty"):
        data.from_parquet([], TARGETS)
    people().to_parquet(tmp_path / "people.parquet")
    with pytest.raises(FileNotFoundError, match=r"Did you mean 'people.parquet'"):
        data.from_parquet(tmp_path / "peple.parquet", TARGETS)


@pytest.mark.parametrize(
    ("content", "targets", "message"),
    [
        (b"a,b\n1,2\n", TARGETS, r"a.parquet cannot be read as Parquet"),
        (None, {"rch": "binary"}, "target column 'rch'.*Did you mean 'rich'"),
        (None, {"job": "regression"}, r"column 'job' of .*a.parquet holds text in row 1 \('smith'"),
    ],
)
def test_bad_parquet(tmp_path, content, targets, message):
    path = tmp_path / "a.parquet"
    people().to_parquet(path)
    if content:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        data.from_parquet(path, targets)
    assert "\n" not in str(caught.value)


def test_columns_of_lists_are_refused(tmp_path):
    people().assign(parts=[[1, 2]] * ROWS).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"Column 'parts' of .*a.parquet holds ndarray"):
        data.from_parquet(tmp_path / "a.parquet", TARGETS)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kind", "row", "found"),
    [("multilabel", [1, 0], "multilabel"), ("auto", [1, 0], "multilabel"),
     ("auto", [1.5, 0], "regression"), ("regression", [1, 0], "regression"),
     ("box", [0.0, 0.0, 0.5, 1.0], "box")],
)  # fmt: skip
def test_a_column_of_lists_is_a_task_of_several_units(tmp_path, stream, kind, row, found):
    column = [None if n % 5 == 0 else row for n in range(ROWS)]
    people().assign(parts=column).to_parquet(tmp_path / "a.parquet")
    splits = data.from_parquet(tmp_path / "a.parquet", {"parts": kind}, stream=stream)
    assert splits.targets["parts"].kind == found
    labels = np.concatenate([y["parts"] for part in splits for _, y in part.as_numpy_iterator()])
    missing = (labels == -1) | np.isnan(labels)
    assert missing.all(axis=1).sum() == ROWS / 5
    np.testing.assert_allclose(labels[~missing.any(axis=1)], np.tile(row, (ROWS * 4 // 5, 1)))


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([[1], [1, 0]], "multilabel", r"'parts' holds \[1, 0\] in row 2.* \(1 in the first\)"),
        ([["a"], ["b"]], "auto", r"'parts' holds \['a'\] in row 1.* hold numbers"),
        ([[], []], "regression", r"'parts' holds \[\] in row 1"),
        ([[1], [0]], "binary", r"'parts' holds lists, .*'multilabel' or 'regression'"),
    ],
)
def test_lists_that_cannot_be_labels(rows, kind, message):
    with pytest.raises(ValueError, match=message):
        data.from_dataframe(people().assign(parts=rows * (ROWS // 2)), {"parts": kind})


def features():
    names = datasets.ClassLabel(names=["small", "large", "huge"])
    return datasets.Features({"n": datasets.Value("int64"), "kind": names})


def parts(**rows):
    found = {}
    for part, count in rows.items():
        columns = {"n": list(range(count)), "kind": [n % 3 for n in range(count)]}
        found[part] = datasets.Dataset.from_dict(columns, features())
    return datasets.DatasetDict(found)


def test_huggingface_keeps_its_parts_and_classes(tmp_path):
    whole = parts(train=60, validation=12, test=9)
    splits = data.from_huggingface(whole, {"kind": "auto"}, batch_size=100)
    assert splits.sizes == {"train": 60, "valid": 12, "test": 9}
    assert splits.targets["kind"].class_names == ("small", "large", "huge")
    x, y = next(iter(splits.valid))
    np.testing.assert_array_equal(y["kind"], x["n"][:, 0] % 3)
    whole.save_to_disk(tmp_path / "saved")
    same(data.from_huggingface(tmp_path / "saved", {"kind": "auto"}), splits)
    rule = {"is_huge": {"column": "kind", "positive": "huge"}}
    y = next(iter(data.from_huggingface(whole, rule).valid))[1]
    assert y["is_huge"].numpy().tolist() == [0, 0, 1] * 4


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ({"train": 100}, {"train": 80, "valid": 10, "test": 10}),
        ({"train": 90, "test": 20}, {"train": 80, "valid": 10, "test": 20}),
        ({"train": 90, "validation": 20}, {"train": 80, "valid": 20, "test": 10}),
    ],
)
def test_huggingface_parts_that_are_not_there_are_split_off(given, sizes):
    assert data.from_huggingface(parts(**given), {"kind": "auto"}).sizes == sizes


def test_huggingface_labels_that_are_missing():
    table = {"n": [1, 2, 3] * 20, "kind": [0, 1, -1] * 20}
    splits = data.from_huggingface(datasets.Dataset.from_dict(table, features()), {"kind": "auto"})
    y = np.concatenate([y["kind"] for part in splits for _, y in part.as_numpy_iterator()])
    assert np.unique(y, return_counts=True)[1].tolist() == [20, 20, 20]


def flags():
    """Labels that a `ClassLabel` keeps as numbers."""
    yes = datasets.ClassLabel(names=["no", "yes"])
    columns = {"n": datasets.Value("int64"), "a": yes, "b": yes, "kind": features()["kind"]}
    rows = {"n": list(range(60)), "a": [0, 1] * 30, "b": [1, 1, -1] * 20, "kind": [0, 1, 2] * 20}
    return datasets.Dataset.from_dict(rows, datasets.Features(columns))


def labels_of(splits, task):
    x, y = zip(*(batch for part in splits for batch in part.as_numpy_iterator()), strict=True)
    order = np.argsort(np.concatenate([each["n"][:, 0] for each in x]))
    return np.concatenate([each[task] for each in y])[order]


def test_huggingface_classes_as_numbers():
    targets = {
        "both": {"columns": ["a", "b"], "kind": "multilabel"},
        "level": {"column": "kind", "kind": "regression"},
        "kind": "auto",
        "huge": {"column": "kind", "positive": 2},
        "large": {"column": "kind", "positive": ["large", "huge"]},
        "a": "auto",
    }
    splits = data.from_huggingface(flags(), targets)
    number = np.arange(60)
    both = np.stack([number % 2, np.where(number % 3 == 2, -1, 1)], axis=1)
    np.testing.assert_array_equal(labels_of(splits, "both"), both)
    np.testing.assert_array_equal(labels_of(splits, "level"), number % 3)
    np.testing.assert_array_equal(labels_of(splits, "kind"), number % 3)
    np.testing.assert_array_equal(labels_of(splits, "huge"), number % 3 == 2)
    np.testing.assert_array_equal(labels_of(splits, "large"), number % 3 > 0)
    np.testing.assert_array_equal(labels_of(splits, "a"), number % 2)


@pytest.mark.parametrize("positive", [2, "huge", np.int64(2), [2]])
def test_huggingface_positive_classes_by_number_or_name(positive):
    rule = {"huge": {"column": "kind", "positive": positive}}
    splits = data.from_huggingface(flags(), rule, ignore=["a", "b"])
    assert splits.targets["huge"].class_names == ("not huge", "huge")
    np.testing.assert_array_equal(labels_of(splits, "huge"), np.arange(60) % 3 == 2)


def test_huggingface_streams_are_refused():
    stream = flags().to_iterable_dataset()
    for streamed in (stream, datasets.IterableDatasetDict({"train": stream})):
        with pytest.raises(ValueError, match=r"is a stream. Load it without streaming=True"):
            data.from_huggingface(streamed, {"kind": "auto"})


def test_bad_huggingface(tmp_path):
    with pytest.raises(ValueError, match=r"splits .*'old'.* none called 'train'"):
        data.from_huggingface(parts(old=9), {"kind": "auto"})
    with pytest.raises(ValueError, match=r"Unknown split of the data set 'tst'.*'test'"):
        data.from_huggingface(parts(train=9, test=9), {"kind": "auto"}, splits={"test": "tst"})
    with pytest.raises(ValueError, match=r"Expected a datasets.Dataset .* not list"):
        data.from_huggingface([1], {"kind": "auto"})
    with pytest.raises(NotADirectoryError, match=r"no folder .*absent"):
        data.from_huggingface(tmp_path / "absent", {"kind": "auto"})
    with pytest.raises(ValueError, match=r"is no folder that `save_to_disk` wrote"):
        data.from_huggingface(tmp_path, {"kind": "auto"})
    with pytest.raises(ValueError, match=r"column 'n'.*'train'|Task 'n'"):
        data.from_huggingface(parts(train=30), {"n": "binary"})


def test_bunches():
    iris = load_iris()
    splits = data.from_bunch(iris)
    assert splits.targets["target"].class_names == ("setosa", "versicolor", "virginica")
    assert sorted(splits.columns.values()) == sorted(iris.feature_names)
    same(data.from_bunch(load_iris(as_frame=True)), data.from_bunch(load_iris(as_frame=True)))
    two = data.from_bunch(load_linnerud(), fractions=(0.6, 0.2, 0.2))
    assert {task: kind.kind for task, kind in two.targets.items()} == dict.fromkeys(
        ["Weight", "Waist", "Pulse"], "regression"
    )
    one = data.from_bunch(load_linnerud(), {"Waist": "regression"}, fractions=(0.6, 0.2, 0.2))
    assert sorted(one.inputs) == ["Chins", "Jumps", "Situps"]


def test_bunches_with_missing_classes_and_sparse_labels():
    x, names = np.arange(120.0).reshape(60, 2), ["a", "b", "c"]
    bunch = Bunch(data=x, target=np.resize([0, 1, 2, -1], 60), target_names=names)
    assert data.from_bunch(bunch).targets["target"].class_names == tuple(names)
    with pytest.warns(UserWarning, match="-1 in 20 rows, which is a missing label"):
        two = data.from_bunch(Bunch(**{**bunch, "target": np.resize([0, 1, -1], 60)})).targets[
            "target"
        ]
    assert (two.num_classes, two.class_names) == (2, None)  # nothing tells which names
    flags = scipy.sparse.csr_matrix(np.eye(3, dtype=int)[np.arange(60) % 3])
    splits = data.from_bunch(Bunch(data=x, target=flags, target_names=names))
    assert {task: target.kind for task, target in splits.targets.items()} == dict.fromkeys(
        names, "binary"
    )


def test_bunches_of_images_and_texts():
    splits = data.from_bunch(load_digits())
    assert splits.inputs.shape == (None, 8, 8)
    assert splits.targets["target"].num_classes == 10
    texts = Bunch(data=[f"text {n}" for n in range(50)], target=np.arange(50) % 2,
                  target_names=["ham", "spam"])  # fmt: skip
    splits = data.from_bunch(texts)
    x, y = next(iter(splits.test))
    assert [int(text.split()[1]) % 2 for text in x.numpy()] == y["target"].numpy().tolist()


def test_what_is_no_bunch():
    twice = Bunch(data=pd.DataFrame({"target": range(60)}), target=np.arange(60) % 2)
    with pytest.raises(ValueError, match=r"column 'target' in `data`, and labels of the same name"):
        data.from_bunch(twice)
    with pytest.raises(ValueError, match=r"return_X_y=True"):
        data.from_bunch(load_iris(return_X_y=True))
    with pytest.raises(ValueError, match=r"target column 'speces'"):
        data.from_bunch(load_iris(), {"speces": "auto"})
