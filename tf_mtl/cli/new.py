"""`tf-mtl new`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from . import show
from .template import TEMPLATE


def new(
    file: Annotated[str, typer.Argument(metavar="FILE.yaml", help="The file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a configuration with every key explained, ready to run.

    [bold]Examples[/bold]

      tf-mtl new first.yaml

      tf-mtl train first.yaml
    """
    path = Path(file)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise typer.BadParameter(
            f"{file!r} should end in .yaml, such as {path.stem or 'run'}.yaml."
        )
    if path.exists() and not force:
        raise typer.BadParameter(f"{file} exists. Choose another name, or replace it with --force.")
    if not path.absolute().parent.is_dir():
        raise typer.BadParameter(
            f"There is no folder {str(path.parent)!r} to write {path.name} to."
        )
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", path.stem).lstrip(".-") or "run"
    path.write_text(TEMPLATE.format(file=file, name=name), encoding="utf-8")
    show.places([("Written", file), ("Run it with", shlex.join(["tf-mtl", "train", file]))])
