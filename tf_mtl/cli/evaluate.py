"""`tf-mtl evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import show
from .quiet import start_tensorflow


def evaluate(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/digits/1.")
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="CSV, Parquet or NPZ file with the inputs and the labels of all tasks.",
            show_default="the run's own test split",
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FILE.json", help="Write the results there as well.")
    ] = None,
) -> None:
    """Evaluate the best model of a run.

    [bold]Examples[/bold]

      tf-mtl evaluate runs/digits/1

      tf-mtl evaluate runs/people/1 people_of_2024.csv --output results.json
    """
    start_tensorflow()
    from .. import runs

    if output is not None:
        if data is not None:
            runs.check_output(output, data)
        runs.check_results_file(output)
    folder = runs.open_run(run)
    results, rows = runs.evaluate(folder, data)
    show.results(results, f"{data or 'Test split'}, {rows} rows")
    if output is not None:
        runs.write_results(output, results)
        show.places([("Results", output)])
