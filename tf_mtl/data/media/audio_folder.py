"""A folder of WAV files → `Splits`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...whole_numbers import check_whole
from ..arrays import PARTS, from_numpy
from ..files import files_below
from ..splits import Splits
from .file_labels import (
    FileLabels,
    groups_of_names,
    is_table,
    kept_apart,
    labels_of_names,
    labels_of_table,
    read_file_table,
    rows_of_files,
)
from .wav_file import SoundPlace, samples_of, sound_place, waveform

_WAVEFORM = "waveform"
_PLACE = "waveform__place"
_UNREAD = (".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma")


def from_audio_folder(
    folder: str | Path,
    labels: FileLabels,
    targets: Mapping[str, Any] | None = None,
    *,
    seconds: float | None = None,
    sampling_rate: int | None = None,
    test_files: str | None = None,
    groups: str | None = None,
    **options: Any,
) -> Splits:
    r"""Makes training, validation and test data of the WAV files in a folder and its subfolders.

    The files are read while the model trains, as floats from -1 to 1 and one channel (the mean of
    several). All waveforms get the same length: shorter ones are followed by silence, longer
    ones are cut off.

    Args:
        folder: Folder of files `*.wav` with PCM of 8, 16, 24 or 32 bit, or floats. Hidden files
            and folders in it are left out.
        labels: Where the labels are. A regular expression with a named group for each task, which
            is searched in the file's path below the folder ("7_jackson_0.wav", "dogs/1.wav"); a
            function from that path to `{task: label}`; or the path of a table, ending in ".csv" or
            ".parquet", with the column `file` for that path and a column for each task.
        targets: As for `from_numpy`: `{task: kind or Target}`. With a table as for
            `from_dataframe`; None takes all of its columns.
        seconds: Length of a waveform; None for that of the longest file.
        sampling_rate: Samples in a second of the waveforms; files of another rate are resampled,
            in each epoch anew. None for that of the files, which must then be the same.
        test_files: Regular expression of the files kept apart for the test split, searched in
            their paths; None to split them off at random.
        groups: Regular expression, searched in the paths; files in which it matches the same text
            stay in one part, such as r"speaker\d+". With a table the name of a column.
        **options: Further arguments of `from_numpy`: `batch_size`, `seed`, `fractions`, and
            `stratify`.

    Returns:
        `Splits` with the input `waveform`, float32 `[B, samples]`.

    Raises:
        NotADirectoryError: If there is no such folder.
        ValueError: If there are no files; a file is compressed or cut off, has another sampling
            rate than the first where none is given, no sound or no labels; or as `from_numpy`.

    >>> import tempfile
    >>> from tf_mtl.data.media.wav_file import write_wav
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
    names = files_below(folder, [".wav"], _UNREAD)
    sounds = _sounds(folder, names, sampling_rate)
    rate = sampling_rate or sounds[0].rate
    samples = samples_of(sounds, seconds, rate)
    kinds: dict[str, Any] = dict(targets or {})
    if is_table(labels):
        frame = rows_of_files(read_file_table(str(labels)), names, str(labels))
        encoded = labels_of_table(frame, targets, str(labels), groups)
        grouping = None if groups is None else frame[groups].astype(str).to_numpy()
        by_task = {task: values for task, (values, _) in encoded.items()}
        kinds = {task: target for task, (_, target) in encoded.items()}
    else:
        by_task = labels_of_names(folder, names, labels)
        grouping = None if groups is None else groups_of_names(folder, names, groups)
    apart = kept_apart(names, test_files)
    places = np.array(sounds)

    def rows(chosen: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        x = {_WAVEFORM: np.array(names)[chosen], _PLACE: places[chosen]}
        return x, {task: values[chosen] for task, values in by_task.items()}

    splits = from_numpy(
        *rows(~apart),
        kinds,
        test=rows(apart) if test_files else None,
        groups=None if grouping is None else grouping[~apart],
        **options,
    )
    inputs = keras.Input((samples,), name=_WAVEFORM)
    return replace(
        splits,
        **{part: _read(getattr(splits, part), folder, samples, rate) for part in PARTS},
        inputs=inputs,
        features=inputs,
    )


def _sounds(folder: Path, names: list[str], sampling_rate: int | None) -> list[SoundPlace]:
    """Reads the headers of the files; an error names the first that differs from the others."""
    if sampling_rate is not None:
        check_whole(sampling_rate, "sampling_rate", hint="It is in samples a second: 16000.")
    found = []
    for name in names:
        with (folder / name).open("rb") as file:
            found.append(sound_place(file, str(folder / name)))
        rate, first = found[-1].rate, found[0].rate
        if rate != first and sampling_rate is None:
            raise ValueError(
                f"{folder / name} has {rate} samples a second, {names[0]} has {first}. Say what "
                f"all shall have, such as sampling_rate={min(rate, first)}."
            )
    return found


def _read(data: tf.data.Dataset, folder: Path, samples: int, rate: int) -> tf.data.Dataset:
    """Replaces paths by waveforms, several batches at once."""

    def one(row: dict[str, tf.Tensor]) -> tf.Tensor:
        path = tf.strings.join([str(folder) + os.sep, row[_WAVEFORM]])
        return waveform(tf.io.read_file(path), row[_PLACE], samples, rate)

    def batch(rows: dict[str, tf.Tensor], labels: Any) -> Any:
        signature = tf.TensorSpec((samples,), tf.float32)
        return tf.map_fn(one, rows, fn_output_signature=signature), labels

    return data.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
