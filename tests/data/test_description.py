"""Descriptions count what is there; pictures show every kind of example with its labels."""

import io

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tf_mtl import data


def everything():
    """Labels of every kind, some of them missing; of one task none at all in some parts."""
    n = np.arange(100)
    y = {
        "kind": np.where(n % 10 == 3, -1, n % 3),
        "size": np.where(n % 4, n / 2, np.nan),
        "flags": np.stack([n % 2, n % 5 == 0, np.where(n > 50, -1, 0)], axis=1).astype(int),
        "box": np.where(n[:, None] % 2, [0.1, 0.2, 0.5, 1.0], np.nan),
        "mask": np.where(n[:, None, None] % 2, np.arange(16).reshape(4, 4) % 3, -1),
    }
    targets = {
        "kind": data.Target("classification", class_names=("a", "b", "c")),
        "flags": data.Target("multilabel", units=3, class_names=("odd", "five", "none")),
        "box": "box",
        "mask": data.Target("segmentation", num_classes=3),
    }
    images = np.linspace(0, 1, 100)[:, None, None, None] * np.ones((1, 8, 8, 3))
    return data.from_numpy(images, y, targets, batch_size=16, stratify=None), y


def test_everything_is_counted():
    splits, y = everything()
    found = data.describe(splits)
    table = found.table
    assert table.loc["kind", "rows"].tolist() == [80, 10, 10]
    assert table.loc["kind", "labelled"].sum() == 90
    assert found.classes["kind"].sum(axis=1).to_dict() == {
        name: int((y["kind"] == place).sum()) for place, name in enumerate("abc")
    }
    assert table.loc["size", "labelled"].sum() == 75
    assert table.loc["size", "max"].max() == np.nanmax(y["size"])
    assert table.loc["size", "min"].min() == np.nanmin(y["size"])
    weights = table.loc["size", "labelled"]
    mean = (table.loc["size", "mean"] * weights).sum() / 75
    assert mean == pytest.approx(np.nanmean(y["size"]))
    assert found.classes["flags"].sum(axis=1).to_dict() == {"odd": 50, "five": 20, "none": 0}
    assert table.loc["flags", "labelled"].sum() == 100
    assert table.loc["box", "labelled"].sum() == table.loc["mask", "labelled"].sum() == 50
    assert found.classes["mask"].to_numpy().sum() == 50 * 16
    text = repr(found)
    for word in ("kind", "classification", "odd", "labelled", "min"):
        assert word in text
        assert word in found._repr_html_()
    assert "None" not in text


def test_the_order_of_the_next_epoch_is_not_changed():
    splits, _ = everything()
    other, _ = everything()
    data.describe(splits)
    data.show(splits, examples=2)
    for one, two in zip(splits.train, other.train, strict=True):
        np.testing.assert_array_equal(one[1]["size"], two[1]["size"])


def test_batches_without_targets_and_with_weights():
    batches = [
        (np.zeros((4, 2)), {"k": np.array([0, 2, 2, -1]), "v": np.array([1.0, np.nan, 3, 4])},
         {"v": np.array([1.0, 1, 0, 1])}),
        (np.zeros((1, 2)), {"k": np.array([7])}, {}),
    ]  # fmt: skip
    found = data.describe(batches)
    assert found.table.loc[("k", "data"), "rows"] == 5
    assert found.classes["k"]["data"].to_dict() == {"0": 1, "2": 2, "7": 1}
    assert found.table.loc[("v", "data"), ["rows", "labelled", "min", "max"]].tolist() == [
        4, 2, 1.0, 4.0,
    ]  # fmt: skip
    flags = {"f": np.array([[1, 0], [1, 1], [1, -1]])}
    by_label = [(np.zeros((3, 2)), flags, {"f": np.array([[1.0, 1], [0, 1], [0, 1]])})]
    found = data.describe(by_label, {"f": data.Target("multilabel", units=2)})
    assert found.table.loc[("f", "data"), "labelled"] == 2
    assert found.classes["f"]["data"].tolist() == [1, 1]
    texts = tf.data.Dataset.from_tensor_slices((["x"] * 3, {"t": ["yes", "", "yes"]})).batch(2)
    assert data.describe(texts).classes["t"]["data"].to_dict() == {"yes": 2}


