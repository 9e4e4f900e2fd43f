"""The folder of a run: what lies in it and under which name."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..data import Splits, Target
from ..export.version_folder import local_path
from ..names import nearest
from ..version import __version__
from .config import RunConfig
from .config_file import read_config, write_config
from .errors import InputError, refusing

_PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "pandas", "tensorflow-datasets")


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run.

    Args:
        path: The folder.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The configuration with every key, readable again."""
        return self.path / "config.yaml"

    @property
    def facts_file(self) -> Path:
        """What the data were and which versions ran, JSON."""
        return self.path / "run.json"

    @property
    def history_file(self) -> Path:
        """One line for each epoch, CSV."""
        return self.path / "history.csv"

    @property
    def best_model(self) -> Path:
        """The model of the best epoch by the monitor."""
        return self.path / "best.keras"

    @property
    def checkpoints(self) -> Path:
        """Folder of the last checkpoint."""
        return self.path / "checkpoint"

    @property
    def results_file(self) -> Path:
        """Results on the test split, JSON."""
        return self.path / "test_metrics.json"

    @property
    def curves_file(self) -> Path:
        """Learning curves, PNG."""
        return self.path / "learning_curves.png"

    def config(self) -> RunConfig:
        """Returns the configuration of the run."""
        return read_config(self.config_file)

    def facts(self) -> dict[str, Any]:
        """Returns what `write_facts` wrote.

        Raises:
            InputError: If the run has not come as far as its first epoch.
        """
        if not self.facts_file.is_file():
            raise InputError(f"The run {self.path} stopped before its data were loaded.")
        return dict(json.loads(self.facts_file.read_text(encoding="utf-8")))

    def targets(self) -> dict[str, Target]:
        """Returns `{task: Target}` as learnt from the training data."""
        return {task: Target(**fields) for task, fields in self.facts()["targets"].items()}


def new_run(config: RunConfig) -> RunFolder:
    """Makes the folder `run_directory/name/number` with the next free number.

    Raises:
        InputError: If the folder cannot be made.
    """
    with refusing("run_directory"):
        parent = local_path(config.run_directory) / config.run_name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        number = 1 + max(_numbers(parent), default=0)
        while True:  # another run may take the same number at the same moment
            with contextlib.suppress(FileExistsError):
                (parent / str(number)).mkdir()
                break
            number += 1
    except OSError as error:
        raise InputError(
            f"Cannot make a run folder in {str(parent)!r} ({error.strerror}). Give a folder that "
            "you may write to: --run-directory."
        ) from None
    run = RunFolder(parent / str(number))
    write_config(config, run.config_file)
    return run


def check_writable(folder: Path) -> None:
    """Raises `InputError` unless a folder is there, or can be made, and can be written to.

    A run writes its SavedModel last; it should not fail for this after hours of training.
    """
    above = folder.absolute()
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK):
        what = "may not be written to" if above.is_dir() else "is a file"
        raise InputError(f"Cannot write to the folder {str(folder)!r}: {str(above)!r} {what}.")


def open_run(path: str | Path) -> RunFolder:
    """Returns the run in a folder.

    Raises:
        InputError: If there is none; with the nearest or the latest one.
    """
    path = Path(path)
    if (path / "config.yaml").is_file():
        return RunFolder(path)
    if path.is_file():
        raise InputError(f"{path} is a file, not the folder of a run, such as runs/digits/1.")
    if not path.is_dir():
        siblings = path.parent.iterdir() if path.parent.is_dir() else ()
        guess = nearest(path.name, [entry.name for entry in siblings])
        hint = f" Did you mean {path.parent / guess}?" if guess else ""
        raise InputError(f"There is no run folder {path}.{hint}")
    numbers = [
        number for number in _numbers(path) if (path / str(number) / "config.yaml").is_file()
    ]
    hint = f" Did you mean {path / str(max(numbers))}?" if numbers else ""
    raise InputError(f"The folder {path} holds no run (it has no config.yaml).{hint}")


def write_facts(run: RunFolder, config: RunConfig, splits: Splits) -> None:
    """Writes the fingerprint of the data, their targets, the seed and package versions."""
    versions = {"python": platform.python_version(), "tf_mtl": __version__}
    for package in _PACKAGES:
        versions[package] = importlib.metadata.version(package)
    facts = {
        "seed": config.seed,
        "data": {"source": config.data.source, "fingerprint": splits.fingerprint,
                 "sizes": splits.sizes},
        "targets": {task: asdict(target) for task, target in splits.targets.items()},
        "columns": splits.columns,
        "versions": versions,
    }  # fmt: skip
    write_json(run.facts_file, facts)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes JSON so that the file is there whole or not at all; null for NaN and infinity."""
    with replacing(path) as unfinished:
        text = json.dumps(_as_json(content), indent=2, allow_nan=False)
        unfinished.write_text(text + "\n", encoding="utf-8")


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` that takes its place once it is written.

    A run that is killed while it writes keeps the old file.
    """
    unfinished = path.with_name(f"unfinished-{path.name}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _numbers(folder: Path) -> list[int]:
    return [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
