"""The options of `tf-mtl train`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

_DATA, _MODEL, _TRAINING, _OUTPUT = "Data", "Model", "Training", "Output"


class Strategy(StrEnum):
    """How the work is spread over devices."""

    none = "none"
    mirrored = "mirrored"


class Precision(StrEnum):
    """Numbers of half the width."""

    float16 = "float16"
    bfloat16 = "bfloat16"


class Schedule(StrEnum):
    """The learning rate over time."""

    constant = "constant"
    cosine = "cosine"


Source = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="A name of `tf-mtl list data`, a file (FILE.csv, FILE.parquet, FILE.npz), several "
        "('parts/*.csv.gz'), a folder of TFRecord files, a configuration (FILE.yaml) or tfds:NAME.",
        show_default="digits",
    ),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        "-t",
        metavar="COLUMN=KIND",
        rich_help_panel=_DATA,
        help="A column to predict; repeat for each. KIND: classification, binary, multilabel, "
        "regression, box, segmentation, tagging or auto; '=KIND' may be left out for auto.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        rich_help_panel=_DATA,
        help="A column that is neither input nor target; repeat for each.",
    ),
]
TestFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=_DATA,
        help="File with the test rows; otherwise a tenth is split off.",
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        rich_help_panel=_DATA,
        show_default="comma",
        help="Between the cells of a CSV file.",
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        rich_help_panel=_DATA,
        show_default="point",
        help="Between the whole and the rest of a number in a CSV file, such as ','.",
    ),
]
MissingValue = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT",
        rich_help_panel=_DATA,
        help="A cell that stands for a missing value, such as '?'; repeatable.",
    ),
]
Stream = Annotated[
    bool | None,
    typer.Option(
        "--stream",
        rich_help_panel=_DATA,
        show_default=False,
        help="Read CSV and Parquet files in pieces: for tables larger than memory.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="ROWS",
        rich_help_panel=_DATA,
        show_default="64",
        help="Rows in a step, over all devices.",
    ),
]
Trunk = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_MODEL,
        show_default="CNN or MLP by the data",
        help="What the tasks share; `tf-mtl list trunks` names them.",
    ),
]
Units = Annotated[
    str | None,
    typer.Option(
        metavar="N,N,…",
        rich_help_panel=_MODEL,
        help="Widths of the trunk's dense layers, such as 128,64.",
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        rich_help_panel=_MODEL,
        help="Share of the trunk's units dropped in training, from 0 to below 1.",
    ),
]
LossWeight = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TASK=NUMBER",
        rich_help_panel=_TRAINING,
        help="Weight of a task's loss; repeat for each.",
    ),
]
Aggregator = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_TRAINING,
        help="How the tasks' gradients become one; `tf-mtl list aggregators`.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        rich_help_panel=_TRAINING,
        show_default="40",
        help="Passes over the training rows.",
    ),
]
Optimizer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_TRAINING,
        show_default="adam",
        help="One of keras.optimizers.",
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE", rich_help_panel=_TRAINING, show_default="0.003", help="At the start."
    ),
]
ScheduleName = Annotated[
    Schedule | None,
    typer.Option(
        rich_help_panel=_TRAINING,
        show_default="cosine",
        help="Learning rate: constant, or down to 0 on a cosine.",
    ),
]
Monitor = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_TRAINING,
        show_default="val_loss",
        help="What makes an epoch the best, such as val_digit_accuracy.",
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        metavar="EPOCHS",
        rich_help_panel=_TRAINING,
        help="Stop after so many epochs without a better one.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        rich_help_panel=_TRAINING,
        show_default="0",
        help="Split, first weights and order of rows.",
    ),
]
StrategyName = Annotated[
    Strategy | None,
    typer.Option(
        rich_help_panel=_TRAINING,
        show_default="none",
        help="mirrored: all GPUs of this machine at once.",
    ),
]
MixedPrecision = Annotated[
    Precision | None,
    typer.Option(rich_help_panel=_TRAINING, help="Compute in half the width; for GPUs."),
]
Name = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_OUTPUT,
        show_default="that of the data",
        help="Name of the run and of the exported model.",
    ),
]
RunDirectory = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        rich_help_panel=_OUTPUT,
        show_default="runs",
        help="The run goes to DIR/NAME/1, or the next free number.",
    ),
]
SavedModels = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        rich_help_panel=_OUTPUT,
        show_default="saved_models",
        help="The SavedModel goes to DIR/NAME/1, or the next free number.",
    ),
]
NoExport = Annotated[
    bool, typer.Option("--no-export", rich_help_panel=_OUTPUT, help="Write no SavedModel.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", rich_help_panel=_OUTPUT, help="No progress bar.")
]
Resume = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        rich_help_panel=_TRAINING,
        help="Go on with a run from its last checkpoint; with --epochs for more.",
    ),
]
