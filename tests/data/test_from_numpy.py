import re

import keras
import numpy as np
import pandas as pd
import polars
import pytest
import scipy.sparse
import tensorflow as tf

from tf_mtl import data

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
CLASSES = np.arange(60) % 3


def all_labels(splits, task):
    return np.concatenate([y[task] for part in splits for _, y in part.as_numpy_iterator()])


@pytest.mark.parametrize(
    ("labels", "kind", "classes", "units"),
    [
        (CLASSES, "classification", 3, 1),
        (CLASSES % 2, "binary", 2, 1),
        (CLASSES > 0, "binary", 2, 1),
        (X[:, 0], "regression", None, 1),
        (X[:, :2], "regression", None, 2),
        ((X > 0).astype(int), "multilabel", None, 3),
        (np.array(["ant", "bee", "cow"])[CLASSES], "classification", 3, 1),
        (np.array(["no", "yes"], object)[CLASSES % 2], "binary", 2, 1),
        (CLASSES[:, None], "classification", 3, 1),
    ],
)
def test_kinds_are_told_from_labels(labels, kind, classes, units):
    target = data.from_numpy(X, {"task": labels}).targets["task"]
    assert (target.kind, target.num_classes, target.units) == (kind, classes, units)


def test_a_kind_or_target_decides():
    y = {"rating": CLASSES}
    assert data.from_numpy(X, y, {"rating": "regression"}).targets["rating"].kind == "regression"
    target = data.Target("classification", num_classes=5)
    assert data.from_numpy(X, y, {"rating": target}).targets["rating"] == target


def test_text_is_encoded_and_missing_labels_stay_missing():
    names = np.array(["bee", None, "ant", ""] * 15, object)
    value = np.where(np.arange(60) % 4, X[:, 0], np.nan)
    class_ = np.where(np.arange(60) % 5, CLASSES, -1)
    splits = data.from_numpy(X, {"animal": names, "value": value, "class_": class_})
    assert splits.targets["animal"].class_names == ("ant", "bee")
    assert dict(zip(*np.unique(all_labels(splits, "animal"), return_counts=True), strict=True)) == {
        -1: 30, 0: 15, 1: 15,
    }  # fmt: skip
    assert np.isnan(all_labels(splits, "value")).sum() == 15
    assert (all_labels(splits, "class_") == -1).sum() == 12
    assert np.isfinite(splits.targets["value"].mean)


@pytest.mark.parametrize("missing", [np.nan, np.float32("nan"), -1, None, ""])
def test_a_missing_label_in_a_list_of_texts_is_no_class(missing):
    splits = data.from_numpy(X, {"animal": ["bee", missing, "ant"] * 20})
    assert splits.targets["animal"].class_names == ("ant", "bee")
    assert (all_labels(splits, "animal") == -1).sum() == 20


NUMBERS = [0, 1, None, 1]


@pytest.mark.parametrize(
    ("values", "kind", "target", "missing"),
    [
        (pd.Series(NUMBERS * 15, dtype="Int64"), "auto", "binary", 15),
        (pd.array(NUMBERS * 15, dtype="Int64"), "auto", "binary", 15),
        (pd.Series(NUMBERS * 15, dtype="Int64"), "regression", "regression", 15),
        (pd.Series([0, 1, 2] * 20, dtype="Int64"), "auto", "classification", 0),
        (pd.Series([0.5, None] * 30, dtype="Float64"), "auto", "regression", 30),
        (pd.Series([True, False, None] * 20, dtype="boolean"), "auto", "binary", 20),
        (pd.Series(["a", "b", pd.NA] * 20, dtype="string"), "auto", "binary", 20),
        (pd.Series(["a", "b", None] * 20, dtype="category"), "auto", "binary", 20),
        (pd.Series([0.0, 1, np.nan] * 20), "auto", "regression", 20),
        (np.array(NUMBERS * 15, object), "auto", "binary", 15),
        (np.array(NUMBERS * 15, object), "regression", "regression", 15),
        (np.array([True, False, None] * 20, object), "auto", "binary", 20),
        (np.array([True, False] * 30, object), "auto", "binary", 0),
        (np.array([0.5, 2, None] * 20, object), "auto", "regression", 20),
        (np.array([[1, 0], [None, 1]] * 30, object), "auto", "multilabel", 30),
        (polars.Series(NUMBERS * 15), "auto", "binary", 15),
        (polars.Series(["a", "b", None] * 20), "auto", "binary", 20),
        (np.ma.masked_array(CLASSES, CLASSES == 2), "auto", "binary", 20),
        (np.ma.masked_array(CLASSES), "auto", "classification", 0),
        (
            np.ma.masked_array(X[:, 0] + 1e9 * (CLASSES == 2), CLASSES == 2),
            "auto",
            "regression",
            20,
        ),
        (
            np.ma.masked_array(np.array(["a", "b", "?"])[CLASSES], CLASSES == 2),
            "auto",
            "binary",
            20,
        ),
    ],
)
def test_labels_of_pandas_and_objects(values, kind, target, missing):
    splits = data.from_numpy(X, {"task": values}, {"task": kind})
    assert splits.targets["task"].kind == target
    found = all_labels(splits, "task")
    assert (np.isnan(found) if target == "regression" else found == -1).sum() == missing


