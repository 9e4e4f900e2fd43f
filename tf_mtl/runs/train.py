"""Training a run from its configuration, or going on with one."""

from __future__ import annotations

import contextlib
import glob
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ..data import Splits
from ..data import check as check_data
from ..evaluation import per_task
from ..export import saved_model
from ..export.saved_model import check_names
from ..export.version_folder import local_path
from ..training import MultiTaskModel
from .assemble import assemble, dtype_policy, resolved_trunk, steps_per_epoch
from .checkpoint import Checkpoint, History, last_checkpoint, restore_checkpoint
from .config import RunConfig
from .config_file import write_config
from .curves import plot_curves
from .errors import InputError, refusing
from .folder import RunFolder, check_writable, new_run, open_run, write_facts, write_json
from .imports import FILE_ENDING, import_modules
from .lock import held
from .monitor import Monitor, make_monitor
from .progress import Progress
from .recorder import Recorder, write_history
from .source import load_data, source_kind

Results = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Finished:
    """What a run has brought.

    Args:
        run: Where everything lies.
        results: `{task: {metric: value}}` on the test split, of the best model.
        sizes: Rows of training, validation and test.
        best_epoch: Number of the best epoch, counted from 1.
        epochs: Number of epochs trained.
        export: Folder of the SavedModel, or None.
    """

    run: RunFolder
    results: Results
    sizes: dict[str, int]
    best_epoch: int
    epochs: int
    export: Path | None


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during training; the run can go on.

    Args:
        run: The run.
        epochs: Epochs that the last checkpoint holds.
    """

    def __init__(self, run: RunFolder, epochs: int) -> None:
        super().__init__(f"interrupted after {epochs} epochs")
        self.run = run
        self.epochs = epochs


def train(config: RunConfig, verbose: int = 0) -> Finished:
    """Trains, evaluates and exports a run in a new folder.

    Args:
        config: The run.
        verbose: 0 for silence, 1 for a progress bar, 2 for a line at the end of each epoch.

    Raises:
        InputError: For anything wrong in the configuration or the data, before training.
        Interrupted: On Ctrl-C, with the last checkpoint kept.
    """
    splits = load_data(config.data, config.seed)
    return _run(_resolved(config, splits), splits, None, verbose)


def resume(path: str | Path, epochs: int | None = None, verbose: int = 0) -> Finished:
    """Goes on with a run from its last checkpoint, as if it had not been interrupted.

    Args:
        path: Folder of the run.
        epochs: Total number of epochs, if other than configured. A schedule that ends with the
            last epoch is then made anew; the constant one goes on unchanged.
        verbose: 0 for silence, 1 for a progress bar, 2 for a line at the end of each epoch.

    Raises:
        InputError: If there is no run, it is complete, another process trains it, or the data are
            not those it began with.
        Interrupted: On Ctrl-C, with the last checkpoint kept.
    """
    run = open_run(path)
    with held(run):
        return _go_on(run, epochs, verbose)


def _go_on(run: RunFolder, epochs: int | None, verbose: int) -> Finished:
    config = run.config()
    checkpoint = last_checkpoint(run.checkpoints)
    done = checkpoint.epochs if checkpoint else 0
    if epochs is not None:
        if epochs < done:
            raise InputError(
                f"The run {run.path} has trained {done} epochs; --epochs {epochs} is less."
            )
        config = config.model_copy(update={"epochs": epochs})
    if run.results_file.is_file() and checkpoint and _is_over(config, checkpoint.history):
        raise InputError(
            f"The run {run.path} is complete after {done} epochs. Give a greater --epochs to "
            "train on, unless its patience is exhausted."
        )
    splits = load_data(config.data, config.seed)
    if run.facts_file.is_file() and splits.fingerprint != run.facts()["data"]["fingerprint"]:
        raise InputError(
            f"{config.data.source} is not what it was when the run {run.path} began: the rows or "
            "their split have changed. Start a new run."
        )
    write_config(config, run.config_file)
    return _run(config, splits, (run, checkpoint), verbose)


def _is_over(config: RunConfig, history: History) -> bool:
    monitor = make_monitor(config.monitor, config.mode, list(history[0]))
    return len(history) >= config.epochs or monitor.exhausted(history, config.patience)


def _resolved(config: RunConfig, splits: Splits) -> RunConfig:
    """Returns the configuration without "auto", and readable from any folder."""
    data, files = config.data, {}
    if source_kind(data.source) not in ("embedded", "tfds"):
        files["source"] = _from_any_folder(data.source)
    if data.test_path is not None:
        files["test_path"] = _from_any_folder(data.test_path)
    if data.data_dir is not None and Path(data.data_dir).is_dir():  # else an address
        files["data_dir"] = _from_any_folder(data.data_dir)
    modules = [
        _from_any_folder(each) if each.endswith(FILE_ENDING) else each for each in config.imports
    ]
    return config.model_copy(
        update={
            "name": config.run_name,
            "imports": modules,
            "data": data.model_copy(update=files),
            "trunk": resolved_trunk(config, splits),
        }
    )


def _from_any_folder(path: str) -> str:
    """Returns a path, or a pattern of several, that does not begin in the working folder."""
    if glob.has_magic(path) and not Path(path).exists():
        return str(Path(glob.escape(str(Path.cwd())), path))
    return str(Path(path).absolute())


def _run(
    config: RunConfig,
    splits: Splits,
    earlier: tuple[RunFolder, Checkpoint | None] | None,
    verbose: int,
) -> Finished:
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = tf.distribute.MirroredStrategy() if config.strategy == "mirrored" else None
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = assemble(config, splits)
        for part, dataset in zip(("training", "validation", "test"), splits, strict=True):
            with refusing(f"{part} data"):
                check_data(dataset, model)
        monitor = make_monitor(config.monitor, config.mode, log_names(model, splits))
        checkpoint = earlier[1] if earlier else None
        if checkpoint:
            restore_checkpoint(checkpoint, model)
    versions: Path | None = None
    if config.saved_models is not None:
        with refusing("saved_models"):
            versions = local_path(config.saved_models) / config.run_name
            check_names(model)
        check_writable(versions)
    run = earlier[0] if earlier else new_run(config)
    with contextlib.nullcontext() if earlier else held(run):  # one to be resumed is held already
        write_facts(run, config, splits)
        history = _fit(model, splits, config, (run, checkpoint, monitor), verbose)
        best = load_model(run)
        results = best.evaluate(splits.test, verbose=0, return_dict=True)
        by_task = per_task(results, best)
        best_epoch = monitor.best(history) + 1
        write_json(run.results_file, {"best_epoch": best_epoch, "tasks": by_task})
        plot_curves(history, by_task, best_epoch, run.curves_file)
        export = None if versions is None else saved_model(best, versions)
        return Finished(run, by_task, splits.sizes, best_epoch, len(history), export)


def _fit(
    model: MultiTaskModel,
    splits: Splits,
    config: RunConfig,
    place: tuple[RunFolder, Checkpoint | None, Monitor],
    verbose: int,
) -> History:
    run, checkpoint, monitor = place
    history = checkpoint.history if checkpoint else []
    write_history(run, history)
    if monitor.exhausted(history, config.patience):
        return history
    recorder = Recorder(run, splits, monitor, config.patience, history)
    callbacks: list[keras.callbacks.Callback] = [recorder]
    if verbose:
        shown = ["loss", "val_loss", config.monitor]
        callbacks.append(Progress(shown, steps_per_epoch(config, splits), verbose))
    try:
        model.fit(
            splits.train,
            validation_data=splits.valid,
            initial_epoch=len(history),
            epochs=config.epochs,
            callbacks=callbacks,
            verbose=0,
            shuffle=False,
        )
    except KeyboardInterrupt:
        kept = last_checkpoint(run.checkpoints)
        raise Interrupted(run, kept.epochs if kept else 0) from None
    return recorder.history


def log_names(model: MultiTaskModel, splits: Splits) -> list[str]:
    """Returns the names that training and validation will log, from one batch of validation."""
    logs = model.evaluate(splits.valid.take(1), verbose=0, return_dict=True)
    return [*(f"val_{name}" for name in logs), *logs]


def load_model(run: RunFolder) -> Any:
    """Returns the best model of a run.

    Raises:
        InputError: If the run has not finished an epoch.
    """
    if not run.best_model.is_file():
        raise InputError(
            f"The run {run.path} has no model yet: no epoch was finished. Go on with "
            f"{shlex.join(['tf-mtl', 'train', '--resume', str(run.path)])}"
        )
    config = run.config()
    import_modules(config.imports)
    # Keras forgets the policy of a model, and with it the loss scaling of its optimizer.
    with dtype_policy(config):
        return keras.models.load_model(run.best_model)
