"""Folders of WAV files: labels from names, functions and tables; one clear line for a bad file."""

import io
import struct
import wave

import numpy as np
import pytest
from scipy.io import wavfile
from scipy.signal import resample_poly

from tf_mtl import data
from tf_mtl.data.media.wav_file import write_wav

RATE = 8000
PATTERN = r"(?P<digit>\d)_(?P<speaker>[a-z]+)_"


@pytest.fixture
def folder(tmp_path):
    """Twenty files: the n-th has 100 + n samples of the value n / 100."""
    for n in range(20):
        below = tmp_path / ("first" if n < 10 else "second")
        below.mkdir(exist_ok=True)
        name = f"{n % 2}_{['ann', 'bob'][n // 10]}_{n}.wav"
        write_wav(below / name, np.full(100 + n, n / 100), RATE)
    return tmp_path


def rows(dataset):
    x, y = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(x), {task: np.concatenate([each[task] for each in y]) for task in y[0]}


def test_labels_from_names(folder):
    splits = data.from_audio_folder(folder, PATTERN, batch_size=3, test_files=r"_(4|5|14|15)\.wav")
    assert splits.sizes["test"] == 4
    assert splits.targets["speaker"].class_names == ("ann", "bob")
    assert splits.inputs.shape == (None, 119)
    assert splits.inputs.name == "waveform"
    x, y = rows(splits.test)
    np.testing.assert_allclose(x[:, 0], [0.04, 0.05, 0.14, 0.15], atol=1e-4)
    assert y["speaker"].tolist() == [0, 0, 1, 1]
    assert y["digit"].tolist() == [0, 1, 0, 1]
    assert np.count_nonzero(x, axis=1).tolist() == [104, 105, 114, 115]  # then silence
    x, y = rows(splits.train)
    assert np.array_equal(y["digit"], np.round(x[:, 0] * 100) % 2)


