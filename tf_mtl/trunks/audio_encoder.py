"""Waveforms to features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .arguments import check_dropout, widths
from .body import Body


@keras.saving.register_keras_serializable(package="tf_mtl")
class AudioEncoder(Body):
    """Waveforms to features `[B, units]` by convolutions over a log-mel spectrogram.

    The spectrogram is computed in the model, so that a server takes waveforms. Its loudness is in
    decibels, normalised for each band by batch normalisation. Each stage is a convolution (3 × 3),
    batch normalisation, ReLU and max pooling by 2; then mean and maximum over time and bands
    go through a dense layer. Where the input's length is None, waveforms may have any length: what
    is not longer than half a Fourier transform (256 samples unless told otherwise) is followed by
    silence, as Keras' spectrogram takes nothing shorter.

    `keras.layers.MelSpectrogram` cuts off what lies `top_db` below the loudest sound of the whole
    batch, which would make a row's features depend on the others. Here nothing is cut off so.

    Reference: Hershey et al., CNN Architectures for Large-Scale Audio Classification, 2017.

    Args:
        sampling_rate: Samples in a second of the waveforms.
        filters: Filters of each stage, at least one.
        units: Features of a waveform.
        num_mel_bins: Bands of the spectrogram.
        frame: Length of its windows in seconds; a new one begins after two fifths of it.
        dropout: Share of features dropped before and behind the dense layer.

    Raises:
        ValueError: If an argument is outside its range, or the input is no waveform.

    >>> AudioEncoder(8000, filters=[4, 8], units=16)(keras.Input((4000,))).shape
    (None, 16)
    """

    def __init__(
        self,
        sampling_rate: int = 16000,
        filters: Sequence[int] = (16, 32, 64, 128),
        units: int = 128,
        num_mel_bins: int = 40,
        frame: float = 0.025,
        dropout: float = 0.3,
    ) -> None:
        if isinstance(sampling_rate, Sequence):
            raise ValueError(
                "`sampling_rate` must be a number of samples a second, and the filters come behind "
                f"it: AudioEncoder(16000, [16, 32]). Received: sampling_rate={sampling_rate!r}."
            )
        filters = widths(filters, "filters")
        if num_mel_bins < 2 ** len(filters):
            raise ValueError(
                f"`num_mel_bins` must be at least {2 ** len(filters)} for {len(filters)} stages, "
                f"each of which halves the bands. Received: num_mel_bins={num_mel_bins}."
            )
        if round(frame * sampling_rate) < 16:
            raise ValueError(
                "A window must hold at least 16 samples. Received: "
                f"frame={frame} seconds, sampling_rate={sampling_rate} a second."
            )
        self.sampling_rate = sampling_rate
        self.filters = filters
        self.units = check_whole(units, "units")
        self.num_mel_bins = num_mel_bins
        self.frame = frame
        self.dropout = check_dropout(dropout)

    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns features `[B, units]` of waveforms `[B, samples]`.

        Args:
            inputs: Keras tensor.
            name: Prefix of the layers' names.
        """
        name = name or "audio"
        if not isinstance(inputs, keras.KerasTensor) or len(inputs.shape) != 2:
            shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), inputs)
            raise ValueError(
                f"AudioEncoder expects waveforms [B, samples]. Received the shape {shapes}."
            )
        mirrored = self._fft_length // 2
        if inputs.shape[1] is None:
            inputs = SilenceBehind(mirrored + 1, name=f"{name}_silence", dtype="float32")(inputs)
        elif inputs.shape[1] <= mirrored:
            raise ValueError(
                f"AudioEncoder expects waveforms of more than {mirrored} samples, half a Fourier "
                f"transform. Received {inputs.shape[1]}. Pad them, or give a shorter `frame`."
            )
        features = self._spectrogram(inputs, name)
        for i, number in enumerate(self.filters):
            features = keras.layers.Conv2D(
                number, 3, padding="same", use_bias=False, name=f"{name}_convolution_{i}"
            )(features)
            features = keras.layers.BatchNormalization(
                momentum=0.9, name=f"{name}_normalization_{i}"
            )(features)
            features = keras.layers.Activation("relu", name=f"{name}_activation_{i}")(features)
            features = keras.layers.MaxPooling2D(padding="same", name=f"{name}_pooling_{i}")(
                features
            )
        features = keras.layers.Concatenate(name=f"{name}_mean_and_maximum")(
            [
                keras.layers.GlobalAveragePooling2D(name=f"{name}_mean")(features),
                keras.layers.GlobalMaxPooling2D(name=f"{name}_maximum")(features),
            ]
        )
        features = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(features)
        features = keras.layers.Dense(self.units, "relu", name=f"{name}_dense")(features)
        return keras.layers.Dropout(self.dropout, name=f"{name}_dropout_of_features")(features)

    @property
    def _window(self) -> int:
        return round(self.frame * self.sampling_rate)

    @property
    def _fft_length(self) -> int:
        return 2 ** (self._window - 1).bit_length()

    def _spectrogram(self, waveforms: Any, name: str) -> Any:
        """Returns normalised decibels `[B, frames, bands, 1]`."""
        window = self._window
        # float32 also under mixed precision: in bfloat16 waveforms have 8 bits, and the noise of
        # rounding is louder than what is soft beside a loud sound.
        decibels = keras.layers.MelSpectrogram(
            fft_length=self._fft_length,
            sequence_length=window,
            sequence_stride=max(1, round(0.4 * window)),
            sampling_rate=self.sampling_rate,
            num_mel_bins=self.num_mel_bins,
            min_freq=min(60.0, self.sampling_rate / 16),
            top_db=1e6,  # it counts from the loudest sound of the whole batch
            name=f"{name}_spectrogram",
            dtype="float32",
        )(waveforms)
        frames = keras.layers.Permute((2, 1), name=f"{name}_frames", dtype="float32")(decibels)
        frames = keras.layers.BatchNormalization(
            momentum=0.9, name=f"{name}_bands", dtype="float32"
        )(frames)
        return keras.layers.Reshape((-1, self.num_mel_bins, 1), name=f"{name}_image")(frames)


@keras.saving.register_keras_serializable(package="tf_mtl")
class SilenceBehind(keras.layers.Layer):
    """Zeros behind waveforms that are shorter than a spectrogram needs.

    Args:
        samples: Length of the waveforms then, at least.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        waveforms: `[B, samples]`.

    Returns:
        `[B, samples]`.
    """

    def __init__(self, samples: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.samples = samples

    def call(self, waveforms: Any) -> Any:
        """Returns the longer waveforms."""
        missing = keras.ops.maximum(self.samples - keras.ops.shape(waveforms)[1], 0)
        return keras.ops.pad(waveforms, [[0, 0], [0, missing]])

    def compute_output_shape(self, waveforms_shape: tuple[int | None, ...]) -> Any:
        """Rows of a length that the waveforms tell."""
        return (waveforms_shape[0], None)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "samples": self.samples}
