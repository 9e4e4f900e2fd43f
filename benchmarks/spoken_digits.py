"""Digit and speaker of spoken digits: `python benchmarks/spoken_digits.py --data-dir FOLDER`.

The folder holds the recordings of the free spoken digit data set, `7_jackson_0.wav` and so on, or
all of them in `fsdd.npz`. Recordings 0 to 4 of each speaker and digit are the official test split.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tf_mtl as mtl
from tf_mtl.data.media.wav_file import write_wav

BARS = {"digit": 0.95, "speaker": 0.97}
RATE = 8000


def unpack(archive: Path, folder: Path) -> None:
    """Writes the recordings in an NPZ file as WAV files, named as in the original data set."""
    with np.load(archive) as file:
        arrays = dict(file)
    ends = np.cumsum(arrays["lengths"])
    for row, samples in enumerate(np.split(arrays["samples"], ends[:-1])):
        digit, speaker, index = (int(arrays[key][row]) for key in ("digit", "speaker", "index"))
        write_wav(folder / f"{digit}_{arrays['speakers'][speaker]}_{index}.wav", samples, RATE)


def main(data_dir: str, epochs: int, seed: int) -> None:
    """Trains on the training split, and prints the accuracies on the validation and test splits."""
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(data_dir) / "fsdd.npz"
        folder = Path(data_dir)
        if archive.is_file():
            folder = Path(temporary)
            unpack(archive, folder)
        start = time.monotonic()
        keras.utils.set_random_seed(seed)
        splits = mtl.data.from_audio_folder(
            folder,
            r"(?P<digit>\d)_(?P<speaker>\w+)_\d+\.wav",
            seconds=0.8,
            test_files=r"_[0-4]\.wav",
            fractions=(0.9, 0.05, 0.05),
            seed=seed,
        )
        model = mtl.build_model(
            splits.features,
            mtl.trunks.AudioEncoder(RATE),
            {
                task: mtl.heads.Classification(class_names=target.class_names)
                for task, target in splits.targets.items()
            },
        )
        rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(splits.train))
        model.compile(keras.optimizers.Adam(rate))
        model.fit(splits.train, validation_data=splits.valid, epochs=epochs, verbose=2)
        seconds = time.monotonic() - start
        print(f"{'split':>6} {'rows':>5} {'digit':>8} {'speaker':>8} {'s':>6}")
        for name in ("valid", "test"):
            logs = model.evaluate(getattr(splits, name), verbose=0, return_dict=True)
            shown = " ".join(f"{logs[f'{task}_accuracy']:8.4f}" for task in BARS)
            print(f"{name:>6} {splits.sizes[name]:>5} {shown} {seconds:6.0f}")
        print(f"{'bar':>6} {'':>5} " + " ".join(f"{bar:8.4f}" for bar in BARS.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
