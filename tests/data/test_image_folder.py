"""Folders of images: labels from folders, names and tables; boxes, masks; a bad file is named."""

import io

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from tf_mtl import data
from tf_mtl.data.media.image_files import decoded
from tf_mtl.data.media.jpeg_orientation import orientation

SIZE = (12, 16)


def write(path, image, encode=tf.io.encode_png):
    path.parent.mkdir(parents=True, exist_ok=True)
    tf.io.write_file(str(path), encode(tf.constant(image, tf.uint8)))


@pytest.fixture
def folder(tmp_path):
    """Thirty images of other sizes; the n-th has the grey value 8 n throughout."""
    for n in range(30):
        name = f"{'cat' if n % 2 else 'dog'}/p{n // 3}_{n}.png"
        write(tmp_path / name, np.full((10 + n, 20, 3), 8 * n))
    return tmp_path


def rows(dataset):
    x, y = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(x), {task: np.concatenate([each[task] for each in y]) for task in y[0]}


def numbers(x):
    return x[:, 0, 0, 0] // 8


def test_labels_from_folders(folder):
    splits = data.from_image_folder(folder, size=SIZE, batch_size=7)
    assert splits.sizes == {"train": 24, "valid": 3, "test": 3}
    assert [len(part) for part in splits] == [4, 1, 1]
    assert (splits.inputs.name, splits.inputs.dtype) == ("image", "uint8")
    assert splits.features.dtype == "float32"
    assert splits.targets["label"].class_names == ("cat", "dog")
    seen = []
    for part in splits:
        x, y = rows(part)
        assert (x.dtype, x.shape[1:]) == (np.uint8, (*SIZE, 3))
        assert (x == x[:, :1, :1, :1]).all()
        np.testing.assert_array_equal(y["label"], numbers(x) % 2 == 0)
        seen += numbers(x).tolist()
    assert sorted(seen) == list(range(30))