NAMED = data.Target("classification", class_names=("a", "b", "c"))


@pytest.mark.parametrize(
    ("labels", "target", "known", "counts"),
    [
        (np.array([0.0, 2, -1, np.nan]), NAMED, 2, {"a": 1, "b": 0, "c": 1}),
        (np.array([3, -1, -1, 4]), data.Target("regression"), 4, None),
        (np.array(["да".encode(), b"", "да".encode(), b"no"]), None, 3, {"no": 1, "да": 2}),
        (np.array(["да", "", None, "no"], object), None, 2, {"no": 1, "да": 1}),
        (np.array([np.inf, -np.inf, 0.0, np.nan]), None, 3, None),
    ],
)
def test_labels_are_missing_as_their_kind_says(labels, target, known, counts):
    found = data.describe([(np.zeros(4), {"t": labels})], {"t": target} if target else None)
    assert found.table.loc[("t", "data"), "labelled"] == known
    assert counts is None or found.classes["t"]["data"].to_dict() == counts
    draw(found.plot())


def test_the_legend_is_there_where_the_first_task_has_no_labels():
    y = {"none": np.full(4, np.nan), "some": np.arange(4.0)}
    figure = data.describe([(np.zeros(4), y)]).plot()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["data"]


@pytest.mark.parametrize("look", [data.describe, data.show])
@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "holds no"),
        ([(np.zeros((2, 1)), {})], "holds no"),
        ([(np.zeros((2, 1)), np.zeros(2))], r"labels are a ndarray"),
        ([(np.zeros(2), {"a": np.array(1)})], r"single rows. Batch it"),
    ],
)
def test_what_cannot_be_described(look, batches, message):
    with pytest.raises(ValueError, match=message):
        look(batches)


def test_labels_are_drawn():
    splits, _ = everything()
    figure = data.describe(splits).plot()
    assert [axis.get_title() for axis in figure.axes] == ["kind", "size", "flags", "box", "mask"]
    bars = [bar.get_width() for bar in figure.axes[0].containers[0]]
    assert sum(bars) == pytest.approx(1)
    draw(figure)


def draw(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=30)
    assert file.getvalue()[1:4] == b"PNG"


def titles(figure):
    return [cell.get_suptitle() for cell in figure.subfigs]


def test_images_with_their_labels_boxes_and_masks():
    splits, _ = everything()
    figure = data.show(splits, examples=3, columns=2)
    x, y = next(iter(splits.train))  # looking was no epoch
    assert len(figure.axes) == 3
    for row, title in enumerate(titles(figure)[:3]):
        label = int(y["kind"][row])
        assert title.startswith(f"kind: {'abc'[label] if label >= 0 else '–'}\n")
        assert "box" not in title
        axis = figure.axes[row]
        np.testing.assert_array_equal(axis.images[0].get_array(), x[row])
        assert len(axis.patches) == (not np.isnan(y["box"][row]).any())
    draw(figure)


