"""Intents and slots of Snips from raw words: `python benchmarks/snips.py --data-dir FOLDER`.

The folder holds `train`, `dev` and `test`, each with `seq.in`, `seq.out` and `label` (Goo et al.,
Slot-Gated Modeling for Joint Slot Filling and Intent Prediction, 2018). Nothing is pretrained. The
settings were chosen on `dev`.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import tf_mtl as mtl

BARS = {"intent_accuracy": 0.98, "slots_span_f1": 0.90}


def read(folder: Path) -> tuple[np.ndarray, list[list[str]], np.ndarray]:
    """Returns texts, tags of each text, and intents."""
    texts, tags, intents = (
        [line.strip() for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("seq.in", "seq.out", "label")
    )
    return np.array(texts), [line.split() for line in tags], np.array(intents)


def batches(
    texts: np.ndarray, tags: list[list[str]], intents: np.ndarray, batch_size: int, seed: int | None
) -> tf.data.Dataset:
    """Returns batches of `(text, {task: names})`; tags are padded with ""."""
    ragged = tf.ragged.constant(tags)
    data = tf.data.Dataset.from_tensor_slices((texts, {"intent": intents, "slots": ragged}))
    if seed is not None:
        data = data.shuffle(len(texts), seed)
    data = data.batch(batch_size)
    return data.map(
        lambda x, y: (x, {"intent": y["intent"], "slots": y["slots"].to_tensor("")})
    ).prefetch(2)


def network(texts: np.ndarray, tags: list[list[str]], intents: np.ndarray) -> mtl.MultiTaskModel:
    """Returns an untrained model."""
    names = ["O", *sorted({tag for row in tags for tag in row} - {"O"})]
    return mtl.build_model(
        keras.Input((), dtype="string", name="text"),
        mtl.trunks.WideAndDeep(
            mtl.trunks.TextEncoder.for_texts(
                texts, units=[160, 256], dropout=0.4, unknown_rate=0.2
            ),
            wide={"intent": mtl.trunks.PhraseEncoder.for_texts(texts)},
        ),
        {
            "intent": mtl.heads.Classification(class_names=sorted(set(intents))),
            "slots": mtl.heads.TokenTagging(class_names=names, transitions=True),
        },
    )


def main(data_dir: str, epochs: int, batch_size: int, seed: int) -> None:
    """Trains on `train`, and prints the results on `dev` and `test`."""
    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    parts = {name: read(Path(data_dir) / name) for name in ("train", "dev", "test")}
    data = {
        name: batches(*part, batch_size, seed if name == "train" else None)
        for name, part in parts.items()
    }
    model = network(*parts["train"])
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, epochs * len(data["train"]), warmup_target=3e-3, warmup_steps=len(data["train"])
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=1e-4, clipnorm=1.0, use_ema=True, ema_momentum=0.997
    )
    model.compile(optimizer)
    model.fit(data["train"], validation_data=data["dev"], epochs=epochs, verbose=2)
    seconds, processor = time.monotonic() - start, time.process_time()
    print(f"{'split':>6} {'intent acc.':>12} {'slot F1':>9} {'s':>7} {'CPU s':>7}")
    for name in ("dev", "test"):
        logs = model.evaluate(data[name], verbose=0, return_dict=True)
        print(
            f"{name:>6} " + f"{logs['intent_accuracy']:12.4f} {logs['slots_span_f1']:9.4f}", end=""
        )
        print(f" {seconds:7.0f} {processor:7.0f}")
    print(f"{'bar':>6} " + f"{BARS['intent_accuracy']:12.4f} {BARS['slots_span_f1']:9.4f} {600:7}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
