"""HuggingFace data sets of images, sounds, lists and words: as by hand; errors name the row."""

import io
import wave

import datasets
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_mtl import build_model, data, heads, trunks

CLASSES = datasets.ClassLabel(names=["low", "mid", "high"])
ROWS = 40
LABELS = [n % 3 for n in range(ROWS)]


def dataset(column, values, feature, count=ROWS, **others):
    """A data set of one input column and the label."""
    columns = {"label": (LABELS[:count], CLASSES), column: (values, feature), **others}
    return datasets.Dataset.from_dict(
        {name: given for name, (given, _) in columns.items()},
        datasets.Features({name: kind for name, (_, kind) in columns.items()}),
    )


def rows(splits, name):
    """All rows of an input, in the order of the source, and the labels beside them."""
    batches = [batch for part in splits for batch in part.as_numpy_iterator()]
    x = np.concatenate([x[name] for x, _ in batches])
    return x, {task: np.concatenate([y[task] for _, y in batches]) for task in batches[0][1]}


def trains(splits, trunk, head=None):
    """Trains for two epochs through `build_model` and `fit`, and returns the model."""
    targets = splits.targets
    made = head or heads.Classification(class_names=targets["label"].class_names)
    model = build_model(splits.features, trunk, {next(iter(targets)): made})
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(splits.train, validation_data=splits.valid, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"] + history["val_loss"]).all()
    return model


def pictures(shape=(9, 7), count=ROWS):
    """The n-th picture has the value n in its first place, and noise elsewhere."""
    found = np.random.default_rng(0).integers(0, 255, (count, *shape)).astype("uint8")
    found.reshape(count, -1)[:, 0] = np.arange(count)
    return found


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_images_of_one_size_need_no_argument(shape):
    images = pictures(shape)
    splits = data.from_huggingface(
        dataset("image", list(images), datasets.Image()), {"label": "auto"}, batch_size=8
    )
    image = splits.inputs["image"]
    channels = shape[-1] if len(shape) == 3 else 1
    assert (tuple(image.shape), image.dtype) == ((None, 9, 7, channels), "uint8")
    assert splits.features.dtype == "float32"
    x, y = rows(splits, "image")
    number = x[:, 0, 0, 0]
    np.testing.assert_array_equal(x, images.reshape(ROWS, 9, 7, channels)[number])
    np.testing.assert_array_equal(y["label"], number % 3)
    scaled = keras.Model(splits.inputs, splits.features)({"image": x})
    np.testing.assert_allclose(scaled, x / 255, rtol=1e-6)
    trains(splits, trunks.CNN([4], units=[8]))


def test_images_in_files_and_bytes_of_other_sizes_are_resized(tmp_path):
    cells, expected = [], []
    for n in range(ROWS):
        image = pictures((8 + n % 3, 10, 3))[n]
        encoded = io.BytesIO()
        Image.fromarray(image).save(encoded, "png")
        if n % 2:
            (tmp_path / f"{n}.png").write_bytes(encoded.getvalue())
            cells.append(str(tmp_path / f"{n}.png"))
        else:
            cells.append({"bytes": encoded.getvalue(), "path": "elsewhere.png"})
        expected.append(np.round(tf.image.resize(image, (6, 5), antialias=True)))
    whole = dataset("photo", cells, datasets.Image(decode=False))
    splits = data.from_huggingface(
        whole, {"label": "auto"}, size=(6, 5), fractions=(0.5, 0.25, 0.25), stratify=None, seed=3
    )
    found = {row.tobytes() for row in rows(splits, "photo")[0]}
    assert found == {row.astype("uint8").tobytes() for row in expected}
    # Without the look at every image nothing else changes.
    unseen = data.from_huggingface(
        whole, {"label": "auto"}, size=(6, 5), channels=3, check=False, stratify=None, seed=3,
        fractions=(0.5, 0.25, 0.25),
    )  # fmt: skip
    assert unseen.fingerprint == splits.fingerprint
    with pytest.raises(
        ValueError, match=r"column 'photo' of the split 'train' differ in size: 9 x 10 in row 2, "
        r"where 8 x 10 are expected.*size=\(128, 128\)"
    ):  # fmt: skip
        data.from_huggingface(whole, {"label": "auto"})


def test_images_are_read_when_a_batch_needs_them(tmp_path):
    paths = [str(tmp_path / f"{n}.png") for n in range(ROWS)]
    for path, image in zip(paths, pictures(), strict=True):
        Image.fromarray(image).save(path)
    splits = data.from_huggingface(dataset("image", paths, datasets.Image()), {"label": "auto"})
    for path, image in zip(paths, pictures(), strict=True):
        Image.fromarray(255 - image).save(path)
    x, _ = rows(splits, "image")
    np.testing.assert_array_equal(x[..., 0], 255 - pictures()[255 - x[:, 0, 0, 0]])


def test_images_written_as_records(tmp_path):
    whole = dataset("image", list(pictures()), datasets.Image())
    splits = data.from_huggingface(whole, {"label": "auto"})
    again = data.from_tfrecord(data.write_tfrecord(splits, tmp_path / "records"))
    np.testing.assert_array_equal(
        next(iter(again.test))[0]["image"], next(iter(splits.test))[0]["image"]
    )


def test_channels_and_other_splits():
    grey, coloured = list(pictures()), list(pictures((9, 7, 3)))
    train = dataset("image", grey, datasets.Image())
    parts = datasets.DatasetDict(train=train, test=dataset("image", coloured, datasets.Image()))
    with pytest.raises(ValueError, match=r"Row 1 of column 'image' of the split 'test' has colour"):
        data.from_huggingface(parts, {"label": "auto"})
    splits = data.from_huggingface(parts, {"label": "auto"}, channels=3)
    assert next(iter(splits.test))[0]["image"].shape == (ROWS, 9, 7, 3)
    larger = dataset("image", list(pictures((9, 8))), datasets.Image())
    with pytest.raises(ValueError, match=r"'test' differ in size: 9 x 8 in row 1, where 9 x 7"):
        data.from_huggingface(datasets.DatasetDict(train=train, test=larger), {"label": "auto"})
    words = dataset("image", ["a"] * ROWS, datasets.Value("string"))
    with pytest.raises(ValueError, match=r"'image' of the split 'test' holds cells, where.*images"):
        data.from_huggingface(datasets.DatasetDict(train=train, test=words), {"label": "auto"})


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"bytes": b"no image", "path": None}, r"Row 4 of column 'image' of the split 'train' can"),
        ("/no/such/file.png", r"Row 4 .*'train' names '/no/such/file.png', but there is no such"),
        (None, r"Row 4 .*'train' is empty"),
    ],
)
def test_a_bad_image_is_named(cell, message):
    cells = list(pictures())
    cells[3] = cell
    with pytest.raises(ValueError, match=message) as caught:
        data.from_huggingface(dataset("image", cells, datasets.Image()), {"label": "auto"})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 28}, r"`size` must be .*two positive.*size=28"),
        ({"channels": 2}, r"`channels` must be 1, 3 or 4"),
        ({"tokens": 0}, r"`tokens` must be a whole number"),
        ({"check": False}, r"check=False.*give their `size` and `channels`"),
    ],
)
def test_bad_arguments(options, message):
    whole = dataset("image", list(pictures()), datasets.Image())
    with pytest.raises(ValueError, match=message):
        data.from_huggingface(whole, {"label": "auto"}, **options)