def test_white_is_white_in_grey_images_too():
    for white in (np.full((4, 6, 1), 255, "uint8"), np.ones((4, 6)), np.full((4, 6), 255.0)):
        figure = data.show([(np.stack([white, white // 255 * 0]), {"n": [1, 2]})])
        for axis, shade in zip(figure.axes, (1.0, 0.0), strict=True):
            drawn = axis.images[0]
            np.testing.assert_array_equal(drawn.norm(drawn.get_array()), shade)
    half = np.array([[[0, 16], [8, 0]]], "float32")  # of few shades, as scikit-learn's digits
    drawn = data.show([(half, {"n": [1]})]).axes[0].images[0]
    np.testing.assert_array_equal(drawn.norm(drawn.get_array()), half[0] / 16)


def test_labels_of_classes_in_any_form():
    target = {"k": NAMED}
    for labels in ([0.0, 2, -1, np.nan], [[0], [2], [-1], [-1]], np.array([0, 2, -1, -1], "int8")):
        figure = data.show([(np.zeros((4, 2)), {"k": np.array(labels)})], target)
        assert titles(figure) == ["k: a", "k: c", "k: –", "k: –"]
    binary = {"k": data.Target("binary", class_names=("no", "yes"))}
    figure = data.show([(np.zeros((2, 2)), {"k": np.array([True, False])})], binary)
    assert titles(figure) == ["k: yes", "k: no"]
    figure = data.show([(np.zeros((2, 2)), {"k": np.array([255, 1])})], target)
    assert titles(figure) == ["k: 255", "k: b"]  # a class of its own for void
    figure = data.show(
        [(np.zeros((1, 2)), {"k": np.array([-1])})], {"k": data.Target("regression")}
    )
    assert titles(figure) == ["k: -1"]


def test_each_class_of_a_mask_has_a_colour_and_void_has_none():
    mask = np.array([[[0, 1, 12, 255, -1, 9]]])
    target = {"m": data.Target("segmentation", num_classes=20)}
    drawn = data.show([(np.zeros((1, 1, 6, 3)), {"m": mask})], target).axes[0].images[1]
    assert drawn.get_array().mask.tolist() == [[True, False, False, True, True, False]]
    assert len(set(map(tuple, drawn.to_rgba(drawn.get_array())[0, [1, 2, 5]]))) == 3


def test_numbers_of_words_are_no_sound():
    words = np.arange(600, dtype="int32").reshape(2, 300)
    figure = data.show([(words, {"n": [1, 2]})])
    assert [axis.texts[0].get_text()[:7] for axis in figure.axes] == ["0 1 2 3", "300 301"]
    assert len(data.show([(words.astype("int16"), {"n": [1, 2]})]).axes) == 4


WAVE = np.sin(np.arange(1000) / 5)
INPUTS = {
    "waveforms": np.tile(WAVE, (20, 1)) * np.linspace(0, 1, 20)[:, None],  # the first is silence
    "videos": np.random.default_rng(0).random((20, 5, 6, 7, 1)),
    "grey": np.random.default_rng(0).integers(0, 255, (20, 6, 7, 1)),
    "spectrograms": np.random.default_rng(0).normal(size=(20, 6, 7)),
    "constant": np.full((20, 6, 7), -3.0),
    "texts": np.array([f"it costs $5 and ${n}" for n in range(20)]),
    "numbers": np.arange(60.0).reshape(20, 3),
    "several": {"image": np.zeros((20, 4, 4, 3)), "text": np.array(["a"] * 20)},
}


@pytest.mark.parametrize("kind", INPUTS)
def test_examples_of_every_kind(kind):
    splits = data.from_numpy(INPUTS[kind], {"odd": np.arange(20) % 2, "n": np.arange(20.0)})
    figure = data.show(splits, examples=5)
    x, y = next(iter(splits.train))
    assert titles(figure)[0].startswith(f"odd: {int(y['odd'][0])}\nn: {float(y['n'][0]):g}")
    assert len(figure.axes) == (10 if kind == "waveforms" else 5)
    if kind == "texts":
        assert figure.axes[0].texts[0].get_text().split() == x[0].numpy().decode().split()
    if kind == "several":
        assert "text: a" in titles(figure)[0]
    draw(figure)


def test_rows_of_a_table():
    frame = pd.DataFrame(
        {"age": [20.0, np.nan] * 20, "job": ["smith", None] * 20, "y": [0, 1] * 20}
    )
    figure = data.show(data.from_dataframe(frame, {"y": "binary"}), examples=6)
    words = {axis.texts[0].get_text() for axis in figure.axes}
    assert words <= {"age: 20\njob: smith", "age: –\njob: –"}
    draw(figure)


def test_bad_arguments():
    with pytest.raises(ValueError, match="must be at least 1, not 0 and 4"):
        data.show(everything()[0], examples=0)
