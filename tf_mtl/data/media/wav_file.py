"""WAV files of 16 bit PCM: where the samples lie, reading and writing them."""

from __future__ import annotations

import math
import os
import struct
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tensorflow as tf

_EXTENSIBLE = 0xFFFE  # the format stands further behind
_UNKNOWN = 0xFFFFFFFF  # written by a program that did not know the length


class SoundPlace(NamedTuple):
    """Where the samples lie in a file: 16 bit each, of all channels in turn.

    Attributes:
        start: Bytes in front of them.
        bytes: Bytes they take, whole samples only.
        channels: Samples at a time.
        rate: Samples in a second.
    """

    start: int
    bytes: int
    channels: int
    rate: int


def sound_place(file: BinaryIO, what: str) -> SoundPlace:
    """Reads a header as far as it tells where the samples lie.

    TensorFlow's decoder and Python's `wave` stumble each over some of the headers in use, and a
    file that is cut off is not noticed before it is decoded.

    Args:
        file: The file, opened at its beginning.
        what: Its name, for errors.

    Raises:
        ValueError: If the file is not PCM of 16 bit, is damaged or cut off, or holds no sound.
    """
    form, start, declared, there = b"", 0, 0, -1
    head = file.read(12)
    is_wave = head[:4] == b"RIFF" and head[8:] == b"WAVE"
    while is_wave and len(head := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        if name == b"data":
            start, declared = file.tell(), length
            there = file.seek(0, os.SEEK_END) - start
            break
        content = file.read(length + length % 2)
        if name == b"fmt ":
            form = content
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16].ljust(16, b"\0"))
    if code == _EXTENSIBLE:
        code = int.from_bytes(form[24:26], "little")
    if declared == _UNKNOWN:
        declared = there
    problem = None
    if not is_wave:
        problem = (
            "cannot be read as WAV: it does not begin as one. Convert other formats, such as MP3 "
            "and FLAC, to WAV with PCM of 16 bit"
        )
    elif there < 0 or not channels or not rate:
        problem = "cannot be read as WAV: its header is cut off or damaged. Remove or replace it"
    elif code != 1:
        problem = f"holds no PCM but the format {code}. Convert it to PCM of 16 bit"
    elif bits != 16:
        problem = f"has samples of {bits} bit. Convert it to PCM of 16 bit"
    elif declared > there:
        problem = f"is cut off: it holds {there} of {declared} bytes of sound. Copy it again"
    elif declared < 2 * channels:
        problem = "holds no sound. Remove it"
    if problem:
        raise ValueError(f"{what} {problem}.")
    return SoundPlace(start, declared - declared % (2 * channels), channels, rate)


def samples_of(sounds: Sequence[SoundPlace], seconds: float | None) -> int:
    """Returns the length that all waveforms get.

    Args:
        sounds: Those of one sampling rate.
        seconds: The length; None for that of the longest.

    Raises:
        ValueError: If it holds no sample.

    >>> samples_of([SoundPlace(44, 1600, 1, 8000), SoundPlace(44, 1600, 2, 8000)], None)
    800
    """
    if seconds is None:
        return max(sound.bytes // (2 * sound.channels) for sound in sounds)
    rate = sounds[0].rate
    if not 1 <= seconds * rate < math.inf:
        raise ValueError(
            f"`seconds` must be greater than 0 and hold a sample, at {rate} samples a second. "
            f"Received: seconds={seconds}."
        )
    return round(seconds * rate)


def waveform(content: tf.Tensor, place: tf.Tensor, samples: int) -> tf.Tensor:
    """Returns a waveform in the graph: float32 `[samples]` from -1 to 1, the mean of the channels.

    Args:
        content: The bytes of a file, a scalar string.
        place: `[3]`: the first three fields of the file's `SoundPlace`.
        samples: Length; a shorter waveform is followed by silence, a longer one is cut off.
    """
    start, count, channels = tf.unstack(place)
    sound = tf.strings.substr(content, start, tf.minimum(count, 2 * channels * samples))
    values = tf.reshape(tf.io.decode_raw(sound, tf.int16), (-1, channels))
    found = tf.reduce_mean(tf.cast(values, tf.float32), axis=-1) / 32768
    return tf.pad(found, [[0, samples - tf.size(found)]])


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