def test_images_beside_numbers_and_their_order():
    numbers = {"age": (list(range(ROWS)), datasets.Value("int64"))}
    whole = dataset("image", list(pictures()), datasets.Image(), **numbers)
    splits = data.from_huggingface(whole, {"label": "auto"}, batch_size=8, seed=1)
    assert list(splits.features) == ["image", "columns"]
    x, _ = next(iter(splits.train))
    np.testing.assert_array_equal(x["image"][:, 0, 0, 0], x["age"][:, 0])
    trains(splits, trunks.MultiInput({"image": trunks.CNN([4], units=[8]), "columns": [8]}))
    # Seed and number of the epoch tell the order, and the pixels the fingerprint.
    again = data.from_huggingface(whole, {"label": "auto"}, batch_size=8, seed=1)
    np.testing.assert_array_equal(next(iter(again.train))[0]["age"], x["age"])
    assert again.fingerprint == splits.fingerprint
    other = dataset("image", list(255 - pictures()), datasets.Image(), **numbers)
    assert data.from_huggingface(other, {"label": "auto"}, seed=1).fingerprint != again.fingerprint


@pytest.mark.parametrize(
    ("feature", "shape"),
    [
        (datasets.Sequence(datasets.Value("float32")), (4,)),
        (datasets.Sequence(datasets.Value("float64"), length=4), (4,)),
        (datasets.LargeList(datasets.Value("int64")), (4,)),
        (datasets.Sequence(datasets.Sequence(datasets.Value("float32"))), (2, 3)),
        (datasets.Array2D((2, 3), "float32"), (2, 3)),
        (datasets.Array3D((2, 3, 1), "uint8"), (2, 3, 1)),
    ],
    ids=str,
)
def test_lists_and_arrays_of_one_shape(feature, shape):
    values = np.arange(ROWS * np.prod(shape)).reshape(ROWS, *shape) % 200
    whole = dataset("x", values.tolist(), feature)
    splits = data.from_huggingface(whole, {"label": "auto"}, ignore=[], batch_size=16)
    assert splits.features.shape == (None, *shape)
    assert splits.features.dtype == ("int32" if "int64" in str(feature) else "float32")
    parts = [batch for part in splits for batch in part]
    x = np.concatenate([x["x"] for x, _ in parts])
    found, given = sorted(x.tolist()), sorted(values.tolist())
    assert found == given
    if splits.features.dtype == "float32":
        trains(splits, keras.layers.Flatten())


