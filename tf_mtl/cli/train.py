"""`tf-mtl train`."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import typer

from . import options, show
from .overrides import Overrides, key_values
from .quiet import start_tensorflow

if TYPE_CHECKING:
    from ..runs import Finished


def train(
    source: options.Source = None,
    target: options.Target = None,
    ignore: options.Ignore = None,
    test_file: options.TestFile = None,
    separator: options.Separator = None,
    decimal: options.Decimal = None,
    missing_value: options.MissingValue = None,
    stream: options.Stream = None,
    batch_size: options.BatchSize = None,
    trunk: options.Trunk = None,
    units: options.Units = None,
    dropout: options.Dropout = None,
    loss_weight: options.LossWeight = None,
    aggregator: options.Aggregator = None,
    epochs: options.Epochs = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    schedule: options.ScheduleName = None,
    monitor: options.Monitor = None,
    patience: options.Patience = None,
    seed: options.Seed = None,
    strategy: options.StrategyName = None,
    mixed_precision: options.MixedPrecision = None,
    name: options.Name = None,
    run_directory: options.RunDirectory = None,
    saved_models: options.SavedModels = None,
    no_export: options.NoExport = False,
    quiet: options.Quiet = False,
    resume: options.Resume = None,
) -> None:
    """Train a model, evaluate it on a test split and export it.

    Everything about the run lies in its folder afterwards: configuration,
    history, best model, last checkpoint, test results and learning curves.
    Options given here win over those of a FILE.yaml;
    [bold]tf-mtl new FILE.yaml[/bold] writes one with every key explained.

    [bold]Examples[/bold]

      tf-mtl train digits

      tf-mtl train people.csv -t income=binary -t hours=regression --missing-value '?'

      tf-mtl train people.yaml --epochs 10 --loss-weight income=2

      tf-mtl train tfds:mnist -t label=classification

      tf-mtl train --resume runs/digits/1
    """
    given = Overrides()
    given.put("data.targets", key_values(target, "--target", default="auto"))
    given.put("data.ignore", ignore)
    given.put("data.test_path", test_file)
    given.put("data.separator", separator)
    given.put("data.decimal", decimal)
    given.put("data.missing_values", missing_value)
    given.put("data.stream", stream)
    given.put("data.batch_size", batch_size)
    given.put_trunk(trunk, units, dropout)
    given.put("loss_weights", _loss_weights(loss_weight))
    given.put("aggregator", aggregator)
    given.put("epochs", epochs)
    given.put("optimizer.type", optimizer)
    given.put("optimizer.learning_rate", learning_rate)
    given.put("optimizer.schedule", schedule and schedule.value)
    given.put("monitor", monitor)
    given.put("patience", patience)
    given.put("seed", seed)
    given.put("strategy", strategy and strategy.value)
    given.put("mixed_precision", mixed_precision and mixed_precision.value)
    given.put("name", name)
    given.put("run_directory", run_directory)
    given.put("saved_models", saved_models)
    verbose = 0 if quiet else 1 if sys.stdout.isatty() else 2
    if resume is not None:
        given.refuse_all_but("epochs", source, no_export, "--resume")
    start_tensorflow()
    from .. import runs

    try:
        if resume is not None:
            finished = runs.resume(resume, epochs, verbose)
        else:
            content, where = given.over(source or "digits")
            if no_export:
                content["saved_models"] = None
            finished = runs.train(runs.check_config(content, where), verbose)
    except runs.Interrupted as stopped:
        typer.echo(_interrupted(stopped), err=True)
        raise typer.Exit(130) from None
    _show(finished)


def _loss_weights(given: list[str] | None) -> Any:
    if given and len(given) == 1 and "=" not in given[0]:
        return given[0]  # the name of a weighting
    return key_values(given, "--loss-weight", number=True)


def _interrupted(stopped: Any) -> str:
    kept = (
        f"The checkpoint after epoch {stopped.epochs} is kept."
        if stopped.epochs
        else "No epoch was finished; the run can start anew."
    )
    again = shlex.join(["tf-mtl", "train", "--resume", str(stopped.run.path)])
    return f"\nInterrupted. {kept} Go on with: {again}"


def _show(finished: Finished) -> None:
    run, rows = finished.run, finished.sizes["test"]
    typer.echo()
    show.results(
        finished.results,
        f"Test split, {rows} rows; best epoch {finished.best_epoch} of {finished.epochs}",
    )
    typer.echo()
    lines: list[tuple[str, Any]] = [
        ("Run folder", run.path),
        ("Best model", run.best_model),
        ("Learning curves", run.curves_file),
    ]
    if finished.export is not None:
        lines.append(("SavedModel", finished.export))
    show.places(lines)