def test_groups_stay_in_one_part(folder):
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.wav"))
    pairs = {name: int(name.rpartition("_")[2][:-4]) // 4 for name in names}
    table = folder / "labels.csv"
    lines = [f"{name},{name.split('_')[1]},{pair}" for name, pair in pairs.items()]
    table.write_text("\n".join(["file,speaker,pair", *lines]))
    fractions = {"fractions": (0.6, 0.2, 0.2)}
    by_table = data.from_audio_folder(folder, table, groups="pair", **fractions)
    assert list(by_table.targets) == ["speaker"]
    found = [set(np.round(rows(part)[0][:, 0] * 100).astype(int) // 4) for part in by_table]
    assert sorted(map(len, found)) == [1, 1, 3]
    assert sum(map(len, found)) == len(set.union(*found))
    task = r"/(?P<odd>[01])_"
    by_name = data.from_audio_folder(folder, task, groups=r"_\d+", **fractions, stratify=None)
    assert by_name.sizes == {"train": 12, "valid": 4, "test": 4}
    for wrong, message in (("pairs", "Did you mean 'pair'"), (r"_x", "does not match the groups'")):
        with pytest.raises(ValueError, match=message):
            data.from_audio_folder(folder, table if wrong == "pairs" else task, groups=wrong)


def test_sounds_of_another_format_are_reported(folder):
    (folder / "a.MP3").touch()
    with pytest.warns(UserWarning, match=r"1 files of another format, such as a\.MP3.* to \.wav"):
        data.from_audio_folder(folder, PATTERN)
    for path in folder.rglob("*.wav"):
        path.unlink()
    with pytest.raises(ValueError, match=r"no files \.wav .*a\.MP3"):
        data.from_audio_folder(folder, PATTERN)


def test_labels_from_a_function_and_a_length(folder):
    def label(name):
        return {"late": name.startswith("second"), "samples": 100.0}

    splits = data.from_audio_folder(folder, label, {"samples": "regression"}, seconds=0.01)
    x, y = rows(splits.test)
    assert x.shape[1] == 80
    assert np.array_equal(y["late"], x[:, 0] > 0.095)


@pytest.mark.parametrize("missing", [float("nan"), -1, ""])
def test_texts_of_a_function_may_be_missing(folder, missing):
    def label(name):
        return {"speaker": missing if name.endswith("9.wav") else name.split("_")[1]}

    splits = data.from_audio_folder(folder, label, stratify=None)
    assert splits.targets["speaker"].class_names == ("ann", "bob")


def test_labels_from_a_table(folder):
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.wav"))
    table = folder / "labels.csv"
    lines = [f"{name},{'' if i == 3 else i % 2}" for i, name in enumerate(names)]
    table.write_text("\n".join(["file,odd", *lines]))
    splits = data.from_audio_folder(folder, table, {"odd": "binary"})
    found = np.concatenate([rows(part)[1]["odd"] for part in splits])
    assert sorted(found.tolist()) == [-1] + [0] * 10 + [1] * 9
    table.write_text("\n".join(["file,odd", *lines[1:]]))
    with pytest.raises(ValueError, match=f"no row for '{names[0]}'"):
        data.from_audio_folder(folder, table)
    table.write_text("\n".join(["file,odd", *lines, "lost.wav,1"]))
    with pytest.warns(
        UserWarning, match=rf"row {len(names) + 1} of .*csv names 'lost.wav'.* left out"
    ):
        data.from_audio_folder(folder, table)
    table.write_text("\n".join(["file,odd", *lines, lines[0]]))
    with pytest.raises(ValueError, match="in several rows"):
        data.from_audio_folder(folder, table)
    table.write_text("name,odd\na,1")
    with pytest.raises(ValueError, match="column `file`"):
        data.from_audio_folder(folder, table)


def test_stereo_is_the_mean(tmp_path):
    for n in range(10):
        with wave.open(str(tmp_path / f"{n % 2}_{'ab'[n % 2]}_{n}.wav"), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(np.tile(np.array([0, 16384], "<i2"), 50).tobytes())
    x, _ = rows(data.from_audio_folder(tmp_path, PATTERN).test)
    np.testing.assert_allclose(x, 0.25)


def test_endings_in_capitals_and_hidden_files(folder):
    for n, path in enumerate(sorted(folder.rglob("*.wav"))):
        if n % 2:
            path.rename(path.with_suffix(".WAV"))
    (folder / ".cache").mkdir()
    (folder / ".cache" / "0_ann_99.wav").write_bytes(b"no sound")
    assert sum(data.from_audio_folder(folder, PATTERN).sizes.values()) == 20


def wav(code=1, bits=16, channels=1, declared=None, samples=200, more=b""):
    """A file of ones with any header."""
    sound = np.ones(samples * channels, "<i2").tobytes()[: samples * channels * bits // 8]
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, RATE, RATE * width, width, bits) + more
    chunks = b"LIST" + struct.pack("<I", 3) + b"odd\0"
    chunks += b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"odd\0"
    chunks += b"data" + struct.pack("<I", len(sound) if declared is None else declared) + sound
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def floats(*samples, form="f4"):
    file = io.BytesIO()
    wavfile.write(file, RATE, np.array(samples, form))
    return file.getvalue()


PCM = struct.pack("<HHI", 22, 16, 0) + b"\1\0" + bytes(14)
HEADERS = {
    "further chunks": wav(),
    "extensible": wav(code=0xFFFE, more=PCM),
    "extensible stereo": wav(code=0xFFFE, channels=2, more=PCM),
    "length not known": wav(declared=0xFFFFFFFF),
    "half a sample": wav(declared=0xFFFFFFFF) + b"\0",
    "something behind": wav(declared=400, samples=230),
}


@pytest.mark.parametrize("header", HEADERS)
def test_headers_in_use(folder, header):
    spoil(folder, HEADERS[header])
    splits = data.from_audio_folder(folder, r"/(?P<digit>\d)_", test_files="eve")
    x, _ = rows(splits.test)
    np.testing.assert_allclose(x, np.full((1, 200), 1 / 32768))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", ["u1", "i2", "i3", "i4", "f4", "f8"])
def test_samples_of_every_form(tmp_path, form, channels):
    sounds = np.random.default_rng(0).uniform(-1, 1, (10, 50, channels))
    for n, sound in enumerate(sounds):
        path = tmp_path / f"{n % 2}_{'ab'[n % 2]}_{n}.wav"
        if form == "i3":  # which SciPy does not write
            with wave.open(str(path), "wb") as file:
                file.setparams((channels, 3, RATE, 50, "NONE", ""))
                wide = np.round(sound * (2**23 - 1)).astype("<i4").reshape(-1, 1).view("u1")
                file.writeframes(wide[:, :3].tobytes())
        elif form[0] == "f":
            wavfile.write(path, RATE, sound.astype(form))
        else:
            full = 2 ** (8 * int(form[1]) - 1)
            whole = np.round(sound * (full - 1)) + (128 if form == "u1" else 0)
            wavfile.write(path, RATE, whole.astype(form))
    splits = data.from_audio_folder(
        tmp_path, PATTERN, seconds=40 / RATE, test_files=r"_[3-6]\.wav", stratify=None
    )
    x, _ = rows(splits.test)
    expected = sounds[[4, 6, 3, 5], :40].mean(-1)  # in the order of the names
    np.testing.assert_allclose(x, expected, atol=2.0 ** -min(20, 8 * int(form[1]) - 2))


@pytest.mark.parametrize("seconds", [None, 0.02])
def test_files_of_another_rate_are_resampled(tmp_path, seconds):
    sounds, rates = [], [8000, 16000, 11025, 44100]
    for n in range(12):
        rate = rates[n % 4]
        sounds.append(0.5 * np.sin(np.arange(rate // 10) * 2 * np.pi * 300 / rate))
        wavfile.write(tmp_path / f"0_a_{n:02}.wav", rate, sounds[-1].astype("f4"))
    splits = data.from_audio_folder(
        tmp_path, lambda name: {"n": float(name[4:6])}, seconds=seconds, sampling_rate=8000
    )
    samples = 800 if seconds is None else 160
    for part in splits:
        x, y = rows(part)
        for wave_form, n in zip(x, y["n"].astype(int), strict=True):
            whole = resample_poly(sounds[n], 8000, rates[n % 4])
            np.testing.assert_allclose(wave_form, whole[:samples], atol=1e-6)
            middle = slice(50, 150)  # away from the silence around the sound
            expected = 0.5 * np.sin(np.arange(samples) * 2 * np.pi * 300 / 8000)
            np.testing.assert_allclose(wave_form[middle], expected[middle], atol=0.01)


def spoil(folder, content=None, rate=RATE, samples=5):
    path = folder / "second" / "1_eve_99.wav"
    if content is None:
        write_wav(path, np.zeros(samples), rate)
    else:
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"content": b"mp3"}, "1_eve_99.wav cannot be read as WAV"),
        ({"content": b""}, "1_eve_99.wav cannot be read as WAV"),
        (
            {"rate": 16000},
            "1_eve_99.wav has 16000 samples a second, .* has 8000.*sampling_rate=8000",
        ),
        ({"samples": 0}, "1_eve_99.wav holds no sound"),
        ({"content": wav()[:-1]}, "1_eve_99.wav is cut off: it holds 399 of 400 bytes of sound"),
        ({"content": wav()[:30]}, "1_eve_99.wav .*its header is cut off or damaged"),
        ({"content": wav(code=3)}, "1_eve_99.wav has samples of 16 bit in the format 3"),
        ({"content": wav(code=7, bits=8)}, "1_eve_99.wav has samples of 8 bit in the format 7"),
        ({"content": wav(code=0xFFFE)}, "1_eve_99.wav has samples of 16 bit in the format 0"),
        ({"content": wav(bits=12)}, "1_eve_99.wav has samples of 12 bit in the format 1"),
        ({"content": floats(0, np.nan)}, "1_eve_99.wav holds nan as sample 2, .*1 in all"),
        ({"content": floats(-np.inf)}, "1_eve_99.wav holds -inf as sample 1"),
        ({"content": floats(0, 1e300, form="f8")}, r"1_eve_99.wav holds 1e\+300 as sample 2"),
    ],
)
def test_a_bad_file_is_named(folder, options, message):
    with pytest.raises(ValueError, match=message):
        data.from_audio_folder(spoil(folder, **options), PATTERN)


def different_tasks(name):
    return {"late" if name.startswith("second") else "early": 1}


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (r"\d_(ann|bob)", {}, "named group"),
        (r"(?P<speaker>ann)_", {}, "1_bob_11.wav does not match|0_bob_10.wav does not match"),
        (different_tasks, {}, "Give every file every task"),
        (lambda name: name[:5], {}, "returned 'first' for .*wav. Return a dictionary"),
        (lambda name: {"tags": [1] * len(name)}, {}, r"labels\['tags'\] is ragged"),
        (PATTERN, {"seconds": 0}, "greater than 0"),
        (PATTERN, {"seconds": float("nan")}, "greater than 0.*seconds=nan"),
        (PATTERN, {"seconds": float("inf")}, "greater than 0.*seconds=inf"),
        (PATTERN, {"sampling_rate": 0}, "whole number.*sampling_rate=0"),
        (PATTERN, {"sampling_rate": 8e3}, "whole number.*sampling_rate=8000.0"),
        (PATTERN, {"test_files": "nothing"}, "matches 0 of 20"),
    ],
)
def test_bad_arguments_are_named(folder, labels, options, message):
    with pytest.raises(ValueError, match=message):
        data.from_audio_folder(folder, labels, **options)


def test_no_folder_and_no_files(tmp_path):
    with pytest.raises(NotADirectoryError, match="no folder"):
        data.from_audio_folder(tmp_path / "absent", PATTERN)
    with pytest.raises(ValueError, match="no files"):
        data.from_audio_folder(tmp_path, PATTERN)
