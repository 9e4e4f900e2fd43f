"""WAV files of 16 bit PCM: where the samples lie, reading and writing them."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any, NamedTuple

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


def sound_place(path: Path) -> SoundPlace:
    """Reads a header as far as it tells where the samples lie.

    TensorFlow's decoder and Python's `wave` stumble each over some of the headers in use, and a
    file that is cut off is not noticed before it is decoded.

    Raises:
        ValueError: If the file is not PCM of 16 bit, is damaged or cut off, or holds no sound.
    """
    form, start, declared, there = b"", 0, 0, -1
    with path.open("rb") as file:
        head = file.read(12)
        is_wave = head[:4] == b"RIFF" and head[8:] == b"WAVE"
        while is_wave and len(head := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", head)
            if name == b"data":
                start, declared = file.tell(), length
                there = path.stat().st_size - start
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
        problem = "cannot be read as WAV: it does not begin as one. Remove or replace it"
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
        raise ValueError(f"{path} {problem}.")
    return SoundPlace(start, declared - declared % (2 * channels), channels, rate)


def read_wav(path: tf.Tensor, place: tf.Tensor, samples: int) -> tf.Tensor:
    """Returns a waveform in the graph: float32 `[samples]` from -1 to 1, the mean of the channels.

    Args:
        path: Scalar string.
        place: `[3]`: the first three fields of the file's `SoundPlace`.
        samples: Length; a shorter waveform is followed by silence, a longer one is cut off.
    """
    start, count, channels = tf.unstack(place)
    content = tf.io.read_file(path)
    sound = tf.strings.substr(content, start, tf.minimum(count, 2 * channels * samples))
    values = tf.reshape(tf.io.decode_raw(sound, tf.int16), (-1, channels))
    waveform = tf.reduce_mean(tf.cast(values, tf.float32), axis=-1) / 32768
    return tf.pad(waveform, [[0, samples - tf.size(waveform)]])


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
