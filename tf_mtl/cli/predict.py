"""`tf-mtl predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import show
from .quiet import start_tensorflow


def predict(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/people/1.")
    ],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="CSV, Parquet or NPZ file with the inputs.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write: .csv, .json or .parquet."
        ),
    ],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", "-p", help="Add the probabilities of the classes.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of DATA to copy, such as an identifier; repeat for each.",
        ),
    ] = None,
    chunk_rows: Annotated[
        int, typer.Option(metavar="ROWS", min=1, help="Rows in memory at a time.")
    ] = 10_000,
) -> None:
    """Predict every task for each row of a file of any size.

    The output has one row for each row of DATA and one column for each task:
    the name of the class where classes have names, or the number. Several
    labels of one task are a list, and so are the tags of a text.

    [bold]Examples[/bold]

      tf-mtl predict runs/people/1 new_people.csv --output predictions.csv

      tf-mtl predict runs/people/1 new_people.csv -o predictions.parquet -p --keep id

      tf-mtl predict runs/digits/1 images.npz -o digits.json
    """  # fmt: skip
    start_tensorflow()
    from .. import runs

    rows = runs.predict(
        runs.open_run(run), data, output,
        probabilities=probabilities, keep=keep or (), chunk_rows=chunk_rows,
    )  # fmt: skip
    show.places([("Rows", rows), ("Predictions", output)])
