"""`tf-mtl train`."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import show
from .overrides import Overrides, key_values
from .quiet import start_tensorflow

if TYPE_CHECKING:
    from ..runs import Finished

_DATA, _MODEL, _TRAINING, _OUTPUT = "Data", "Model", "Training", "Output"


class Strategy(str, Enum):
    """How the work is spread over devices."""

    none = "none"
    mirrored = "mirrored"


class Precision(str, Enum):
    """Numbers of half the width."""

    float16 = "float16"
    bfloat16 = "bfloat16"


class Schedule(str, Enum):
    """The learning rate over time."""

    constant = "constant"
    cosine = "cosine"


def train(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="'digits', a file (FILE.csv, FILE.npz), a configuration (FILE.yaml) or tfds:NAME.",
            show_default="digits",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="COLUMN=KIND",
            rich_help_panel=_DATA,
            help="A column to predict; repeat for each. KIND: classification, binary, multilabel, "
            "regression or auto; '=KIND' may be left out for auto.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            rich_help_panel=_DATA,
            help="A column that is neither input nor target; repeat for each.",
        ),
    ] = None,
    test_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_DATA,
            help="CSV file with the test rows; otherwise a tenth is split off.",
        ),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            rich_help_panel=_DATA,
            show_default="comma",
            help="Between the cells of a CSV file.",
        ),
    ] = None,
    missing_value: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            rich_help_panel=_DATA,
            help="A cell that stands for a missing value, such as '?'; repeatable.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="ROWS",
            rich_help_panel=_DATA,
            show_default="64",
            help="Rows in a step, over all devices.",
        ),
    ] = None,
    trunk: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_MODEL,
            show_default="CNN or MLP by the data",
            help="What the tasks share; `tf-mtl list trunks` names them.",
        ),
    ] = None,
    units: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,…",
            rich_help_panel=_MODEL,
            help="Widths of the trunk's dense layers, such as 128,64.",
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            rich_help_panel=_MODEL,
            help="Share of the trunk's units dropped in training, from 0 to below 1.",
        ),
    ] = None,
    loss_weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK=NUMBER",
            rich_help_panel=_TRAINING,
            help="Weight of a task's loss; repeat for each. Or the name of a weighting.",
        ),
    ] = None,
    aggregator: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_TRAINING,
            help="How the tasks' gradients become one; `tf-mtl list aggregators`.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=_TRAINING,
            show_default="40",
            help="Passes over the training rows.",
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_TRAINING,
            show_default="adam",
            help="One of keras.optimizers.",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="RATE", rich_help_panel=_TRAINING, show_default="0.003", help="At the start."
        ),
    ] = None,
    schedule: Annotated[
        Schedule | None,
        typer.Option(
            rich_help_panel=_TRAINING,
            show_default="cosine",
            help="Learning rate: constant, or down to 0 on a cosine.",
        ),
    ] = None,
    monitor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_TRAINING,
            show_default="val_loss",
            help="What makes an epoch the best, such as val_digit_accuracy.",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="EPOCHS",
            rich_help_panel=_TRAINING,
            help="Stop after so many epochs without a better one.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=_TRAINING,
            show_default="0",
            help="Split, first weights and order of rows.",
        ),
    ] = None,
    strategy: Annotated[
        Strategy | None,
        typer.Option(
            rich_help_panel=_TRAINING,
            show_default="none",
            help="mirrored: all GPUs of this machine at once.",
        ),
    ] = None,
    mixed_precision: Annotated[
        Precision | None,
        typer.Option(rich_help_panel=_TRAINING, help="Compute in half the width; for GPUs."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_OUTPUT,
            show_default="that of the data",
            help="Name of the run and of the exported model.",
        ),
    ] = None,
    run_directory: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=_OUTPUT,
            show_default="runs",
            help="The run goes to DIR/NAME/1, or the next free number.",
        ),
    ] = None,
    saved_models: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=_OUTPUT,
            show_default="saved_models",
            help="The SavedModel goes to DIR/NAME/1, or the next free number.",
        ),
    ] = None,
    no_export: Annotated[
        bool, typer.Option("--no-export", rich_help_panel=_OUTPUT, help="Write no SavedModel.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", rich_help_panel=_OUTPUT, help="No progress bar.")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            rich_help_panel=_TRAINING,
            help="Go on with a run from its last checkpoint; with --epochs for more.",
        ),
    ] = None,
) -> None:
    """Train a model, evaluate it on a test split and export it.

    Everything about the run lies in its folder afterwards: configuration, history, best model,
    last checkpoint, test results and learning curves. Options given here win over those of a
    FILE.yaml; [bold]tf-mtl new FILE.yaml[/bold] writes one with every key explained.

    Examples:

      tf-mtl train digits

      tf-mtl train people.csv -t income=binary -t hours=regression --missing-value '?'

      tf-mtl train people.yaml --epochs 10 --loss-weight income=2

      tf-mtl train tfds:mnist -t label=classification

      tf-mtl train --resume runs/digits/1
    """  # fmt: skip
    options = Overrides()
    options.put("data.targets", key_values(target, "--target", default="auto"))
    options.put("data.ignore", ignore)
    options.put("data.test_path", test_file)
    options.put("data.separator", None if separator is None else separator.replace("\\t", "\t"))
    options.put("data.missing_values", missing_value)
    options.put("data.batch_size", batch_size)
    options.put_trunk(trunk, units, dropout)
    options.put("loss_weights", _loss_weights(loss_weight))
    options.put("aggregator", aggregator)
    options.put("epochs", epochs)
    options.put("optimizer.type", optimizer)
    options.put("optimizer.learning_rate", learning_rate)
    options.put("optimizer.schedule", schedule and schedule.value)
    options.put("monitor", monitor)
    options.put("patience", patience)
    options.put("seed", seed)
    options.put("strategy", strategy and strategy.value)
    options.put("mixed_precision", mixed_precision and mixed_precision.value)
    options.put("name", name)
    options.put("run_directory", run_directory)
    options.put("saved_models", saved_models)
    verbose = 0 if quiet else 1 if sys.stdout.isatty() else 2
    if resume is not None:
        options.refuse_all_but("epochs", source, no_export, "--resume")
    start_tensorflow()
    from .. import runs

    try:
        if resume is not None:
            finished = runs.resume(resume, epochs, verbose)
        else:
            content, where = options.over(source or "digits")
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
    return f"\nInterrupted. {kept} Go on with: tf-mtl train --resume {stopped.run.path}"


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
