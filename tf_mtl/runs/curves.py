"""Learning curves as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .checkpoint import History
from .folder import replacing

_COLUMNS = 4
_TRAIN, _VALID, _BEST = "#4477aa", "#cc6633", "#999999"
_SHOWN = ("accuracy", "r2", "auc")  # the metric that is drawn, the first of these that there is


def plot_curves(
    history: History, metrics: Mapping[str, Iterable[str]], best_epoch: int, path: Path
) -> None:
    """Draws one panel for each task: its loss, and one of its metrics below.

    Args:
        history: Logs of all epochs.
        metrics: `{task: names of its metrics}`, "loss" among them.
        best_epoch: Number of the best epoch, counted from 1; marked by a line.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and asks for a display

    columns = min(len(metrics), _COLUMNS)
    rows = math.ceil(len(metrics) / columns)
    figure = Figure(figsize=(3.6 * columns + 0.6, 4.2 * rows + 0.6), layout="constrained")
    panels = figure.subfigures(rows, columns, squeeze=False).flat
    for (task, names), panel in zip(metrics.items(), panels, strict=False):
        prefix = f"{task}_" if len(metrics) > 1 else ""
        _draw_task(panel, history, task, _curves(names, prefix), best_epoch)
    handles, labels = panels[0].axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    with replacing(path) as unfinished:
        figure.savefig(unfinished, dpi=120, format="png")


def _curves(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Returns `{label: log name}` of the curves to draw for a task."""
    names = list(names)
    others = [name for name in (*_SHOWN, *names) if name in names and name != "loss"]
    return {name: prefix + name for name in ["loss", *others[:1]] if name in names}


def _draw_task(
    panel: Any, history: History, task: str, curves: Mapping[str, str], best_epoch: int
) -> None:
    panel.suptitle(task, fontsize=13, fontweight="bold")
    epochs = range(1, len(history) + 1)
    marker = "o" if len(history) == 1 else None  # a line of one point would not be seen
    axes = panel.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (label, name) in zip(axes, curves.items(), strict=True):
        for log, colour, legend in (
            (name, _TRAIN, "training"),
            (f"val_{name}", _VALID, "validation"),
        ):
            values = [logs.get(log, math.nan) for logs in history]
            axis.plot(epochs, values, color=colour, label=legend, marker=marker, linewidth=1.6)
        axis.axvline(best_epoch, color=_BEST, linestyle=":", label=f"best epoch ({best_epoch})")
        axis.set_ylabel(_title(label))
        if label == "loss" and _spans_decades(history, name):
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter("{x:g}")
        axis.grid(color="#e5e5e5", linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    panel.align_ylabels(axes)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)


def _spans_decades(history: History, name: str) -> bool:
    values = [logs[log] for logs in history for log in (name, f"val_{name}") if log in logs]
    return min(values) > 0 and max(values) / min(values) > 20


def _title(metric: str) -> str:
    return {"r2": "R²", "auc": "AUC"}.get(metric, metric.replace("_", " "))