@pytest.mark.parametrize("library", [pd, polars])
def test_labels_in_a_data_frame(library):
    y = library.DataFrame({"animal": ["ant", "bee"] * 30, "value": X[:, 0]})
    targets = data.from_numpy(X, y).targets
    assert {task: one.kind for task, one in targets.items()} == {
        "animal": "binary", "value": "regression",
    }  # fmt: skip


def test_digits_of_other_scripts_are_text():
    names = np.array(["①", "②", "٣"])[CLASSES]
    assert data.from_numpy(X, {"a": names}).targets["a"].class_names == ("٣", "①", "②")


def test_statistics_come_from_the_training_rows():
    splits = data.from_numpy(X, {"both": X[:, :2] * [1, 100]})
    train = np.concatenate([y["both"] for _, y in splits.train.as_numpy_iterator()])
    np.testing.assert_allclose(splits.targets["both"].mean, train.mean(0), rtol=1e-5)
    np.testing.assert_allclose(splits.targets["both"].std, train.std(0), rtol=1e-5)


def test_a_constant_regression_has_no_zero_deviation():
    assert data.from_numpy(X, {"one": np.ones(60)}).targets["one"].std == (1.0,)


def test_dictionaries_of_inputs_and_text():
    words = np.array(["red", "blue"])[CLASSES % 2]
    splits = data.from_numpy({"numbers": X, "word": words}, {"class_": CLASSES})
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in splits.inputs.items()} == {
        "numbers": ((None, 3), "float32"),
        "word": ((None,), "string"),
    }
    x, _ = next(iter(splits.train))
    assert x["word"].dtype == tf.string


def test_test_rows_of_their_own():
    other = (X[:7], {"class_": CLASSES[:7]})
    splits = data.from_numpy(X, {"class_": CLASSES}, test=other)
    assert splits.sizes == {"train": 53, "valid": 7, "test": 7}
    np.testing.assert_allclose(next(iter(splits.test))[0], X[:7].astype("float32"))


def test_rows_of_a_group_stay_together():
    groups = np.repeat(np.arange(20), 3)
    x = groups[:, None].astype("float32")
    parts = data.from_numpy(x, {"value": X[:, 0]}, groups=groups)
    found = [{int(row[0]) for x, _ in part.as_numpy_iterator() for row in x} for part in parts]
    assert sum(map(len, found)) == len(set.union(*found)) == 20


def test_groups_of_another_kind_are_refused():
    with pytest.raises(ValueError, match=r"`groups` must be an array .* Received 'person'"):
        data.from_numpy(X, {"value": X[:, 0]}, groups="person")


def test_rows_without_a_group_stay_together():
    groups = np.array([None if n % 5 == 0 else f"g{n % 20}" for n in range(60)], object)
    parts = data.from_numpy(np.arange(60.0)[:, None], {"value": X[:, 0]}, groups=groups)
    found = [{int(n) for x, _ in part.as_numpy_iterator() for n in x[:, 0]} for part in parts]
    assert sum(0 in rows for rows in found) == 1
    for rows in found:
        assert all((n % 5 == 0) <= ({0, 5, 10} <= rows) for n in rows)


def test_npz(tmp_path):
    np.savez(tmp_path / "points.npz", point=X, extra=X[:, 0], class_=CLASSES, value=X[:, 1])
    splits = data.from_npz(tmp_path / "points.npz", {"class_": "auto", "value": "regression"})
    assert sorted(splits.inputs) == ["extra", "point"]
    one = data.from_npz(tmp_path / "points.npz", ["class_"], inputs=["point"])
    assert isinstance(one.inputs, keras.KerasTensor)
    with pytest.raises(ValueError, match=r"'clas'.*Did you mean 'class_'"):
        data.from_npz(tmp_path / "points.npz", ["clas"])
    with pytest.raises(FileNotFoundError, match=r"'point.npz'.*Did you mean 'points.npz'"):
        data.from_npz(tmp_path / "point.npz", ["class_"])


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: b"not an archive", r"does not begin as one\. Write it with numpy.savez"),
        (lambda content: b"", r"it is empty"),
        (lambda content: content[: len(content) // 2], r"cut off or damaged .*Copy or write it"),
        (lambda content: flipped(content, 300), r"damaged \(Bad CRC-32 for file 'point.npy'\)"),
        (lambda content: content[content.index(b"\x93NUMPY") :], r"holds a single array"),
    ],
)
def test_an_npz_file_that_cannot_be_read_is_named(tmp_path, spoil, message):
    path = tmp_path / "points.npz"
    np.savez(path, point=X, class_=CLASSES)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=f"points.npz cannot be read as NPZ: .*{message}"):
        data.from_npz(path, ["class_"])


