"""Spam and sentiment, learned from different texts: one network through `mix` against two.

    python benchmarks/text_tasks.py --data-dir ../shared/data/text_spam_sentiment_topic

The folder holds SMSSpamCollection and the `*_labelled.txt` files of Kotzias et al. (UCI). No text
has both labels. The shared network has one table of word vectors, and layers of each task's own on
top; a single-task network is the same with one task. The recipe is the same: every step takes the
same number of rows of each of the network's tasks, so that both kinds see a task's rows equally
often, and the learning rate falls to zero. The seed draws the split (70, 10 and 20 %, equal texts
kept together), the weights and the order. The settings were chosen with `--part valid`. The bar:
both tasks at or above their single-task networks, as a mean over the seeds.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tf_mtl import build_model, data, heads, trunks

SENTIMENT = ("amazon_cells_labelled.txt", "imdb_labelled.txt", "yelp_labelled.txt")
ROWS_OF_A_TASK = 32
WORDS_OF_A_TEXT = 64  # and pairs of words, behind the words
Texts = tuple[np.ndarray, np.ndarray]
Parts = dict[str, tuple[Texts, Texts, Texts]]


def read(folder: pathlib.Path) -> dict[str, Texts]:
    """Returns texts and labels of both tasks."""
    messages = (folder / "SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    spam = [line.split("\t", 1) for line in messages]
    sentences = [
        line.rsplit("\t", 1)
        for name in SENTIMENT
        for line in (folder / name).read_text(encoding="utf-8").split("\n")
        if line.strip()
    ]
    return {
        "spam": _arrays([(text, label == "spam") for label, text in spam]),
        "sentiment": _arrays([(text, label.strip() == "1") for text, label in sentences]),
    }


def _arrays(rows: list[tuple[str, bool]]) -> Texts:
    texts, labels = zip(*rows, strict=True)
    return np.array(texts, object), np.array(labels, "int32")


def split(texts: Texts, seed: int) -> tuple[Texts, Texts, Texts]:
    """Returns training, validation and test rows; equal texts are on one side."""
    groups = np.unique(texts[0].astype(str), return_inverse=True)[1]
    train, valid, test = data.split(len(groups), (0.7, 0.1, 0.2), seed=seed, groups=groups)
    return tuple((texts[0][rows], texts[1][rows]) for rows in (train, valid, test))


def network(tasks: list[str], words: keras.layers.TextVectorization, args: Any) -> keras.Model:
    """The mean of shared vectors of words and pairs of words; layers of each task's own on top."""
    inputs = keras.Input((WORDS_OF_A_TEXT,), dtype="int32", name="text")
    vectors = keras.layers.Embedding(words.vocabulary_size(), args.units, name="words")(inputs)
    features = keras.layers.GlobalAveragePooling1D(name="mean_of_words")(vectors)
    # Vectors of words start small, and the mean of many is smaller still.
    features = keras.layers.LayerNormalization(epsilon=1e-6, name="scale")(features)
    features = keras.layers.Dropout(args.dropout, name="dropout")(features)
    trunk = trunks.HardSharing(keras.layers.Identity(name="shared"), towers=[args.units])
    return build_model(features, trunk, {task: heads.BinaryClassification() for task in tasks})


def accuracies(parts: Parts, seed: int, args: Any) -> dict[str, float]:
    """Trains one network for the tasks and returns the accuracy of each on the judged rows."""
    keras.utils.set_random_seed(seed)
    tasks = list(parts)
    words = keras.layers.TextVectorization(
        args.vocabulary, output_sequence_length=WORDS_OF_A_TEXT, ngrams=2
    )
    words.adapt(np.concatenate([train[0] for train, _, _ in parts.values()]))
    model = network(tasks, words, args)
    rate = keras.optimizers.schedules.CosineDecay(args.learning_rate, args.epochs * args.steps)
    model.compile(keras.optimizers.Adam(rate))
    train, judged = (
        {task: _dataset(words, *parts[task][place]) for task in tasks}
        for place in (0, ("valid", "test").index(args.part) + 1)
    )
    quota = dict.fromkeys(tasks, ROWS_OF_A_TASK)
    model.fit(
        data.mix(train, batch=quota, seed=seed, steps_per_epoch=args.steps),
        epochs=args.epochs,
        verbose=0,
    )
    logs = model.evaluate(data.mix(judged, batch=512, shuffle=0), verbose=0, return_dict=True)
    # Keras leaves out the name of an only output.
    return {task: logs[f"{task}_accuracy" if len(tasks) > 1 else "accuracy"] for task in tasks}


def _dataset(words: keras.layers.TextVectorization, texts: Any, labels: Any) -> tf.data.Dataset:
    """Returns rows of the numbers of a text's words and its label."""
    return tf.data.Dataset.from_tensor_slices((tf.cast(words(texts), tf.int32), labels))


def main() -> None:
    """Prints the accuracies of each seed, and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("--part", choices=["valid", "test"], default="test")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--vocabulary", type=int, default=20_000)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    args = parser.parse_args()
    rows = read(args.data_dir)
    print(f"{'seed':>5}" + "".join(f"{f'{t} {k}':>18}" for t in rows for k in ("single", "shared")))
    table = []
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        parts = {task: split(texts, seed) for task, texts in rows.items()}
        shared = accuracies(parts, seed, args)
        row = []
        for task in rows:
            row += [accuracies({task: parts[task]}, seed, args)[task], shared[task]]
        table.append(row)
        print(f"{seed:>5}" + "".join(f"{value:18.4f}" for value in row), flush=True)
    means = [statistics.mean(column) for column in zip(*table, strict=True)]
    print(f"{'mean':>5}" + "".join(f"{value:18.4f}" for value in means))


if __name__ == "__main__":
    main()
