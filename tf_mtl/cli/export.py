"""`tf-mtl export`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import show
from .quiet import start_tensorflow


def export(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/digits/1.")
    ],
    saved_models: Annotated[
        str, typer.Option(metavar="DIR", help="The SavedModel goes to DIR/NAME/VERSION.")
    ] = "saved_models",
    version: Annotated[
        int | None,
        typer.Option(
            "--version",
            metavar="N",
            min=1,
            show_default="the next free number",
            help="Number of the version.",
        ),
    ] = None,
) -> None:
    """Export the best model of a run as a SavedModel for TF Serving.

    [bold]Examples[/bold]

      tf-mtl export runs/digits/1

      tf-mtl export runs/digits/1 --saved-models /srv/models --version 3
    """  # fmt: skip
    start_tensorflow()
    from .. import runs
    from ..export import saved_model
    from ..export.version_folder import local_path

    directory = local_path(saved_models)
    folder = runs.open_run(run)
    model = runs.load_model(folder)
    place = saved_model(model, directory / folder.config().run_name, version)
    show.places([("SavedModel", place)])