NUMBERS = datasets.Sequence(datasets.Value("float32"))
WORDS = datasets.Sequence(datasets.Value("string"))
IDS = datasets.Sequence(datasets.Value("int64"))


@pytest.mark.parametrize(
    ("feature", "cell", "message"),
    [
        (
            NUMBERS,
            [1.0],
            r"'x' of the split 'train' holds lists .* differ in length, first in row 4",
        ),
        (NUMBERS, None, r"has no list in row 4"),
        (NUMBERS, [1.0, np.nan], r"'x' of the split 'train' holds no number in row 4: nan"),
        (NUMBERS, [1.0, np.inf], r"holds a number beyond float32 in row 4: inf"),
        (IDS, [1, 2**40], r"holds a number beyond int32 in row 4: 1099511627776"),
        (IDS, [4, 0, 2], r"holds the token 0 in row 4, but 0 fills up shorter rows"),
        (WORDS, ["New York"], r"'x' of the split 'train' holds the word 'New York' in row 4"),
        (WORDS, ["a", ""], r"holds the word '' in row 4"),
        (datasets.Sequence(datasets.Value("binary")), [b"a"], r"holds lists of binary"),
        (datasets.Sequence(WORDS), [["a"]], r"holds lists of string"),
        (datasets.Value("binary"), b"a", r"holds bytes.*dataset.cast_column\('x', datasets.Image"),
        ({"a": datasets.Value("int32")}, {"a": 1}, r"holds dict.*dataset.flatten\(\)"),
    ],
)
def test_lists_that_cannot_be_inputs(feature, cell, message):
    usual = {"float": [1.0, 2.0], "int64": [1, 2], "string": ["a", "b"]}
    base = next((value for kind, value in usual.items() if kind in str(feature)), cell)
    base = cell if "binary" in str(feature) or "List(List" in str(feature) else base
    values = [cell if n == 3 else base for n in range(ROWS)]
    if isinstance(feature, dict):
        values = [cell] * ROWS
    with pytest.raises(ValueError, match=message) as caught:
        data.from_huggingface(dataset("x", values, feature), {"label": "auto"})
    assert "\n" not in str(caught.value)


def sentences(count=ROWS):
    """Words and their tags: names of persons begin with a capital."""
    words = [["Ann", "Lee", "sings"], ["rain"], ["we", "saw", "Bob"], ["Kim", "laughs", "at", "Jo"]]
    tags = [[1, 2, 0], [0], [0, 0, 1], [1, 0, 0, 1]]
    return [words[n % 4] for n in range(count)], [tags[n % 4] for n in range(count)]


NAMES = ("O", "B-person", "I-person")


def tagged(words, tags, kind=None):
    features = {
        "tokens": WORDS,
        "tags": datasets.Sequence(kind or datasets.ClassLabel(names=NAMES)),
    }
    return datasets.Dataset.from_dict({"tokens": words, "tags": tags}, datasets.Features(features))


def test_words_and_their_tags():
    words, tags = sentences()
    splits = data.from_huggingface(tagged(words, tags), {"tags": "tagging"}, batch_size=5)
    assert splits.targets["tags"] == data.Target("tagging", class_names=NAMES)
    expected = {" ".join(row): tag for row, tag in zip(words, tags, strict=True)}
    seen = 0
    for part in splits:
        for x, y in part.as_numpy_iterator():
            texts = [text.decode() for text in x["tokens"][:, 0]]
            longest = max(len(text.split()) for text in texts)  # of the batch
            assert y["tags"].shape == (len(texts), longest)
            for text, row in zip(texts, y["tags"].tolist(), strict=True):
                assert row == expected[text] + [-1] * (longest - len(expected[text]))
                seen += 1
    assert seen == ROWS
    encoder = trunks.TextEncoder.for_texts(
        splits.train.map(lambda x, y: x["tokens"]), units=[16], encoder="convolution"
    )
    model = trains(splits, encoder, heads.TokenTagging(class_names=NAMES))
    data.check(splits.train, model)
    assert model.evaluate(splits.test, verbose=0, return_dict=True).keys() >= {"span_f1"}


