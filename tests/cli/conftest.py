"""Runs that the tests of the command line share."""

import dataclasses
import inspect
import pathlib

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tf_mtl.cli.main import app


@dataclasses.dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def cli():
    """Runs `tf-mtl` with these arguments in this process."""

    # Older versions of Click mix the standard error into the output unless told not to.
    mixes = "mix_stderr" in inspect.signature(CliRunner).parameters
    runner = CliRunner(mix_stderr=False) if mixes else CliRunner()

    def call(*args):
        result = runner.invoke(app, [str(arg) for arg in args])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return call


def people(rows, seed=0):
    """A table with text, missing cells and three things to predict."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows).astype(float)
    job = random.choice(["baker", "smith", "clerk"], rows)
    hours = 30 + 10 * (job == "smith") + random.normal(0, 1, rows)
    return pd.DataFrame({
        "id": [f"p{number}" for number in range(rows)],
        "age": np.where(random.random(rows) < 0.05, np.nan, age),
        "job": job,
        "hours-per-week": hours.round(2),
        "income": np.where(age + 20 * (job == "clerk") > 55, "high", "low"),
        "floor": random.integers(0, 3, rows),
    })  # fmt: skip


TARGETS = ("-t", "income=binary", "-t", "hours-per-week=regression", "-t", "floor=classification")


@dataclasses.dataclass
class People:
    """A table and the run trained on it."""

    folder: pathlib.Path
    file: pathlib.Path
    run: pathlib.Path
    out: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory, cli):
    """A run of two epochs on a table, with a SavedModel."""
    folder = tmp_path_factory.mktemp("trained")
    file = folder / "people.csv"
    people(300).to_csv(file, index=False)
    outcome = cli("train", file, *TARGETS, "--ignore", "id", "--epochs", 2, "--units", "8",
                  "--run-directory", folder / "runs", "--saved-models", folder / "saved_models",
                  "--loss-weight", "income=2", "--monitor", "val_income_auc")  # fmt: skip
    assert outcome.code == 0, outcome.err
    return People(folder, file, folder / "runs" / "people" / "1", outcome.out)
