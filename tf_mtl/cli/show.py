"""Tables and lists of paths on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer

_TITLES = {"auc": "AUC", "r2": "R²", "mae": "MAE", "mse": "MSE"}


def results(tasks: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Prints one line for each task and one column for each metric.

    Args:
        tasks: `{task: {metric: value}}`.
        title: Line above.
    """
    metrics = list(dict.fromkeys(metric for values in tasks.values() for metric in values))
    metrics.sort(key=lambda metric: metric == "loss")  # the loss last, the rest as they come
    rows = [
        [task, *(_number(values[metric]) if metric in values else "–" for metric in metrics)]
        for task, values in tasks.items()
    ]
    headers = ["Task", *(_TITLES.get(metric, metric.capitalize()) for metric in metrics)]
    _table(title, headers, rows, right=range(1, len(headers)))


def places(lines: Iterable[tuple[str, Any]]) -> None:
    """Prints what lies where, or which command does what."""
    lines = list(lines)
    width = max(len(name) for name, _ in lines)
    for name, place in lines:
        typer.echo(f"{name:<{width}}  {place}")  # on one line however long, to be copied


def descriptions(title: str, lines: Mapping[str, str]) -> None:
    """Prints names with one line each."""
    _table(title, ["", ""], [[f"  {name}", text] for name, text in lines.items()], right=())


def _table(
    title: str | None, headers: list[str], rows: list[list[str]], right: Iterable[int]
) -> None:
    from rich.console import Console
    from rich.table import Table

    right = set(right)
    named = any(headers)
    table = Table(box=None, show_header=named, pad_edge=False, padding=(0, 2, 0, 0))
    for place, header in enumerate(headers):
        table.add_column(
            header, justify="right" if place in right else "left", overflow="fold",
            no_wrap=not named and place == 0,
        )  # fmt: skip
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 1000  # in a file or a pipe nothing is folded
    with console.capture() as capture:
        if title:
            console.print(title, style="bold")
        console.print(table)
    for line in capture.get().splitlines():
        typer.echo(line.rstrip())


def _number(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3g}"
