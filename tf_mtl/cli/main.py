"""The command `tf-mtl`: its commands in one place."""

from __future__ import annotations

from typing import Annotated

import typer

from ..version import __version__
from . import describe, evaluate, export, listing, new, predict, train
from .one_line_errors import OneLineErrors, warn_in_one_line

app = typer.Typer(
    cls=OneLineErrors,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("describe")(describe.describe)
app.command("list")(listing.listing)
app.command("new")(new.new)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"tf-mtl {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", hidden=True)] = False,
) -> None:
    """Multi-task learning in Keras: train, evaluate, predict and export from the command line.

    A first run, on data that come with the package:

    [bold]tf-mtl train digits[/bold]

    On a table of your own, with two columns to predict:

    [bold]tf-mtl train people.csv --target income=binary --target hours=regression[/bold]

    [bold]tf-mtl predict runs/people/1 new_people.csv --output predictions.csv[/bold]

    Every command has its own help: [bold]tf-mtl train --help[/bold]
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run() -> None:
    """Runs the command line."""
    warn_in_one_line()
    app(prog_name="tf-mtl")