def test_tags_of_a_given_number_of_tokens_and_missing_ones():
    words, tags = sentences()
    tags = [None if n == 1 else [-1, *row[1:]] if n % 4 == 2 else row for n, row in enumerate(tags)]
    whole = tagged(words, tags)
    splits = data.from_huggingface(whole, {"tags": "tagging"}, tokens=2, batch_size=ROWS)
    for x, y in [batch for part in splits for batch in part.as_numpy_iterator()]:
        assert max(len(text.split()) for text in x["tokens"][:, 0]) == 2 == y["tags"].shape[1]
    assert data.describe(splits).table["labelled"].sum() == ROWS - 1
    shown = data.show(splits, examples=8)
    assert any("B-person O" in cell.get_suptitle() for cell in shown.subfigs)


def test_numbers_of_tokens_are_filled_up():
    words, tags = sentences()
    ids = [[len(word) for word in row] for row in words]
    whole = tagged(words, tags).add_column("ids", ids)
    splits = data.from_huggingface(whole, {"tags": "tagging"}, ignore=["tokens"], batch_size=8)
    assert (splits.features.shape, splits.features.dtype) == ((None, 4), "int32")
    for x, y in [batch for part in splits for batch in part.as_numpy_iterator()]:
        for row, tag in zip(x["ids"].tolist(), y["tags"].tolist(), strict=True):
            count = ids.index([n for n in row if n])
            assert row == ids[count] + [0] * (4 - len(ids[count]))
            assert tag == tags[count] + [-1] * (4 - len(tags[count]))
    trains(
        splits,
        keras.layers.Embedding(20, 8, mask_zero=True),
        heads.TokenTagging(class_names=NAMES),
    )
    cut = data.from_huggingface(whole, {"tags": "tagging"}, ignore=["tokens"], tokens=3)
    assert cut.features.shape == (None, 3)
    assert next(iter(cut.train))[1]["tags"].shape[1] == 3


def test_classes_of_tokens_by_name_or_told_to_the_target():
    words, tags = sentences()
    named = [[NAMES[tag] for tag in row] for row in tags]
    whole = tagged(words, named, datasets.Value("string"))
    splits = data.from_huggingface(whole, {"tags": "tagging"}, seed=2)
    assert splits.targets["tags"].class_names == tuple(sorted(NAMES))
    target = data.Target("tagging", class_names=NAMES)
    by_number = data.from_huggingface(
        tagged(words, tags, datasets.Value("int64")), {"tags": target}, seed=2
    )
    by_name = data.from_huggingface(whole, {"tags": target}, seed=2)
    assert by_number.targets["tags"] == by_name.targets["tags"] == target
    assert by_number.fingerprint == by_name.fingerprint


@pytest.mark.parametrize(
    ("tag", "kind", "message"),
    [
        ([0, 1], "tagging", r"Column 'tags' of the split 'train' .* row 2 has 2 of them, where the "
                            r"input 'tokens' has 1 tokens"),
        ([0], "auto", r"'tags' holds lists of classes.*\"tagging\""),
        ([0], "classification", r"'tags' holds lists"),
        ([-100], "tagging", r"a negative class in row 2 \(-100\).*-1 is a missing label"),
    ],
)  # fmt: skip
def test_bad_tags(tag, kind, message):
    words, tags = sentences()
    tags[1] = tag
    whole = tagged(words, tags, None if tag != [-100] else datasets.Value("int64"))
    with pytest.raises(ValueError, match=message):
        data.from_huggingface(whole, {"tags": kind})


