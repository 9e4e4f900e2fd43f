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


@pytest.mark.parametrize("look", [data.describe, data.show])
@pytest.mark.parametrize(
    ("batches", "message"),
    [([], "holds no"), ([(np.zeros((2, 1)), np.zeros(2))], r"labels are a ndarray")],
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
