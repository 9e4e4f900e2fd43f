"""Who is in the room, and is the light on: shared networks against single-task ones.

    python benchmarks/occupancy.py --data-dir ../shared/data

The folder holds two sets of the UCI repository, each in a folder of its own:
`room_occupancy_estimation` (Singh et al. 2018: number of persons, light, motion and temperature
from sound, carbon dioxide and temperatures of other places) and `occupancy` (Candanedo and
Feldheim 2016: occupancy, light, and carbon dioxide ten minutes later). The first is split by seed
with the rows of a quarter of an hour kept together, so that few test rows have a neighbour of half
a minute in training; the second has its own test files. A single-task network is the shared one
with one task, and sees the rows as often. In the smart home the heads see the inputs too: what is
in ten minutes is nearly linear in what is now. The settings were chosen with `--part valid`. The
bar: each task at or above its single-task network, as a mean over the seeds.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pandas as pd

import tf_mtl as mtl
from tf_mtl import data, heads, trunks
from tf_mtl.evaluation import per_task, single_task_baselines

QUARTER = "15min"
LATER = 10  # rows of a minute each


def room(folder: Path, seed: int) -> data.Splits:
    """Ten thousand half minutes of one room in seven days."""
    table = pd.read_csv(folder / "room_occupancy_estimation" / "Occupancy_Estimation.csv")
    when = pd.to_datetime(table["Date"] + " " + table["Time"])
    lights = table.filter(regex="Light$")
    table = table.assign(
        quarter=when.dt.floor(QUARTER).astype(str),
        light=(lights > 0).any(axis=1).astype(int),
        motion=table[["S6_PIR", "S7_PIR"]].max(axis=1),
    )
    targets = {
        "persons": {"column": "Room_Occupancy_Count", "kind": "classification"},
        "light": "binary",
        "motion": "binary",
        "temperature": {"column": "S1_Temp", "kind": "regression"},
    }
    ignore = ["Date", "Time", "S6_PIR", "S7_PIR", *lights]
    return data.from_dataframe(
        table, targets, groups="quarter", ignore=ignore, seed=seed, batch_size=128
    )


def smart_home(folder: Path, seed: int) -> data.Splits:
    """Minutes of an office in February; the test files are from other days."""
    tables = {
        name: pd.read_csv(folder / "occupancy" / f"{name}.txt", index_col=0, parse_dates=["date"])
        for name in ("datatraining", "datatest", "datatest2")
    }
    for name, table in tables.items():
        now = table[["Temperature", "Humidity", "CO2", "HumidityRatio"]]
        before = now.diff(LATER).add_suffix("_change").fillna(0.0)
        tables[name] = now.join(before).assign(
            quarter=table["date"].dt.floor(QUARTER).astype(str),
            occupied=table["Occupancy"],
            light=(table["Light"] > 0).astype(int),
            co2_later=table["CO2"].shift(-LATER),
        )
    return data.from_dataframe(
        tables["datatraining"],
        {"occupied": "binary", "light": "binary", "co2_later": "regression"},
        test=pd.concat([tables["datatest"], tables["datatest2"]]),
        groups="quarter",
        seed=seed,
        batch_size=128,
    )


class Source(NamedTuple):
    """How to read a set, `{task: metric}`, and whether the heads see the inputs too."""

    read: Any
    metrics: dict[str, str]
    wide: bool


SOURCES = {
    "room": Source(
        room, {"persons": "accuracy", "light": "auc", "motion": "auc", "temperature": "r2"}, False
    ),
    "smart_home": Source(
        smart_home, {"occupied": "auc", "light": "auc", "co2_later": "r2"}, wide=True
    ),
}


def head(target: data.Target) -> heads.BaseHead:
    """Returns the head of a target."""
    if target.kind == "regression":
        return heads.Regression(mean=target.mean, std=target.std)
    if target.kind == "binary":
        return heads.BinaryClassification()
    return heads.Classification(target.num_classes, target.class_names)


def trunk(wide: bool, args: Any) -> trunks.HardSharing:
    """Returns a shared network, with towers or, if wide, features that hold the inputs too."""
    deep = trunks.MLP(args.units, dropout=args.dropout)
    if not wide:
        return trunks.HardSharing(deep, towers=args.towers)
    joined = keras.layers.Concatenate(name="wide_and_deep")
    return trunks.HardSharing(lambda inputs: joined([inputs, deep(inputs)]))


def scores(
    splits: data.Splits, wide: bool, seed: int, args: Any
) -> list[dict[str, dict[str, float]]]:
    """Trains all networks; returns the test results of the single-task ones and of the shared."""
    steps = args.epochs * len(splits.train)

    def build(tasks: list[str]) -> mtl.MultiTaskModel:
        model = mtl.build_model(
            splits.features,
            trunk(wide, args),
            {task: head(splits.targets[task]) for task in tasks},
        )
        rate = keras.optimizers.schedules.CosineDecay(args.learning_rate, steps)
        model.compile(keras.optimizers.AdamW(rate, weight_decay=args.weight_decay))
        return model

    tasks = list(splits.targets)
    judged = splits.valid if args.part == "valid" else splits.test
    single = single_task_baselines(
        build, splits.train, None, judged, tasks=tasks, epochs=args.epochs, seed=seed
    )
    keras.utils.set_random_seed(seed)
    model = build(tasks)
    model.fit(splits.train, epochs=args.epochs, verbose=0)
    logs = model.evaluate(judged, verbose=0, return_dict=True)
    return [single, per_task(logs, model)]


def main() -> None:
    """Prints one row for each seed and task, then the means."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--part", choices=["valid", "test"], default="test")
    parser.add_argument("--data", nargs="+", choices=list(SOURCES), default=list(SOURCES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--units", type=int, nargs="+", default=[256])
    parser.add_argument("--towers", type=int, nargs="+", default=[64])
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=1e-2)
    args = parser.parse_args()
    print(f"{'data':>12}{'task':>13}{'metric':>10}{'seed':>6}{'single':>9}{'shared':>9}")
    for name in args.data:
        source = SOURCES[name]
        found: dict[str, list[tuple[float, ...]]] = {task: [] for task in source.metrics}
        for seed in range(args.seeds):
            splits = source.read(args.data_dir, seed)
            results = scores(splits, source.wide, seed, args)
            for task, metric in source.metrics.items():
                found[task].append(tuple(result[task][metric] for result in results))
                _print(name, task, metric, seed, found[task][-1])
        for task, metric in source.metrics.items():
            means = [statistics.mean(column) for column in zip(*found[task], strict=True)]
            _print(name, task, metric, "mean", means)


def _print(name: str, task: str, metric: str, seed: Any, values: Any) -> None:
    print(f"{name:>12}{task:>13}{metric:>10}{seed:>6}{values[0]:9.4f}{values[1]:9.4f}", flush=True)


if __name__ == "__main__":
    main()