@pytest.mark.parametrize("tags", [[0, 1], [1, None], [True, False], ["O", "B"]])
def test_tags_without_lists(tags):
    words, _ = sentences()
    whole = datasets.Dataset.from_dict({"tokens": words, "tags": tags * (ROWS // 2)})
    with pytest.raises(ValueError, match=r"'tags' of the split 'train' holds .*a list of"):
        data.from_huggingface(whole, {"tags": "tagging"})


@pytest.mark.parametrize("of_a_part", [False, True])
def test_a_transform_is_not_passed_over(of_a_part):
    whole = dataset("x", list(range(ROWS)), datasets.Value("int32")).with_transform(
        lambda rows: rows
    )
    given = datasets.DatasetDict(train=whole.with_format(None), test=whole) if of_a_part else whole
    with pytest.raises(ValueError, match=r"has a transform .*dataset\.map"):
        data.from_huggingface(given, {"label": "auto"})
    plain = whole.with_format("numpy")
    assert sum(data.from_huggingface(plain, {"label": "auto"}).sizes.values()) == ROWS


def test_a_binary_task_of_three_classes_is_named():
    whole = dataset("x", list(range(ROWS)), datasets.Value("int32"))
    with pytest.raises(ValueError, match=r"Task 'label' is binary, but column 'label' has 3 class"):
        data.from_huggingface(whole, {"label": "binary"})


def test_tags_need_tokens():
    words, tags = sentences()
    whole = tagged(words, tags).add_column("n", list(range(ROWS)))
    with pytest.raises(ValueError, match=r"there is no input of tokens.*lists of words"):
        data.from_huggingface(whole, {"tags": "tagging"}, ignore=["tokens"])


def test_a_free_text_is_read_word_by_word():
    topics = ["team wins the game", "market and bank fall", "new chip and code"]
    texts = [f"{topics[label]} {n}" for n, label in enumerate(LABELS)]
    whole = dataset("text", texts, datasets.Value("string"))
    splits = data.from_huggingface(
        whole, {"label": "auto"}, encoding={"texts": "text"}, batch_size=8
    )
    assert (splits.features.dtype, splits.features.shape) == ("string", (None, 1))
    encoder = trunks.TextEncoder.for_texts(splits.train.map(lambda x, y: x["text"]), units=[16])
    model = trains(splits, encoder)
    assert model.predict(splits.test, verbose=0)["label"].shape == (4, 3)


def wav(number, rate=8000):
    """The n-th sound has 100 + n samples of two channels, n and -n / 3."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        samples = np.tile([300 * number, -100 * number], 100 + number).astype("<i2")
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def sounds(cells, **options):
    """Made without `Audio.encode_example`, which needs torchcodec."""
    stored = [cell if isinstance(cell, dict) else {"bytes": cell, "path": None} for cell in cells]
    parts = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    whole = dataset("audio", stored, parts, count=len(cells))
    return whole.cast_column("audio", datasets.Audio(**options))


@pytest.mark.parametrize("decode", [True, False])
def test_sounds_are_waveforms(tmp_path, decode):
    cells = [wav(n) for n in range(ROWS)]
    (tmp_path / "5.wav").write_bytes(cells[5])
    cells[5] = {"bytes": None, "path": str(tmp_path / "5.wav")}
    splits = data.from_huggingface(sounds(cells, decode=decode), {"label": "auto"}, batch_size=8)
    assert splits.features.shape == (None, 139)
    x, y = rows(splits, "audio")
    number = np.round(x[:, 0] * 32768 / 100).astype(int)
    assert sorted(number) == list(range(ROWS))
    for row, n in zip(x, number, strict=True):
        np.testing.assert_allclose(row[: 100 + n], n / 327.68, rtol=1e-6)
        np.testing.assert_array_equal(row[100 + n :], 0)
    np.testing.assert_array_equal(y["label"], number % 3)
    trains(splits, trunks.MLP([8]))
    short = data.from_huggingface(sounds(cells), {"label": "auto"}, seconds=0.01)
    assert short.features.shape == (None, 80)


def test_sounds_get_the_rate_of_their_column():
    cells = [wav(n, rate=16000 if n == 3 else 8000) for n in range(ROWS)]
    splits = data.from_huggingface(sounds(cells, sampling_rate=4000), {"label": "auto"})
    assert splits.features.shape == (None, 70)
    x, _ = rows(splits, "audio")
    number = np.round(x[:, 20] * 32768 / 100).astype(int)
    assert sorted(number) == list(range(ROWS))
    assert np.count_nonzero(x[number == 3][0]) == 26  # of 103 samples at 16000


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (b"ID3 mp3", {}, r"Row 4 of column 'audio' of the split 'train' cannot be read as WAV"),
        (wav(3)[:20] + b"\7" + wav(3)[21:], {}, r"Row 4 .*has samples of 16 bit in the format 7"),
        (wav(3, rate=16000), {}, r"Row 4 .*has 16000 samples a second where 8000 are expected"),
    ],
)
def test_a_bad_sound_is_named(cell, options, message):
    cells = [cell if n == 3 else wav(n) for n in range(ROWS)]
    with pytest.raises(ValueError, match=message) as caught:
        data.from_huggingface(sounds(cells, **options), {"label": "auto"})
    assert "\n" not in str(caught.value)


def test_images_are_no_labels():
    whole = dataset("mask", list(pictures()), datasets.Image())
    with pytest.raises(ValueError, match=r"'mask' of the split 'train' holds images, which cannot"):
        data.from_huggingface(whole, {"mask": "regression"})
