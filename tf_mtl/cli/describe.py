"""`tf-mtl describe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options, show
from .overrides import Overrides, key_values
from .quiet import start_tensorflow


def describe(
    source: options.Source = None,
    target: options.Target = None,
    ignore: options.Ignore = None,
    test_file: options.TestFile = None,
    separator: options.Separator = None,
    decimal: options.Decimal = None,
    missing_value: options.MissingValue = None,
    stream: options.Stream = None,
    figure: Annotated[
        str | None, typer.Option(metavar="FILE.png", help="Draw the labels there.")
    ] = None,
    examples: Annotated[
        str | None, typer.Option(metavar="FILE.png", help="Draw examples with their labels there.")
    ] = None,
) -> None:
    """Print what is in a data set: rows, labels, classes and ranges of each task and split.

    [bold]Examples[/bold]

      tf-mtl describe digits --examples digits.png

      tf-mtl describe 'parts/*.csv.gz' -t income=binary -t hours=regression
    """
    given = Overrides()
    given.put("data.targets", key_values(target, "--target", default="auto"))
    given.put("data.ignore", ignore)
    given.put("data.test_path", test_file)
    given.put("data.separator", separator)
    given.put("data.decimal", decimal)
    given.put("data.missing_values", missing_value)
    given.put("data.stream", stream)
    _check_pictures(figure, examples)
    start_tensorflow()
    from .. import data, runs

    content, where = given.over(source or "digits")
    config = runs.check_config(content, where)
    splits = runs.load_data(config.data, config.seed)
    found = data.describe(splits)
    typer.echo(repr(found))
    for name, path, draw in (
        ("Labels", figure, found.plot),
        ("Examples", examples, lambda: data.show(splits)),
    ):
        if path is not None:
            draw().savefig(path, dpi=120)
            show.places([(name, path)])


def _check_pictures(*paths: str | None) -> None:
    for path in paths:
        if path is not None and Path(path).suffix.lower() not in (".png", ".svg", ".pdf"):
            raise typer.BadParameter(f"{path!r} should end in .png, .svg or .pdf.")
        if path is not None and not Path(path).absolute().parent.is_dir():
            raise typer.BadParameter(f"There is no folder {str(Path(path).parent)!r} for {path}.")
