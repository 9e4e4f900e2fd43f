"""WAV files: where the samples lie and what form they have, reading and writing them."""

from __future__ import annotations

import math
import os
import struct
import wave
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tensorflow as tf

_WHOLE, _FLOAT = 1, 3
_EXTENSIBLE = 0xFFFE  # the format stands further behind
_UNKNOWN = 0xFFFFFFFF  # written by a program that did not know the length


class SampleForm(NamedTuple):
    """How a sample is written, little-endian.

    Attributes:
        code: What WAV files call it: 1 for whole numbers, 3 for floats.
        bits: Bits of a sample.
        read: Called with bytes in the graph; returns the samples, float32.
    """

    code: int
    bits: int
    read: Callable[[tf.Tensor], tf.Tensor]


class SoundPlace(NamedTuple):
    """Where the samples lie in a file, those of all channels in turn.

    Attributes:
        start: Bytes in front of them.
        bytes: Bytes they take, whole samples only.
        channels: Samples at a time.
        form: Number of their form in `FORMS`.
        rate: Samples in a second.
    """

    start: int
    bytes: int
    channels: int
    form: int
    rate: int

    @property
    def samples(self) -> int:
        """Number of samples of each channel."""
        return self.bytes // (FORMS[self.form].bits // 8 * self.channels)


def _numbers(dtype: Any, full: float) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda sound: tf.cast(tf.io.decode_raw(sound, dtype), tf.float32) / full


def _bytes(sound: tf.Tensor) -> tf.Tensor:
    """Whole numbers of 8 bit have no sign in WAV files; 128 is silence."""
    return (_numbers(tf.uint8, 1.0)(sound) - 128) / 128


def _three_bytes(sound: tf.Tensor) -> tf.Tensor:
    low, middle, high = tf.unstack(tf.reshape(tf.io.decode_raw(sound, tf.uint8), (-1, 3)), axis=1)
    upper = 256 * tf.cast(tf.bitcast(high, tf.int8), tf.int32) + tf.cast(middle, tf.int32)
    return tf.cast(256 * upper + tf.cast(low, tf.int32), tf.float32) / 2**23


FORMS = (
    SampleForm(_WHOLE, 8, _bytes),
    SampleForm(_WHOLE, 16, _numbers(tf.int16, 2.0**15)),
    SampleForm(_WHOLE, 24, _three_bytes),
    SampleForm(_WHOLE, 32, _numbers(tf.int32, 2.0**31)),
    SampleForm(_FLOAT, 32, _numbers(tf.float32, 1.0)),
    SampleForm(_FLOAT, 64, _numbers(tf.float64, 1.0)),
)


def sound_place(file: BinaryIO, what: str) -> SoundPlace:
    """Reads a header as far as it tells where the samples lie, and looks at those that are floats.

    TensorFlow's decoder and Python's `wave` stumble each over some of the headers in use, and a
    file that is cut off is not noticed before it is decoded.

    Args:
        file: The file, opened at its beginning.
        what: Its name, for errors.

    Raises:
        ValueError: If the samples have none of the `FORMS` or are no numbers, or the file is
            damaged or cut off, or holds no sound.
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
    places = {(each.code, each.bits): place for place, each in enumerate(FORMS)}
    width = bits // 8 * channels
    problem = None
    if not is_wave:
        problem = (
            "cannot be read as WAV: it does not begin as one. Convert other formats, such as MP3 "
            "and FLAC, to WAV"
        )
    elif there < 0 or not channels or not rate:
        problem = "cannot be read as WAV: its header is cut off or damaged. Remove or replace it"
    elif (code, bits) not in places:
        problem = (
            f"has samples of {bits} bit in the format {code}. Convert them to whole numbers (PCM, "
            "format 1) of 8, 16, 24 or 32 bit, or floats (format 3) of 32 or 64 bit"
        )
    elif declared > there:
        problem = f"is cut off: it holds {there} of {declared} bytes of sound. Copy it again"
    elif declared < width:
        problem = "holds no sound. Remove it"
    elif code == _FLOAT:
        file.seek(start)
        floats = np.frombuffer(file.read(declared - declared % width), f"<f{bits // 8}")
        bad = np.flatnonzero(~(np.abs(floats) <= np.finfo("float32").max))  # NaN is not either
        if len(bad):
            problem = (
                f"holds {floats[bad[0]]} as sample {bad[0] // channels + 1}, which is no number of "
                f"float32 ({len(bad)} in all). Remove the file or write it again"
            )
    if problem:
        raise ValueError(f"{what} {problem}.")
    return SoundPlace(start, declared - declared % width, channels, places[code, bits], rate)


def samples_of(sounds: Sequence[SoundPlace], seconds: float | None, rate: int) -> int:
    """Returns the length that all waveforms get.

    Args:
        sounds: The sounds.
        seconds: The length; None for that of the longest.
        rate: Samples in a second of the waveforms.

    Raises:
        ValueError: If it holds no sample.

    >>> samples_of([SoundPlace(44, 1600, 1, 1, 8000), SoundPlace(44, 1600, 2, 1, 8000)], None, 8000)
    800
    """
    if seconds is None:
        return max(-(-sound.samples * rate // sound.rate) for sound in sounds)
    if not 1 <= seconds * rate < math.inf:
        raise ValueError(
            f"`seconds` must be greater than 0 and hold a sample, at {rate} samples a second. "
            f"Received: seconds={seconds}."
        )
    return round(seconds * rate)


def waveform(content: tf.Tensor, place: tf.Tensor, samples: int, rate: int) -> tf.Tensor:
    """Returns a waveform in the graph: float32 `[samples]`, the mean of the channels.

    Whole numbers are from -1 to 1 then; floats stay as they are. What has another sampling rate is
    resampled by SciPy, in Python.

    Args:
        content: The bytes of a file, a scalar string.
        place: `[5]`: the file's `SoundPlace`.
        samples: Length; a shorter waveform is followed by silence, a longer one is cut off.
        rate: Samples in a second of the waveform.
    """
    start, count, channels, form, own_rate = tf.unstack(place)
    # As long as the filter of `resample_poly` reaches, which is 10 samples of the lower rate.
    needed = (samples + 10) * own_rate // rate + 10
    width = tf.gather(tf.constant([each.bits // 8 for each in FORMS], place.dtype), form)
    sound = tf.strings.substr(content, start, tf.minimum(count, width * channels * needed))
    ways = [partial(each.read, sound) for each in FORMS]
    values = tf.reshape(tf.switch_case(tf.cast(form, tf.int32), ways), (-1, channels))
    found = tf.reduce_mean(values, axis=-1)

    def resampled() -> tf.Tensor:
        return tf.numpy_function(_resampled, [found, own_rate, rate], tf.float32, stateful=False)

    found = tf.cond(own_rate == rate, lambda: found, resampled)[:samples]
    return tf.ensure_shape(tf.pad(found, [[0, samples - tf.size(found)]]), (samples,))


def _resampled(values: np.ndarray, own_rate: np.int64, rate: np.int64) -> np.ndarray:
    from scipy.signal import resample_poly

    return resample_poly(values, int(rate), int(own_rate)).astype("float32")


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
