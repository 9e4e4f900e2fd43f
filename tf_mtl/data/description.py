"""What is in a data set, by task: rows, labels, classes, ranges; as a table and as a picture."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from .arrays import PARTS
from .inspection import count_rows
from .labels.labels import MISSING
from .splits import Splits
from .targets import Target

_SHOWN = 20  # classes of a task in the text and in the picture
_KEPT = 10_000  # numbers of a task that are kept for the picture
_COLOURS = ("#4477aa", "#cc6633", "#77aa55")


@dataclass(frozen=True)
class Description:
    """What `describe` found; printed as text, and shown as tables in a notebook.

    Args:
        table: `pandas.DataFrame`, one line for each task and split: kind, rows, labelled rows, and
            the least, mean and greatest number or the number of classes.
        classes: `{task: pandas.DataFrame}`, one line for each class and one column for each split:
            how many rows (labels of a multilabel task, pixels of a mask) are of the class.
        numbers: `{task: {split: numbers}}`, at most ten thousand of each, for the picture.
    """

    table: Any
    classes: dict[str, Any]
    numbers: dict[str, dict[str, np.ndarray]]

    def __repr__(self) -> str:
        texts = [self.table.to_string(na_rep="", float_format="{:.4g}".format)]
        for task, counts in self.classes.items():
            more = f"\n… and {len(counts) - _SHOWN} other classes" * (len(counts) > _SHOWN)
            texts.append(f"{task}\n{counts.head(_SHOWN).to_string()}{more}")
        return "\n\n".join(texts)

    def _repr_html_(self) -> str:
        texts = [self.table.to_html(na_rep="", float_format="{:.4g}".format)]
        texts += [
            counts.rename_axis(index=task).to_html(max_rows=_SHOWN)
            for task, counts in self.classes.items()
        ]
        return "\n".join(texts)

    def plot(self) -> Any:
        """Returns a `matplotlib.figure.Figure`: a panel for each task, in shares of each split."""
        from matplotlib.figure import Figure  # not pyplot, which keeps figures

        tasks = list(dict.fromkeys(self.table.index.get_level_values("task")))
        columns = min(len(tasks), 3)
        lines = math.ceil(len(tasks) / columns)
        figure = Figure(figsize=(4.2 * columns, 3.2 * lines + 0.4), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for task, axis in zip(tasks, axes, strict=False):
            if task in self.classes:
                _draw_classes(axis, self.classes[task].head(_SHOWN))
            else:
                _draw_numbers(axis, self.numbers.get(task, {}))
            axis.set_title(task, fontweight="bold", parse_math=False)
            axis.spines[["top", "right"]].set_visible(False)
        for axis in axes[len(tasks) :]:
            axis.remove()
        drawn = [axis.get_legend_handles_labels() for axis in axes[: len(tasks)]]
        handles, labels = max(drawn, key=lambda both: len(both[0]))  # some have no labels
        figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
        return figure


def describe(data: Any, targets: Mapping[str, Target] | None = None) -> Description:
    """Returns what is in a data set, by task and split.

    All of the data are read once, batch by batch. The order of the training rows in the next epoch
    is not changed by it.

    Args:
        data: `Splits`, or batches `(x, {task: y})` or `(x, {task: y}, weights)`: a
            `tf.data.Dataset` or any other iterable. A label of weight 0 counts as missing.
        targets: `{task: Target}` for batches that come without `Splits`; kinds are otherwise told
            from the dtypes: floats are numbers, all others classes.

    Raises:
        ValueError: If there is no row, or the labels are no dictionary.

    >>> import tf_mtl
    >>> found = describe(tf_mtl.data.load("wine"))
    >>> found.table.loc[("cultivar", "train"), ["rows", "labelled", "classes"]].astype(int).tolist()
    [124, 124, 3]
    >>> found.classes["cultivar"]["test"].tolist()
    [9, 11, 7]
    """
    import pandas as pd

    splits = {part: getattr(data, part) for part in PARTS} if isinstance(data, Splits) else None
    targets = dict(targets or (data.targets if isinstance(data, Splits) else {}))
    found: dict[str, dict[str, _Labels]] = {}
    with unchanged_order(data):
        for part, batches in (splits or {"data": data}).items():
            for batch in batches:
                _, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
                if not isinstance(y, Mapping):
                    raise ValueError(
                        f"The labels are a {type(y).__name__}. Give batches (x, {{task: y}})."
                    )
                for task, labels in y.items():
                    weight = weights.get(task) if isinstance(weights, Mapping) else weights
                    by_part = found.setdefault(task, {})
                    by_part.setdefault(part, _Labels()).add(
                        np.asarray(labels), targets.get(task), weight
                    )
    if not found:
        raise ValueError("The data set holds no batch.")
    lines, classes, numbers = {}, {}, {}
    for task, by_part in found.items():
        target = targets.get(task)
        counts = {part: one.counts for part, one in by_part.items()}
        if any(counts.values()):
            classes[task] = _class_table(counts, target)
        else:
            numbers[task] = {part: one.kept() for part, one in by_part.items()}
        for part, one in by_part.items():
            kind = target.kind if target else ("classes" if task in classes else "numbers")
            lines[(task, part)] = {"kind": kind, **one.line()}
    index = pd.MultiIndex.from_tuples(lines, names=["task", "split"])
    table = pd.DataFrame(list(lines.values()), index=index).dropna(axis=1, how="all")
    return Description(table, classes, numbers)


@contextlib.contextmanager
def unchanged_order(data: Any) -> Iterator[None]:
    """Lets the next epoch of `Splits` be the one that it would have been."""
    epoch = int(data.order.epoch.numpy()) if isinstance(data, Splits) else None
    try:
        yield
    finally:
        if epoch is not None:
            data.start_epoch(epoch)


@dataclass
class _Labels:
    """The labels of one task in one split, so far."""

    rows: int = 0
    labelled: int = 0
    counts: Counter = field(default_factory=Counter)
    least: float = math.inf
    greatest: float = -math.inf
    total: float = 0.0
    entries: int = 0
    numbers: list[np.ndarray] = field(default_factory=list)

    def add(self, values: np.ndarray, target: Target | None, weight: Any) -> None:
        """Counts the labels of a batch."""
        is_number = target.kind in ("regression", "box") if target else values.dtype.kind == "f"
        there = _there(values, is_number)
        if weight is not None:
            weight = np.asarray(weight)
            there &= weight.reshape(*weight.shape, *[1] * (values.ndim - weight.ndim)) != 0
        self.rows += count_rows(values)
        self.labelled += int(there.reshape(len(values), -1).any(axis=1).sum())
        chosen = values[there]
        if is_number and len(chosen):
            self._add_numbers(chosen.astype("float64"))
        elif target is not None and target.kind == "multilabel":
            ones = there & (values == 1)
            self.counts.update(dict(enumerate(ones.sum(axis=0).tolist())))
        elif not is_number:
            names, sizes = np.unique(chosen, return_counts=True)
            self.counts.update(dict(zip(names.tolist(), sizes.tolist(), strict=True)))

    def _add_numbers(self, numbers: np.ndarray) -> None:
        self.least = min(self.least, float(numbers.min()))
        self.greatest = max(self.greatest, float(numbers.max()))
        with np.errstate(invalid="ignore"):  # of both infinities
            self.total += float(numbers.sum())
        if self.entries < _KEPT:
            self.numbers.append(numbers[np.isfinite(numbers)])
        self.entries += len(numbers)

    def line(self) -> dict[str, Any]:
        """Returns a line of the table."""
        some = self.entries > 0
        return {
            "rows": self.rows,
            "labelled": self.labelled,
            "classes": sum(count > 0 for count in self.counts.values()) if self.counts else np.nan,
            "min": self.least if some else np.nan,
            "mean": self.total / self.entries if some else np.nan,
            "max": self.greatest if some else np.nan,
        }

    def kept(self) -> np.ndarray:
        """Returns some of the numbers."""
        return np.concatenate(self.numbers)[:_KEPT] if self.numbers else np.zeros(0)


def _there(values: np.ndarray, is_number: bool) -> np.ndarray:
    """Returns where labels are not missing: as numbers -1 is a value."""
    if values.dtype.kind in "OSU":
        texts = [text not in (None, "", b"") for text in values.flat]
        return np.array(texts, bool).reshape(values.shape)
    numbers = values.astype("float64")
    return ~np.isnan(numbers) & (is_number | (numbers != MISSING))


def _class_table(counts: Mapping[str, Mapping[Any, int]], target: Target | None) -> Any:
    """Returns how often each class is in each split, also those that are in none."""
    import pandas as pd

    known: Iterable[Any] = sorted({label for each in counts.values() for label in each})
    if target is not None:
        size = target.units if target.kind == "multilabel" else target.num_classes
        known = range(size) if size else known
    names = target.class_names if target else None
    index = [names[label] if names else _text(label) for label in known]
    columns = {part: [each.get(label, 0) for label in known] for part, each in counts.items()}
    return pd.DataFrame(columns, index=pd.Index(index, name="class"))


def _text(label: Any) -> str:
    return label.decode() if isinstance(label, bytes) else str(label)


def _draw_classes(axis: Any, counts: Any) -> None:
    places = np.arange(len(counts))
    height = 0.8 / len(counts.columns)
    for number, part in enumerate(counts.columns):
        shares = counts[part] / max(counts[part].sum(), 1)
        axis.barh(places + (number + 0.5) * height - 0.4, shares, height,
                  color=_COLOURS[number % 3], label=part)  # fmt: skip
    size = 9 if len(counts) <= 12 else 6
    axis.set_yticks(places, [str(name)[:24] for name in counts.index], fontsize=size,
                    parse_math=False)  # fmt: skip
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter("{x:.0%}")


def _draw_numbers(axis: Any, numbers: Mapping[str, np.ndarray]) -> None:
    filled = {part: values for part, values in numbers.items() if len(values)}
    if not filled:
        axis.text(0.5, 0.5, "no labels", ha="center", transform=axis.transAxes)
        return
    bins = int(np.clip(np.sqrt(min(map(len, filled.values()))), 5, 30))
    edges = np.histogram_bin_edges(np.concatenate(list(filled.values())), bins)
    for number, (part, values) in enumerate(filled.items()):
        heights = np.histogram(values, edges)[0] / len(values)
        axis.stairs(heights, edges, color=_COLOURS[number % 3], label=part, linewidth=1.6)
    axis.yaxis.set_major_formatter("{x:.0%}")
