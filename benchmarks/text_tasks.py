"""Spam and sentiment, learned from different texts: one network through `mix` against two.

    python benchmarks/text_tasks.py --data-dir ../shared/data/text_spam_sentiment_topic [--seeds 5]

The folder holds SMSSpamCollection and the `*_labelled.txt` files of Kotzias et al. (UCI). No text
has both labels. The shared network and the single-task networks have the same layers, see the same
rows of their tasks equally often and are judged after the last epoch on test rows (a fifth, equal
texts kept together). The bar: both tasks at or above their single-task networks, as a mean over the
seeds.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tf_mtl import build_model, data, heads

SENTIMENT = ("amazon_cells_labelled.txt", "imdb_labelled.txt", "yelp_labelled.txt")
Texts = tuple[np.ndarray, np.ndarray]


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


def parts(texts: Texts, seed: int) -> tuple[Texts, Texts]:
    """Returns training and test rows; equal texts are on one side."""
    groups = np.unique(texts[0].astype(str), return_inverse=True)[1]
    train, valid, test = data.split(len(groups), (0.7, 0.1, 0.2), seed=seed, groups=groups)
    train = np.concatenate([train, valid])
    return (texts[0][train], texts[1][train]), (texts[0][test], texts[1][test])


def network(tasks: list[str], words: keras.layers.TextVectorization, units: int) -> keras.Model:
    """Mean of word vectors, a hidden layer, and a head for each task."""
    inputs = keras.Input((), dtype="string", name="text")
    vectors = keras.layers.Embedding(words.vocabulary_size(), units, name="words")(words(inputs))
    features = keras.layers.GlobalAveragePooling1D()(vectors)
    features = keras.layers.Dropout(0.3)(features)
    trunk = keras.Sequential([keras.layers.Dense(units, activation="relu")], name="shared")
    return build_model(
        inputs, lambda _: trunk(features), {task: heads.BinaryClassification() for task in tasks}
    )


def accuracies(
    train: dict[str, Texts], test: dict[str, Texts], seed: int, epochs: int
) -> dict[str, float]:
    """Trains one network for the tasks and returns the accuracy of each on its test rows."""
    keras.utils.set_random_seed(seed)
    words = keras.layers.TextVectorization(10_000, output_sequence_length=64, ngrams=2)
    words.adapt(np.concatenate([texts for texts, _ in train.values()]))
    model = network(list(train), words, units=64)
    model.compile(keras.optimizers.Adam(2e-3))
    mixed = data.mix(
        {task: tf.data.Dataset.from_tensor_slices(rows) for task, rows in train.items()},
        batch=data.OneTask(32),
        seed=seed,
    )
    model.fit(mixed, epochs=epochs, verbose=0)
    found = {}
    for task, (texts, labels) in test.items():
        logs = model.evaluate(
            tf.constant(texts), {task: labels}, batch_size=512, verbose=0, return_dict=True
        )
        # Keras leaves out the name of an only output.
        found[task] = logs[f"{task}_accuracy" if len(test) > 1 else "accuracy"]
    return found


def main() -> None:
    """Prints the test accuracies of each seed, and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    rows = read(arguments.data_dir)
    print(f"{'seed':>5}" + "".join(f"{f'{t} {k}':>18}" for t in rows for k in ("single", "shared")))
    table = []
    for seed in range(arguments.seeds):
        split = {task: parts(texts, seed) for task, texts in rows.items()}
        train = {task: pair[0] for task, pair in split.items()}
        test = {task: pair[1] for task, pair in split.items()}
        shared = accuracies(train, test, seed, arguments.epochs)
        row = []
        for task in rows:
            one = accuracies({task: train[task]}, {task: test[task]}, seed, arguments.epochs)
            row += [one[task], shared[task]]
        table.append(row)
        print(f"{seed:>5}" + "".join(f"{value:18.4f}" for value in row), flush=True)
    means = [statistics.mean(column) for column in zip(*table, strict=True)]
    print(f"{'mean':>5}" + "".join(f"{value:18.4f}" for value in means))


if __name__ == "__main__":
    main()
