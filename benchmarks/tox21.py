"""Tox21: twelve assays with missing labels on one shared network, against separate regressions.

    python benchmarks/tox21.py --data-dir DIRECTORY [--splits 5]

DIRECTORY holds `tox21.csv.gz` of MoleculeNet: SMILES strings and twelve columns of 0, 1 or nothing;
17 % of the labels are missing. Molecules are described by counts of the n-grams of their SMILES
strings. Every split draws 10 % of the molecules for validation and 10 % for testing; rows of equal
SMILES stay together. The validation rows choose the epoch of the network and, for each assay, the
strength of the regression. Printed is the mean over the assays of the area under the ROC curve on
the test rows. The bar is 0.815, and more than the regressions.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupShuffleSplit

import tf_mtl as mtl

Labels = dict[str, np.ndarray]
BAR = 0.815


def read(directory: Path) -> tuple[np.ndarray, Labels]:
    """Returns the SMILES strings and `{assay: labels}`, NaN where a label is missing."""
    table = pd.read_csv(directory / "tox21.csv.gz")
    assays = [name for name in table.columns if name not in ("mol_id", "smiles")]
    labels = {name.replace("-", "_"): table[name].to_numpy("float32") for name in assays}
    return table["smiles"].to_numpy(str), labels


def parts(smiles: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the row numbers for training, validation and test; equal strings stay together."""
    groups = np.unique(smiles, return_inverse=True)[1]
    rows = np.arange(len(smiles))
    halves = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    train, rest = next(halves.split(rows, groups=groups))
    halves = GroupShuffleSplit(1, test_size=0.5, random_state=seed)
    valid, test = next(halves.split(rest, groups=groups[rest]))
    return train, rest[valid], rest[test]


def features(smiles: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Returns log(1 + count) of the n-grams that occur in the training rows."""
    counter = CountVectorizer(
        analyzer="char", ngram_range=(1, 4), lowercase=False, min_df=5, max_features=4096
    )
    counter.fit(smiles[train])
    return np.log1p(counter.transform(smiles).toarray().astype("float32"))


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve over the rows that have a label."""
    labelled = ~np.isnan(labels)
    return float(roc_auc_score(labels[labelled], scores[labelled]))


def network(assays: list[str], size: int, seed: int) -> mtl.MultiTaskModel:
    """One network with a head for each assay; dropping inputs keeps it from single n-grams."""
    keras.utils.set_random_seed(seed)
    trunk = keras.Sequential(
        [
            keras.layers.Dropout(0.3),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.5),
        ],
        name="shared",
    )
    model = mtl.build_model(
        keras.Input((size,), name="ngrams"),
        trunk,
        {assay: mtl.heads.BinaryClassification() for assay in assays},
    )
    model.compile(keras.optimizers.AdamW(3e-4, weight_decay=1e-2), metrics=None)
    return model


def shared(x: np.ndarray, y: Labels, rows: tuple[np.ndarray, ...], seed: int, epochs: int) -> float:
    """Trains the network and returns the mean test score of the epoch that validates best."""
    train, valid, test = rows
    # Of about equal size; the 0.1 keeps n-grams that hardly ever occur from being the largest.
    x = (x - x[train].mean(axis=0)) / (x[train].std(axis=0) + 0.1)
    model = network(list(y), x.shape[1], seed)
    labels = {task: values[train] for task, values in y.items()}

    def score(part: np.ndarray) -> float:
        outputs = model.predict(x[part], batch_size=1024, verbose=0)
        return statistics.mean(auc(y[task][part], outputs[task][:, 0]) for task in y)

    best = (0.0, 0.0)
    for _ in range(epochs):
        model.fit(x[train], labels, batch_size=128, verbose=0)
        best = max(best, (score(valid), score(test)))
    return best[1]


def separate(x: np.ndarray, y: Labels, rows: tuple[np.ndarray, ...]) -> float:
    """Trains a logistic regression for each assay on its labelled rows; the mean test score."""
    train, valid, test = rows
    found = []
    for labels in y.values():
        labelled = train[~np.isnan(labels[train])]
        best = (0.0, 0.0)
        for strength in (0.003, 0.03, 0.3):
            regression = LogisticRegression(C=strength, solver="liblinear")
            regression.fit(x[labelled], labels[labelled])
            scores = [
                auc(labels[part], regression.decision_function(x[part])) for part in (valid, test)
            ]
            best = max(best, (scores[0], scores[1]))
        found.append(best[1])
    return statistics.mean(found)


def main() -> None:
    """Prints a line for each split, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    smiles, y = read(arguments.data_dir)
    print(f"{'split':>5}{'shared network':>16}{'regressions':>13}{'s':>6}")
    results = []
    for seed in range(arguments.splits):
        start = time.monotonic()
        rows = parts(smiles, seed)
        x = features(smiles, rows[0])
        results.append((shared(x, y, rows, seed, arguments.epochs), separate(x, y, rows)))
        seconds = time.monotonic() - start
        print(f"{seed:>5}{results[-1][0]:16.4f}{results[-1][1]:13.4f}{seconds:6.0f}", flush=True)
    means = [statistics.mean(column) for column in zip(*results, strict=True)]
    print(f"{'mean':>5}{means[0]:16.4f}{means[1]:13.4f}")
    print(f"{'bar':>5}{BAR:16.4f}")


if __name__ == "__main__":
    main()
