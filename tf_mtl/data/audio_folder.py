"""A folder of WAV files → `Splits`."""

from __future__ import annotations

import re
import wave
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .arrays import from_numpy
from .file_labels import (
    FileLabels,
    is_table,
    labels_of_names,
    labels_of_table,
    read_file_table,
    rows_of_files,
)
from .splits import Splits


def from_audio_folder(
    folder: str | Path,
    labels: FileLabels,
    targets: Mapping[str, Any] | None = None,
    *,
    seconds: float | None = None,
    test_files: str | None = None,
    **options: Any,
) -> Splits:
    """Makes training, validation and test data of the WAV files in a folder and its subfolders.

    The files are read while the model trains, as floats from -1 to 1 and one channel (the mean of
    several). All waveforms get the same length: shorter ones are followed by silence, longer
    ones are cut off.

    Args:
        folder: Folder of files `*.wav`, 16 bit PCM, all of one sampling rate.
        labels: Where the labels are. A regular expression with a named group for each task, which
            is searched in the file's path below the folder ("7_jackson_0.wav", "dogs/1.wav"); a
            function from that path to `{task: label}`; or the path of a table, ending in ".csv" or
            ".parquet", with the column `file` for that path and a column for each task.
        targets: As for `from_numpy`: `{task: kind or Target}`. With a table as for
            `from_dataframe`; None takes all of its columns.
        seconds: Length of a waveform; None for that of the longest file.
        test_files: Regular expression of the files kept apart for the test split, searched in
            their paths; None to split them off at random.
        **options: Further arguments of `from_numpy`: `batch_size`, `seed`, `fractions`, and
            `stratify`.

    Returns:
        `Splits` with the input `waveform`, float32 `[B, samples]`.

    Raises:
        NotADirectoryError: If there is no such folder.
        ValueError: If there are no files; a file is not PCM of 16 bit, has another sampling rate
            than the first, no sound or no labels; or as `from_numpy`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("high_1", "high_2", "low_1", "low_2"):
    ...         write_wav(f"{folder}/{name}.wav", np.zeros(800), 8000)
    ...     splits = from_audio_folder(
    ...         folder,
    ...         r"(?P<pitch>high|low)_",
    ...         test_files="_2",
    ...         fractions=(0.4, 0.4, 0.2),
    ...         stratify=None,
    ...     )
    ...     next(iter(splits.test))[0].shape
    TensorShape([2, 800])
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"There is no folder {folder}.")
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.wav"))
    if not names:
        raise ValueError(f"There are no files *.wav in {folder} or its subfolders.")
    rate, longest = _headers(folder, names)
    samples = longest if seconds is None else round(seconds * rate)
    if samples < 1:
        raise ValueError(f"`seconds` must be greater than 0. Received: seconds={seconds}.")
    kinds: dict[str, Any] = dict(targets or {})
    if is_table(labels):
        frame = rows_of_files(read_file_table(str(labels)), names, str(labels))
        encoded = labels_of_table(frame, targets, str(labels))
        by_task = {task: values for task, (values, _) in encoded.items()}
        kinds = {task: target for task, (_, target) in encoded.items()}
    else:
        by_task = labels_of_names(folder, names, labels)
    paths = np.array([str(folder / name) for name in names])
    apart = np.array([bool(test_files and re.search(test_files, name)) for name in names])
    if test_files and (not apart.any() or apart.all()):
        raise ValueError(
            f"`test_files` must match some of the files. {test_files!r} matches {apart.sum()} of "
            f"{len(names)}, the first of which is {names[0]!r}."
        )
    test = None
    if test_files:
        test = (paths[apart], {task: values[apart] for task, values in by_task.items()})
    splits = from_numpy(
        paths[~apart],
        {task: values[~apart] for task, values in by_task.items()},
        kinds,
        test=test,
        **options,
    )
    inputs = keras.Input((samples,), name="waveform")
    return replace(
        splits,
        train=_read(splits.train, samples),
        valid=_read(splits.valid, samples),
        test=_read(splits.test, samples),
        inputs=inputs,
        features=inputs,
    )


def write_wav(path: str | Path, waveform: Any, sampling_rate: int) -> None:
    """Writes a waveform as a WAV file of 16 bit PCM, one channel.

    Args:
        path: The file.
        waveform: `[samples]`: int16, or floats from -1 to 1.
        sampling_rate: Samples in a second.
    """
    values = np.asarray(waveform)
    if values.dtype != np.int16:
        values = np.round(np.clip(values, -1, 1) * 32767).astype("int16")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sampling_rate)
        file.writeframes(values.astype("<i2").tobytes())


def _headers(folder: Path, names: list[str]) -> tuple[int, int]:
    """Returns the sampling rate and the greatest number of samples, from the files' headers."""
    rates: dict[str, int] = {}
    longest = 0
    for name in names:
        try:
            with wave.open(str(folder / name), "rb") as file:
                width, rate, samples = file.getsampwidth(), file.getframerate(), file.getnframes()
        except (wave.Error, EOFError) as error:
            raise ValueError(
                f"{folder / name} cannot be read as WAV: {error}. Convert it to PCM of 16 bit."
            ) from None
        first = next(iter(rates), name)
        rates[name] = rate
        problem = None
        if width != 2:
            problem = f"has samples of {8 * width} bit. Convert it to PCM of 16 bit"
        elif samples == 0:
            problem = "holds no sound. Remove it"
        elif rate != rates[first]:
            problem = f"has {rate} samples a second, {first} has {rates[first]}. Resample it"
        if problem:
            raise ValueError(f"{folder / name} {problem}.")
        longest = max(longest, samples)
    return rates[names[0]], longest


def _read(data: tf.data.Dataset, samples: int) -> tf.data.Dataset:
    """Replaces paths by waveforms, several batches at once."""

    def one(path: tf.Tensor) -> tf.Tensor:
        waveform, _ = tf.audio.decode_wav(tf.io.read_file(path), desired_samples=samples)
        return tf.reduce_mean(waveform, axis=-1)

    def batch(paths: tf.Tensor, labels: Any) -> Any:
        signature = tf.TensorSpec((samples,), tf.float32)
        return tf.map_fn(one, paths, fn_output_signature=signature), labels

    return data.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