def test_objects_in_an_npz_file_are_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", point=X, class_=np.array([{}] * 60))
    with pytest.raises(ValueError, match=r"objects.npz .*holds Python objects, which are refused"):
        data.from_npz(tmp_path / "objects.npz", ["class_"])


def with_value(array, row, value):
    changed = np.array(array, dtype=float)
    changed[row] = value
    return changed


@pytest.mark.parametrize(
    ("x", "y", "targets", "message"),
    [
        (X, [CLASSES], None, "y is a list.*dictionary"),
        ([X, X], {"a": CLASSES}, None, "x is a list.*dictionary"),
        (X, {"a": CLASSES[:-1]}, None, r"x has 60 rows, but y\['a'\] has 59"),
        ({"p": X, "q": X[:5]}, {"a": CLASSES}, None, r"x\['p'\] has 60 rows, but x\['q'\] has 5"),
        (X, {"a": np.zeros((60, 4, 2))}, None, r"shape \(60, 4, 2\).*such as key points.* fit"),
        (X, {"a": scipy.sparse.eye(60).tocsr()}, None, r"y\['a'\] is a csr_matrix"),
        (np.ma.masked_values(X, X[7, 1]), {"a": CLASSES}, None, "x is masked in row 7. Fill it"),
        (with_value(X, 7, np.nan), {"a": CLASSES}, None, "x holds NaN in row 7"),
        ({"p": with_value(X, 9, np.inf)}, {"a": CLASSES}, None, r"x\['p'\] .*infinite.* row 9"),
        (X * 1e300, {"a": CLASSES}, None, "infinite"),
        (np.full(X.shape, 2**63, "uint64"), {"a": CLASSES}, None, "beyond int64"),
        (X.astype(object), {"a": CLASSES}, None, "x has dtype object"),
        (X, {"a": CLASSES}, {"a": "clasification"}, "Did you mean 'classification'"),
        (X, {"a": CLASSES}, {"b": "binary"}, "Unknown task.*'b'.*'a'"),
        (X, {"a": CLASSES}, {"a": "binary"}, "binary but has 3 classes"),
        (X, {"a": CLASSES}, {"a": data.Target("classification", 2)}, r"from 0 to 1.*row 2"),
        (X, {"a": CLASSES - 2}, None, "negative class in row 0"),
        (X, {"a": X[:, 0]}, {"a": "classification"}, "float64.*astype"),
        (X, {"a": CLASSES * 0}, None, "1 class .*nothing to learn"),
        (X, {"a": (CLASSES > 0) + 1}, None, "0 to 1, .*Number the classes from 0"),
        (X, {"a": CLASSES * 0 - 1}, None, "0 classes .*nothing to learn"),
        (X, {"a": np.array([{}] * 60)}, None, "objects, and row 0 holds dict"),
        (X, {"a": X.astype("complex")}, None, "complex"),
        (X, {"a": with_value(CLASSES, 4, np.inf)}, None, r"infinite in row 4"),
        (X, {"a": np.full(60, np.nan)}, None, "no labelled row in the training split"),
        (X, {"a": np.arange(60)[:, None] % [2, 3]}, {"a": "multilabel"}, r"0 or 1.*row 2"),
        (X, {"a": np.arange(60) * 10**6}, {"a": "classification"}, "Number them from 0"),
        (X, {"a-b": CLASSES}, None, "Invalid task name 'a-b'"),
        (X, {"loss": CLASSES}, None, "Invalid task name 'loss'"),
        (X, {}, None, "y is an empty dictionary"),
        (X, {"a": 3}, None, "is a int"),
        (X[:0], {"a": CLASSES[:0]}, None, "empty"),
        (X[:4], {"a": CLASSES[:4]}, None, "empty part"),
        ({"a": X}, {"a": CLASSES}, None, "name inputs and tasks"),
        (X, {"a": ["x", "y"] * 30}, {"a": data.Target("binary", class_names=("x", "z"))},
         r"Unknown class.*'y'.*row 1"),
        (X, {"a": ["1", "two"] * 30}, {"a": "regression"}, r"text in row 1 \('two'\)"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(x, y, targets, message):
    with pytest.raises(ValueError, match=message):
        data.from_numpy(x, y, targets)


def test_many_whole_numbers_need_a_kind():
    x = np.zeros((300, 1))
    with pytest.raises(ValueError, match=r"300 different whole numbers.*State its kind"):
        data.from_numpy(x, {"price": np.arange(300)})


@pytest.mark.parametrize(
    ("price", "stray"),
    [
        (lambda row: f"{row / 4:.2f}", "?"),  # one cell has made text of a column of numbers
        (lambda row: f"{row},5", None),  # decimal commas
        (lambda row: f"{row}", "free"),
        (lambda row: f"2024-01-{row % 28 + 1:02d}", None),
    ],
)
def test_texts_that_look_like_numbers_need_a_kind(price, stray):
    y = [price(row) for row in range(150)]
    y[7] = y[7] if stray is None else stray
    where = "" if stray is None else rf".*first in row 7 \('{re.escape(stray)}'\)"
    with pytest.raises(ValueError, match=rf"look like numbers or dates{where}.*State its kind"):
        data.from_numpy(np.zeros((150, 1)), {"price": np.array(y, object)})


def test_few_texts_of_digits_are_classes_by_themselves():
    y = {"floor": np.array(["1", "2", "10"] * 10, object)}
    splits = data.from_numpy(np.zeros((30, 1)), y)
    assert splits.targets["floor"].class_names == ("1", "2", "10")


def test_a_regression_whose_numbers_become_equal_in_float32_is_reported():
    time = 1.7e9 + np.arange(60)  # seconds since 1970: float32 has steps of 128
    with pytest.warns(UserWarning, match=r"task 'time'.*lie 128 apart and become equal"):
        data.from_numpy(np.zeros((60, 1)), {"time": time}, {"time": "regression"})


def test_unknown_task_to_stratify_by():
    with pytest.raises(ValueError, match=r"stratify by 'clas'.*Did you mean 'class_'"):
        data.from_numpy(X, {"class_": CLASSES}, stratify="clas")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "binary", "num_classes": 3}, "2 classes"),
        ({"kind": "classification", "num_classes": 1}, "needs 2 classes"),
        ({"kind": "classification", "num_classes": 3, "class_names": ("a",)}, "one name for each"),
        ({"kind": "regression", "units": 2, "mean": (1.0,)}, "1 numbers for 2 units"),
        ({"kind": "regression", "units": 0}, "at least 1"),
        ({"kind": "binry"}, "Did you mean 'binary'"),
    ],
)
def test_targets_that_contradict_themselves(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.Target(**arguments)


class TestLabelsOfImages:
    X = np.zeros((20, 4, 4, 1), "float32")

    def test_boxes_and_masks(self):
        y = {
            "box": np.tile([0.0, 0.25, 0.5, 1.0], (20, 1)),
            "mask": np.arange(320).reshape(20, 4, 4, 1) % 3,
        }
        y["box"][3] = np.nan
        y["mask"][5] = -1
        splits = data.from_numpy(self.X, y, {"box": "box", "mask": "segmentation"})
        assert splits.targets["box"] == data.Target("box")
        assert splits.targets["mask"] == data.Target("segmentation", num_classes=3)
        _, labels = next(iter(splits.train))
        assert labels["box"].dtype == tf.float32
        assert (labels["mask"].dtype, labels["mask"].shape) == (tf.int32, (16, 4, 4))

    @pytest.mark.parametrize(
        ("kind", "values", "message"),
        [
            ("box", np.tile([0, 0, 3, 4], (20, 1)), r"row 0: \[0, 0, 3, 4\] is no box"),
            ("box", np.tile([0.5, 0.1, 0.2, 0.4], (20, 1)), "x1 < x2"),
            ("box", np.tile([0.1, np.nan, 0.2, 0.4], (20, 1)), "NaN throughout"),
            ("box", np.zeros((20, 5)), r"shape \(20, 5\)"),
            ("segmentation", np.zeros(20, int), r"shape \(20,\)"),
            ("segmentation", np.zeros((20, 4, 4)), "dtype float64"),
            ("segmentation", np.full((20, 4, 4), -2), r"row 0, pixel \(0, 0\): -2 is no class"),
        ],
    )
    def test_wrong_ones_are_named(self, kind, values, message):
        with pytest.raises(ValueError, match=rf"'spot'.*{message}"):
            data.from_numpy(self.X, {"spot": values}, {"spot": kind})
