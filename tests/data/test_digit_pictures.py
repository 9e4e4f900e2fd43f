"""Data sets made from the digits of scikit-learn: labels told again from the pictures."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, data, heads, trunks
from tf_mtl.data.bundled_sets.digit_sources import digit_sources
from tf_mtl.data.bundled_sets.digits_modal import WORDS

NAMES = ["digits_canvas", "multi_digits", "digits_sequence", "digits_modal"]


def arrays(dataset):
    """All rows of a part."""
    batches = [keras.tree.map_structure(lambda tensor: tensor.numpy(), batch) for batch in dataset]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches)


@pytest.mark.parametrize("name", NAMES)
class TestEverySet:
    def test_seed_and_copies_tell_everything(self, name):
        first, again, other = (data.load(name, seed=seed, copies=1) for seed in (3, 3, 4))
        assert first.fingerprint == again.fingerprint != other.fingerprint
        assert first.sizes == {"train": 1437, "valid": 180, "test": 180}
        for x, y in zip(
            keras.tree.flatten(arrays(first.train)),
            keras.tree.flatten(arrays(again.train)),
            strict=True,
        ):
            np.testing.assert_array_equal(x, y)
        assert data.load(name, copies=2).sizes["test"] == 360

    def test_is_listed_in_a_line(self, name):
        assert data.names()[name].startswith("Loads ")
        assert data.names()[name].endswith(".")

    def test_labels_are_those_of_the_targets(self, name):
        """Every head of the targets accepts every label."""
        splits = data.load(name, copies=1)
        made = {
            "classification": lambda target: heads.Classification(target.num_classes),
            "binary": lambda target: heads.BinaryClassification(),
            "regression": lambda target: heads.Regression(target.units),
            "box": lambda target: heads.BoundingBox(),
            "segmentation": lambda target: heads.Segmentation(target.num_classes),
        }
        for part in splits:
            _, y = arrays(part)
            assert set(y) == set(splits.targets)
            for task, target in splits.targets.items():
                assert made[target.kind](target).label_rule.problem(y[task]) is None
                if target.num_classes:
                    assert set(np.unique(y[task])) == set(range(target.num_classes))

    def test_copies_are_refused_below_one(self, name):
        with pytest.raises(ValueError, match="at least 1"):
            data.load(name, copies=0)


def test_no_digit_is_a_source_in_two_parts():
    sources = digit_sources(2, 0, (0.8, 0.1, 0.1))
    rows = [set(source.rows) for source in sources.values()]
    assert set.union(*rows) == set(range(1797))
    assert sum(map(len, rows)) == 1797


def test_boxes_and_masks_enclose_the_digit():
    x, y = arrays(data.load("digits_canvas", copies=1).test)
    assert x.shape[1:] == (32, 32, 1)
    for image, box, mask in zip(x[..., 0], y["box"], y["mask"], strict=True):
        rows, columns = np.nonzero(mask)
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_array_equal(box * 32, expected)
        assert image[mask == 1].mean() > image[mask == 0].mean() + 0.2
    widths = 32 * (y["box"][:, 2] - y["box"][:, 0])
    heights = 32 * (y["box"][:, 3] - y["box"][:, 1])
    assert heights.min() >= 8
    assert heights.max() <= 24
    assert widths.max() <= 24
    centres = (y["box"][:, :2] + y["box"][:, 2:]) / 2
    assert centres.std(axis=0).min() > 0.1  # anywhere on the canvas


def test_left_and_right_digit_are_both_there():
    """The picture is the brighter one of the two digits in every pixel."""
    x, y = arrays(data.load("multi_digits", copies=1, seed=5).test)
    sources = digit_sources(1, 5, (0.8, 0.1, 0.1))["test"]
    np.testing.assert_array_equal(y["left"], sources.digits)
    rights = 0
    for i, image in enumerate(x[..., 0]):
        windows = {
            (top, left): image[top : top + 8, left : left + 8]
            for top in (0, 1, 3, 4)
            for left in (0, 1, 3, 4)
        }
        own = sources.images[i]
        assert any(np.all(windows[t, left] >= own) for t in (0, 1) for left in (0, 1))
        candidates = sources.images[sources.digits == y["right"][i]]
        rights += any(
            np.all(windows[t, left] >= other)
            for other in candidates
            for t in (3, 4)
            for left in (3, 4)
        )
    assert rights == len(x)
    assert (y["left"] != y["right"]).mean() > 0.8


def test_films_move_as_their_labels_say():
    splits = data.load("digits_sequence", seed=2)
    x, y = arrays(splits.test)
    steps = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])  # x, y; the y axis downwards
    assert splits.targets["direction"].class_names == ("right", "down", "left", "up")
    places = y["position"].reshape(-1, 6, 2) * 16
    expected = np.broadcast_to(steps[y["direction"]][:, None], (len(x), 5, 2))
    np.testing.assert_allclose(np.diff(places, axis=1), expected, atol=1e-5)
    sources = digit_sources(1, 2, (0.8, 0.1, 0.1))["test"].images
    for film, source, way in zip(x[..., 0], sources, places, strict=True):
        for frame, (column, row) in zip(film, np.rint(way).astype(int), strict=True):
            window = frame[row - 4 : row + 4, column - 4 : column + 4]
            assert np.abs(window - source).mean() < 0.15


def test_modalities_are_missing_but_never_all():
    x, y = arrays(data.load("digits_modal", copies=2).train)
    missing = np.stack(
        [
            ~x["image"].any(axis=(1, 2, 3)),
            x["text"] == b"",
            np.isnan(x["statistics"]).all(axis=1),
        ],
        axis=1,
    )
    np.testing.assert_array_equal(missing[:, 2], np.isnan(x["statistics"]).any(axis=1))
    np.testing.assert_allclose(missing.mean(axis=0), 0.4 - 0.4**3 / 3, atol=0.03)
    assert not missing.all(axis=1).any()
    assert {tuple(row) for row in missing} >= {(False,) * 3, (True, True, False)}
    spelt = np.array([WORDS[digit] for digit in y["digit"]])
    there = ~missing[:, 1]
    assert all(len(a) == len(b) for a, b in zip(x["text"][there], spelt[there], strict=True))
    exact = np.mean(x["text"][there] == np.char.encode(spelt[there]))
    assert 0.1 < exact < 0.5


def test_missing_modalities_do_not_reach_the_features():
    splits = data.load("digits_modal")
    network = keras.Model(splits.inputs, splits.features)
    x, _ = next(iter(splits.train))
    features = network(x)
    for name, values in features.items():
        assert values.dtype == tf.float32, name
        assert np.isfinite(values).all(), name
    filled = features["statistics"].numpy()
    marks = np.isnan(x["statistics"]).any(axis=1)
    np.testing.assert_array_equal(filled[:, -1], marks)
    np.testing.assert_allclose(filled[marks][:, :-1], 0, atol=1e-5)  # the mean of the training rows


def test_a_model_of_all_three_tasks_learns_from_a_canvas():
    splits = data.load("digits_canvas", copies=1)
    model = build_model(
        splits.features,
        trunks.UNet([8, 16], coarse=["digit", "box"]),
        {
            "digit": heads.Classification(10),
            "box": heads.BoundingBox(),
            "mask": heads.Segmentation(class_names=["background", "digit"]),
        },
    )
    model.compile(keras.optimizers.Adam(0.003))
    model.fit(splits.train, epochs=3, verbose=0)
    logs = model.evaluate(splits.valid, verbose=0, return_dict=True)
    assert logs["box_mean_iou"] > 0.5
    assert logs["mask_mean_iou"] > 0.85
