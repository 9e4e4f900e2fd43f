"""`tf-mtl list`."""

from __future__ import annotations

from typing import Annotated

import typer

from . import show
from .quiet import start_tensorflow

_DATA = "data"


def listing(
    what: Annotated[
        str | None,
        typer.Argument(
            help="data, trunks, heads, weightings or aggregators.", show_default="everything"
        ),
    ] = None,
) -> None:
    """List data sets, trunks, heads, weightings and aggregators with one line each.

    [bold]Examples[/bold]

      tf-mtl list

      tf-mtl list trunks
    """
    start_tensorflow()
    from .. import data
    from ..names import check_known
    from ..runs import catalog

    rooms = [_DATA, *catalog.rooms()]
    if what is not None:
        check_known([what], rooms, "list")
    for room in [what] if what else rooms:
        if room == _DATA:
            show.descriptions("Data sets", data.names())
        else:
            found = catalog.choices(room)
            show.descriptions(
                room.capitalize(), {name: catalog.summary(cls) for name, cls in found.items()}
            )
