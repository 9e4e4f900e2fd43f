"""Embedded data sets: small tables that come with scikit-learn, each with several tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..splits import Splits
from ..tables.table import from_dataframe

_FRACTIONS = (0.7, 0.15, 0.15)


def load_breast_cancer(
    batch_size: int = 64, seed: int = 0, fractions: Sequence[float] = _FRACTIONS
) -> Splits:
    """Loads 569 tumours with two tasks: diagnosis, and the radius of the cells' nuclei.

    Tasks: `diagnosis` (binary: benign or malignant; 212 are malignant) and `radius` (regression:
    mean distance from the centre to the perimeter of a nucleus, in the image's units). Inputs: 21
    numbers on texture, smoothness and shape. The nine columns on radius, perimeter and area are no
    inputs, since each tells the radius almost exactly. Size is one of the best signs of the
    diagnosis, so that the tasks are related.

    Args:
        batch_size: rows in a batch.
        seed: split, and order of the training rows.
        fractions: share of training, validation and test, stratified by diagnosis.

    Source: W. Wolberg, O. Mangasarian, N. Street, W. Street (1995), Breast Cancer Wisconsin
    (Diagnostic), UCI.

    >>> splits = load_breast_cancer()
    >>> {task: target.kind for task, target in splits.targets.items()}, len(splits.inputs)
    ({'diagnosis': 'binary', 'radius': 'regression'}, 21)
    """
    frame, classes = _table("breast_cancer")
    sizes = [
        column
        for column in frame.columns
        if any(size in column for size in ("radius", "perimeter", "area"))
    ]
    frame["diagnosis"] = classes
    return from_dataframe(
        frame,
        {
            "diagnosis": {"column": "diagnosis", "positive": "malignant"},
            "radius": {"column": "mean radius", "kind": "regression"},
        },
        ignore=[column for column in sizes if column != "mean radius"],
        batch_size=batch_size,
        seed=seed,
        fractions=fractions,
    )


def load_diabetes(
    batch_size: int = 64, seed: int = 0, fractions: Sequence[float] = _FRACTIONS
) -> Splits:
    """Loads 442 patients with two tasks: progression of diabetes after a year, and sex.

    Tasks: `progression` (regression: a quantitative measure from 25 to 346) and `sex` (binary; the
    source has the codes 1 and 2 and does not say which is which). Inputs: age in years, body
    mass index, blood pressure and six blood serum measurements, in their own units. Progression is
    noisy: linear regression explains about half of its variance, so that quantiles say more than
    a number, `heads={"progression": tf_mtl.heads.Quantile(...)}`.

    Args:
        batch_size: rows in a batch.
        seed: split, and order of the training rows.
        fractions: share of training, validation and test, stratified by sex.

    Source: B. Efron, T. Hastie, I. Johnstone, R. Tibshirani (2004), Least angle regression, Annals
    of Statistics 32.

    >>> splits = load_diabetes()
    >>> {task: target.kind for task, target in splits.targets.items()}, len(splits.inputs)
    ({'progression': 'regression', 'sex': 'binary'}, 9)
    """
    frame, progression = _table("diabetes", scaled=False)
    frame["progression"] = progression
    frame["sex"] = [str(int(code)) for code in frame["sex"]]
    return from_dataframe(
        frame,
        {"progression": "regression", "sex": "binary"},
        batch_size=batch_size,
        seed=seed,
        fractions=fractions,
    )


def load_wine(
    batch_size: int = 64, seed: int = 0, fractions: Sequence[float] = _FRACTIONS
) -> Splits:
    """Loads 178 wines with two tasks: their cultivar, and how much proline they hold.

    Tasks: `cultivar` (3 classes) and `proline` (regression: an amino acid, from 278 to 1680
    mg/l). Inputs: the other twelve measurements of the chemical analysis. The cultivars differ in
    proline, so that the tasks are related. Almost any model tells the cultivars apart.

    Args:
        batch_size: rows in a batch.
        seed: split, and order of the training rows.
        fractions: share of training, validation and test, stratified by cultivar.

    Source: S. Aeberhard, M. Forina (1992), Wine, UCI.

    >>> splits = load_wine()
    >>> {task: target.kind for task, target in splits.targets.items()}, len(splits.inputs)
    ({'cultivar': 'classification', 'proline': 'regression'}, 12)
    """
    frame, cultivar = _table("wine")
    frame["cultivar"] = cultivar
    return from_dataframe(
        frame,
        {"cultivar": "classification", "proline": "regression"},
        batch_size=batch_size,
        seed=seed,
        fractions=fractions,
    )


def load_linnerud(
    batch_size: int = 64, seed: int = 0, fractions: Sequence[float] = (0.6, 0.2, 0.2)
) -> Splits:
    """Loads 20 men of a fitness club with three tasks: weight, waist and pulse from exercises.

    Tasks: `weight` (pounds), `waist` (inches) and `pulse` (beats a minute), all regressions.
    Inputs: how many chins, sit-ups and jumps each man did. With 12 rows to train on and 4 to test
    on it shows how programs work and not how well: results differ from seed to seed by more than
    between methods.

    Args:
        batch_size: rows in a batch.
        seed: split, and order of the training rows.
        fractions: share of training, validation and test.

    Source: M. Tenenhaus (1998), La régression PLS; data of A. Linnerud.

    >>> splits = load_linnerud()
    >>> splits.sizes, sorted(splits.targets)
    ({'train': 12, 'valid': 4, 'test': 4}, ['pulse', 'waist', 'weight'])
    """
    frame, physiology = _table("linnerud")
    tasks = {column.lower(): column for column in physiology.columns}
    return from_dataframe(
        frame.join(physiology),
        {task: {"column": column, "kind": "regression"} for task, column in tasks.items()},
        batch_size=batch_size,
        seed=seed,
        fractions=fractions,
    )


def _table(name: str, **options: Any) -> tuple[Any, Any]:
    """Returns inputs and labels as scikit-learn has them, classes by their names."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")(as_frame=True, **options)
    labels = bunch.target
    if hasattr(bunch, "target_names") and labels.ndim == 1:
        labels = [str(bunch.target_names[number]) for number in labels]
    return bunch.data, labels