def test_labels_from_names_groups_and_a_test_split(folder):
    splits = data.from_image_folder(
        folder, r"(?P<kind>cat|dog)/p\d+_(?P<number>\d+)", {"number": "regression"},
        size=SIZE, groups=r"\d+", test_files="p[78]_", channels=1, seed=1,
    )  # fmt: skip
    parts = [rows(part) for part in splits]
    assert parts[0][0].shape[-1] == 1
    for x, y in parts:
        np.testing.assert_array_equal(y["number"], numbers(x))
    groups = [set(numbers(x) // 3) for x, _ in parts]
    assert groups[2] == {7, 8}
    assert not groups[0] & groups[1]


def test_images_are_resized_as_tensorflow_does(tmp_path):
    random = np.random.default_rng(0)
    for n in range(10):
        image = random.integers(0, 255, (31, 45, 3))
        write(tmp_path / "ab"[n % 2] / f"{n}.jpg", image, tf.io.encode_jpeg)
    splits = data.from_image_folder(tmp_path, size=SIZE, test_files="[45]")
    path = str(tmp_path / "a" / "4.jpg")
    whole = tf.io.decode_jpeg(tf.io.read_file(path), 3)
    expected = np.round(tf.image.resize(whole, SIZE, antialias=True).numpy())
    np.testing.assert_array_equal(rows(splits.test)[0][0], expected)


def table(folder, ending="csv", **columns):
    names = [f"{'cat' if n % 2 else 'dog'}/p{n // 3}_{n}.png" for n in range(30)]
    frame = pd.DataFrame({"file": names, "age": np.arange(30) / 2, **columns})
    path = folder / f"labels.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_from_a_table(folder, ending):
    box = {f"b{n}": np.where(np.arange(30) % 5, value, np.nan)
           for n, value in enumerate((0.1, 0.2, 0.5, 1.0))}  # fmt: skip
    masks = []
    for n in range(30):
        masks.append("" if n % 6 == 0 else f"masks/{n}.png")
        if masks[-1]:
            mask = np.full((10 + n, 20, 1), n % 3)
            mask[:, 10:] = 255
            write(folder / masks[-1], mask)
    path = table(folder, ending, keeper=[f"k{n // 3}" for n in range(30)], **box, mask=masks,
                 old=np.arange(30) > 15)  # fmt: skip
    targets = {
        "age": "regression",
        "old": "binary",
        "box": {"columns": list(box), "kind": "box"},
        "mask": data.Target("segmentation", num_classes=3),
    }
    splits = data.from_image_folder(folder, path, targets, size=SIZE, groups="keeper")
    assert {task: target.kind for task, target in splits.targets.items()} == {
        "age": "regression", "old": "binary", "box": "box", "mask": "segmentation",
    }  # fmt: skip
    keepers = []
    for part in splits:
        x, y = rows(part)
        n = numbers(x).astype(int)
        np.testing.assert_array_equal(y["age"], n / 2)
        np.testing.assert_array_equal(y["old"], n > 15)
        np.testing.assert_array_equal(np.isnan(y["box"]).all(axis=1), n % 5 == 0)
        assert y["mask"].shape[1:] == SIZE
        assert y["mask"].dtype == np.int32
        np.testing.assert_array_equal(y["mask"][:, :, 0].max(axis=1), np.where(n % 6, n % 3, -1))
        assert (y["mask"][:, :, 8:] == -1).all()
        keepers.append(set(n // 3))
    assert sum(len(part) for part in keepers) == 10


def test_an_image_that_cannot_be_read_is_named(folder):
    good = (folder / "cat" / "p0_1.png").read_bytes()
    bad = folder / "cat" / "p9_29.png"
    for content in (b"", b"no image", good[: len(good) // 2]):
        bad.write_bytes(content)
        for channels in (1, 3, 4):
            with pytest.raises(ValueError, match=r"cat/p9_29.png cannot be decoded") as caught:
                data.from_image_folder(folder, size=SIZE, channels=channels)
            assert "\n" not in str(caught.value)
            assert "{{" not in str(caught.value)
    assert data.from_image_folder(folder, size=SIZE, check=False).sizes["train"] == 24


def encode(image, kind, mode="RGB"):
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["jpeg", "png", "bmp", "gif", "webp"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_format_has_every_number_of_channels(folder, kind, channels):
    grey = np.arange(9, dtype="uint8").repeat(36).reshape(18, 18) * 20
    for mode in ("RGB", "L"):
        path = folder / "cat" / f"{mode}.{kind}"
        path.write_bytes(encode(grey, kind, mode))
        image = decoded(tf.io.read_file(str(path)), channels).numpy()
        assert image.shape == (18, 18, channels)
        for channel in range(min(channels, 3)):
            assert np.abs(image[..., channel] - grey.astype(int)).max() <= 8  # JPEG and WebP lose
        if channels == 4:
            assert (image[..., 3] == 255).all()
    splits = data.from_image_folder(folder, size=SIZE, channels=channels)
    assert rows(splits.test)[0].shape[1:] == (*SIZE, channels)


@pytest.mark.parametrize("channels", [0, 1, 3, 4])
@pytest.mark.parametrize("colours", [7, 200])
def test_bmp_files_with_a_palette_have_their_colours(channels, colours):
    pixels = np.random.default_rng(0).integers(0, 256, (18, 20, 3)).astype("uint8")
    image, content = Image.fromarray(pixels).quantize(colours), io.BytesIO()
    image.save(content, "bmp")
    found = decoded(tf.constant(content.getvalue()), channels).numpy()
    mode = {1: "L", 4: "RGBA"}.get(channels, "RGB")
    expected = np.asarray(image.convert(mode)).reshape(found.shape)
    assert np.abs(found - expected.astype(int)).max() <= (channels == 1)


@pytest.mark.parametrize("channels", [0, 1, 3, 4])
def test_webp_files_may_have_transparency_but_not_move(folder, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (18, 20, 4)).astype("uint8")
    image, content = Image.fromarray(pixels), io.BytesIO()
    image.save(content, "webp", lossless=True, exact=True)
    found = decoded(tf.constant(content.getvalue()), channels).numpy()
    expected = np.asarray(image.convert("L"))[..., None] if channels == 1 else pixels
    assert np.abs(found - expected[..., : channels or 4].astype(int)).max() <= (channels == 1)

    frames = [image.convert("RGB"), image.convert("RGB").rotate(180)]
    frames[0].save(folder / "cat" / "moving.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match=r"moving\.webp cannot be decoded.*WebP Animation"):
        data.from_image_folder(folder, size=SIZE, channels=channels or 3)


@pytest.mark.parametrize("held", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_photographs_are_turned_upright(tmp_path, held, channels):
    pixels = np.zeros((16, 24, 3), "uint8")
    pixels[:8, :8] = 250  # one corner
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a description", held
    photograph = Image.fromarray(pixels)
    for n in range(30):
        (tmp_path / "ab"[n % 2]).mkdir(exist_ok=True)
        photograph.save(tmp_path / "ab"[n % 2] / f"{n}.jpg", exif=exif)
    with Image.open(tmp_path / "a" / "0.jpg") as image:
        seen = np.array(ImageOps.exif_transpose(image).convert("L")) > 128
    splits = data.from_image_folder(tmp_path, size=seen.shape, channels=channels)
    for image in rows(splits.test)[0]:
        np.testing.assert_array_equal(image[..., 0] > 128, seen)


def test_a_mask_beside_a_photograph_that_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for n in range(30):
        photograph = Image.fromarray(np.zeros((16, 24, 3), "uint8"))
        photograph.save(tmp_path / f"{n}.jpg", **({"exif": exif} if n == 7 else {}))
        Image.fromarray(np.full((16, 24), n % 3, "uint8")).save(tmp_path / f"{n}.png")
    lines = [f"{n}.jpg,{n}.png,{n % 2}" for n in range(30)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,mask,day", *lines]))
    targets = {"day": "binary", "mask": data.Target("segmentation", num_classes=3)}
    message = r"7.png of task 'mask' has 16 x 24 .*7.jpg 24 x 16: one of them lies on its side"
    with pytest.raises(ValueError, match=message):
        data.from_image_folder(tmp_path, tmp_path / "labels.csv", targets, size=(8, 8))
    Image.fromarray(np.zeros((24, 16), "uint8")).save(tmp_path / "7.png")
    data.from_image_folder(tmp_path, tmp_path / "labels.csv", targets, size=(8, 8))


def test_exif_of_all_kinds():
    def block(order):
        def number(value, size):
            return value.to_bytes(size, order)

        entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(6, 2) + number(0, 2)
        mark = b"II" if order == "little" else b"MM"
        return mark + number(42, 2) + number(8, 4) + number(1, 2) + entry

    def segment(kind, content):
        return b"\xff" + kind + (len(content) + 2).to_bytes(2, "big") + content

    other = segment(b"\xe0", b"JFIF\0" + bytes(9))
    for order in ("little", "big"):
        exif = segment(b"\xe1", b"Exif\0\0" + block(order))
        assert orientation(b"\xff\xd8" + exif) == 6
        assert orientation(b"\xff\xd8" + other + exif + b"\xff\xda") == 6
        for length in range(len(exif) - 4):  # cut off before the number
            assert orientation(b"\xff\xd8" + exif[:length]) == 1
        assert orientation(b"\xff\xd8" + other + b"\xff\xda" + exif) == 1


@pytest.mark.parametrize("kind", ["png", "bmp"])
def test_transparency_is_kept(folder, kind):
    image = np.zeros((4, 4, 4), "uint8")
    image[:2, :, 3] = 200
    (folder / f"a.{kind}").write_bytes(encode(image, kind, "RGBA"))
    found = decoded(tf.io.read_file(str(folder / f"a.{kind}")), 4).numpy()
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("colours", [2, 4, 16])
@pytest.mark.parametrize("clear", [None, 1, b"\0\x0f\x01\3"])
def test_png_files_of_few_colours_are_opaque_unless_they_say_so(colours, clear):
    pixels = np.random.default_rng(0).integers(0, 256, (18, 20, 3)).astype("uint8")
    image, content = Image.fromarray(pixels).quantize(colours), io.BytesIO()
    image.save(content, "png", **({} if clear is None else {"transparency": clear}))
    found = decoded(tf.constant(content.getvalue()), 4).numpy()
    with Image.open(content) as saved:
        np.testing.assert_array_equal(found, np.asarray(saved.convert("RGBA")))


def test_hidden_files_and_folders_are_no_data(folder):
    write(folder / ".ipynb_checkpoints" / "p0_0-checkpoint.png", np.zeros((4, 4, 3)))
    (folder / "cat" / "._p0_1.PNG").write_bytes(b"no image")
    splits = data.from_image_folder(folder, size=SIZE)
    assert splits.targets["label"].class_names == ("cat", "dog")
    assert sum(splits.sizes.values()) == 30


def test_png_files_of_black_and_white_are_opaque():
    content, pixels = io.BytesIO(), np.eye(9, dtype=bool)
    Image.fromarray(pixels).save(content, "png")
    found = decoded(tf.constant(content.getvalue()), 4).numpy()
    np.testing.assert_array_equal(found[..., 0], 255 * pixels)
    assert (found[..., 3] == 255).all()


def palette(*colours):
    image = Image.new("P", (20, 10), 1)
    image.putpalette(colours)
    return image


def bmp(image):
    file = io.BytesIO()
    image.save(file, "bmp")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"junk", r"masks/4.png cannot be decoded as an image: Unknown image"),
        (np.full((10, 20), 38, "uint8"),
         r"masks/4.png of task 'mask' has a pixel of class 38. Expected 0 to 2, or 255"),
        (np.full((10, 20, 3), [0, 1, 2], "uint8"), r"masks/4.png .*has colours"),
        (palette(0, 0, 0, 128, 0, 0), r"masks/4.png .*has a palette.*PIL"),
        (bmp(palette(0, 0, 0, 1, 1, 1, 255, 255, 255)), r"masks/4.png .*has a palette.*PIL"),
        (np.eye(10) > 0, r"masks/4.png .*has pixels of 1 bit"),
        (np.ones((10, 20), "uint16"), r"masks/4.png .*has pixels of 16 bit"),
    ],
)  # fmt: skip
def test_a_mask_that_cannot_be_one_is_named(folder, content, message):
    for n in range(30):
        write(folder / f"masks/{n}.png", np.full((10, 20, 1), n % 3))
    bad = folder / "masks" / "4.png"
    if isinstance(content, bytes):
        bad.write_bytes(content)
    else:
        image = content if isinstance(content, Image.Image) else Image.fromarray(content)
        image.save(bad)
    path = table(folder, mask=[f"masks/{n}.png" for n in range(30)])
    targets = {"age": "auto", "mask": data.Target("segmentation", num_classes=3)}
    with pytest.raises(ValueError, match=message) as caught:
        data.from_image_folder(folder, path, targets, size=SIZE)
    assert "{{" not in str(caught.value)
    assert data.from_image_folder(folder, path, targets, size=SIZE, check=False).sizes["test"] == 3


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        ({"age": ["old"] * 30}, {"targets": {"age": "regression"}},
         r"column 'age' of .*labels.csv holds text in row 1 of .*labels.csv \('old'\)"),
        ({"file": ["cat/absent.png"] + ["dog/p0_0.png"] * 29}, {}, r"in several rows"),
        ({"file": ["cat/absent.png", *[f"{n}" for n in range(29)]]}, {},
         r"row 1 of .*labels.csv names 'cat/absent.png' in column 'file', but there is no such"),
        ({"mask": ["m.png"] * 30}, {"targets": {"mask": "segmentation", "age": "auto"}},
         "how many classes the masks of 'mask' have"),
        ({"mask": ["m.png"] * 30},
         {"targets": {"mask": data.Target("segmentation", num_classes=2), "age": "auto"}},
         r"row 1 of .*labels.csv names 'm.png' in column 'mask'"),
        ({"x": [3.0] * 30}, {"targets": {"b": {"columns": ["x", "x", "x", "x"], "kind": "box"}}},
         r"column.* 'x'.*row 1.*is no box"),
        ({}, {"targets": {"agee": "auto"}}, "Did you mean 'age'"),
        ({}, {"groups": "agee"}, "Did you mean 'age'"),
    ],
)  # fmt: skip
def test_bad_tables(folder, columns, arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        data.from_image_folder(folder, table(folder, **columns), size=SIZE, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (0, 4)}, r"`size` must be .*two positive .*size=\(0, 4\)"),
        ({"size": (4,)}, "`size` must be .*two positive"),
        ({"size": 8}, "`size` must be .*two positive .*size=8"),
        ({"channels": 2}, "channels=2"),
        ({"labels": "(?P<kind>cat)"}, r"dog/p0_0.png does not match"),
        ({"groups": "k1"}, r"p\d+_\d+.png does not match the groups' 'k1'"),
        ({"test_files": "absent"}, "matches 0 of 30"),
        ({"targets": {"lable": "binary"}}, "Did you mean 'label'"),
    ],
)
def test_bad_arguments(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        data.from_image_folder(folder, **{"size": SIZE, **arguments})


def test_no_folder_no_images_no_label(tmp_path):
    with pytest.raises(NotADirectoryError, match=r"no folder .*absent"):
        data.from_image_folder(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"no files .jpg, .*.webp in"):
        data.from_image_folder(tmp_path)
    write(tmp_path / "one.png", np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match=r"one.png lies in no folder"):
        data.from_image_folder(tmp_path)
