"""Arrays in memory or in an NPZ file → `Splits`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..names import check_known, check_task_names
from .checks import check_inputs, check_label_names, check_rows
from .files import existing_file
from .labels.encode import encode_labels
from .labels.labels import Labels
from .npz_file import opened_npz
from .partition import split, split_two
from .splits import Splits, build_splits
from .tables.column_store import ColumnStore
from .targets import Target

Kinds = Mapping[str, str | Target]
PARTS = ("train", "valid", "test")


def from_numpy(
    x: Any,
    y: Mapping[str, Any],
    targets: Kinds | None = None,
    *,
    batch_size: int = 64,
    seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    stratify: str | None = "auto",
    groups: Any = None,
    in_order: bool = False,
    test: tuple[Any, Mapping[str, Any]] | None = None,
) -> Splits:
    """Makes training, validation and test data of arrays.

    Missing labels are NaN in floats, -1 in classes, "" or None in text, and None or NA in objects
    and columns of pandas and polars, and what is masked; they stay missing.
    Text labels become classes in alphabetical order, and the `Target` keeps their names.

    Args:
        x: Inputs, `[rows, ...]` or `{name: [rows, ...]}`. No preprocessing is added.
        y: Labels, `{task: [rows] or [rows, units]}`, or a data frame.
        targets: `{task: kind or Target}` with the kinds of a `Target` and "auto". Kinds not given
            are told from the labels: floats are a regression; bools, 0 and 1, and two different
            texts are binary; more are a classification; whole numbers in several columns are
            multilabel.
        batch_size: Rows in a batch.
        seed: Split, and order of the training rows; the same seed gives the same batches.
        fractions: Share of training, validation and test rows. With `test` only the ratio of the
            first two counts.
        stratify: Task whose class shares are kept in every part; "auto" takes the first task
            with classes; None splits at random.
        groups: `[rows]`; rows of one group stay in one part, and so do those without one (None).
        in_order: Whether rows are split in their order, the last ones for the test, as rows in time
            need it; not with `groups`.
        test: `(x, y)` of test rows kept apart by the source; otherwise they are split off.

    Returns:
        `Splits`; unpacks as `train, valid, test`.

    Raises:
        ValueError: For lists instead of dictionaries, unequal numbers of rows, NaN or inf in x,
            labels that do not fit their kind, unknown or invalid names, or an empty part.

    >>> x = np.random.default_rng(0).normal(size=(100, 4))
    >>> splits = from_numpy(x, {"above": x[:, 0] > 0, "sum": x.sum(axis=1)}, batch_size=16)
    >>> {task: target.kind for task, target in splits.targets.items()}
    {'above': 'binary', 'sum': 'regression'}
    """
    x, y = _checked(x, y)
    encoded = _encode(y, targets or {}, "y")
    parts_of = [(x, {task: labels for task, (labels, _) in encoded.items()})]
    kinds = {task: target for task, (_, target) in encoded.items()}
    if test is not None:
        if not isinstance(test, (tuple, list)) or len(test) != 2:
            raise ValueError("`test` must be a pair (x, {task: y}), as the first two arguments.")
        parts_of.append(_checked_test(*test, x, kinds))
    rows = split_rows(
        parts_of[0][1],
        kinds,
        fractions=fractions,
        seed=seed,
        stratify=stratify,
        groups=groups,
        in_order=in_order,
        apart=() if test is None else ("test",),
    )
    if test is not None:
        rows["test"] = np.arange(len(next(iter(parts_of[1][1].values()))))
    sources = {"train": parts_of[0], "valid": parts_of[0], "test": parts_of[-1]}
    parts = {
        part: (take(sources[part][0], rows[part]), take(sources[part][1], rows[part]))
        for part in ("train", "valid", "test")
    }
    return build_splits(parts, kinds, rows, batch_size=batch_size, seed=seed)


def from_npz(
    path: str | Path, targets: Kinds | Sequence[str], inputs: Sequence[str] = (), **options: Any
) -> Splits:
    """Makes training, validation and test data of the arrays in an NPZ file.

    Args:
        path: File written by `numpy.savez`.
        targets: Which arrays are labels: `{array: kind or Target}`, or their names alone to have
            the kinds told from the labels.
        inputs: Which arrays are inputs; if empty, all others. A single one is passed to the model
            as an array, several as `{name: array}`.
        **options: Further arguments of `from_numpy`.

    Raises:
        FileNotFoundError: If there is no such file, naming the nearest.
        ValueError: For an unknown array, and for all that `from_numpy` refuses.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/points.npz"
    ...     np.savez(path, point=np.zeros((50, 2)), inside=np.arange(50) % 2)
    ...     from_npz(path, {"inside": "binary"}).sizes
    {'train': 40, 'valid': 5, 'test': 5}
    """
    path = existing_file(path)
    if isinstance(targets, str):
        raise ValueError(f"`targets` must be a dictionary or names, such as [{targets!r}].")
    arrays = read_npz(path)
    kinds = dict(targets) if isinstance(targets, Mapping) else dict.fromkeys(targets, "auto")
    check_known([*kinds, *inputs], arrays, f"array of {path}")
    rest = list(inputs) or [name for name in arrays if name not in kinds]
    if not rest:
        raise ValueError(f"{path} holds labels only: {sorted(arrays)}. Add an array of inputs.")
    x: Any = {name: arrays[name] for name in rest}
    if len(rest) == 1:
        x = x[rest[0]]
    return from_numpy(x, {task: arrays[task] for task in kinds}, kinds, **options)


def read_npz(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Returns arrays of an NPZ file by their names, by default all of them.

    Raises:
        ValueError: If it is no NPZ file, is damaged, or holds Python objects.
    """
    try:
        with opened_npz(path) as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in (file if names is None else names)}
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError(
            f"{path} cannot be read as NPZ: it holds Python objects, which are refused because "
            "reading them can run any code. Write numbers or text with numpy.savez."
        ) from None


def split_rows(
    y: Mapping[str, np.ndarray],
    kinds: Mapping[str, Target],
    *,
    fractions: Sequence[float],
    seed: int,
    stratify: str | None,
    groups: Any,
    in_order: bool,
    apart: Collection[str],
) -> dict[str, np.ndarray]:
    """Returns the row numbers of the training rows and of the parts that are split off.

    Args:
        y: Encoded labels, `{task: [rows, ...]}`.
        kinds: `{task: Target}`.
        fractions: Share of training, validation and test rows.
        seed: Of the split.
        stratify: Task whose class shares are kept.
        groups: `[rows]`; rows of one group stay in one part.
        in_order: Whether rows are split in their order.
        apart: Which of "valid" and "test" the source keeps apart.
    """
    with_classes = [task for task, target in kinds.items() if target.has_classes]
    if stratify == "auto":
        stratify = with_classes[0] if with_classes and not in_order else None
    if stratify is not None:
        check_known([stratify], with_classes, "task with classes to stratify by")
    strata = None if stratify is None else y[stratify]
    count = len(next(iter(y.values())))
    parts = [part for part in PARTS if part not in apart]
    if len(parts) == 1:
        return {"train": np.arange(count)}
    if len(parts) == 3:
        found: Sequence[np.ndarray] = split(count, fractions, seed, strata, groups, in_order)
    else:
        part = PARTS.index(parts[1])
        found = split_two(count, fractions, seed, strata, groups, in_order, part)
    return dict(zip(parts, found, strict=True))


def take(arrays: Any, rows: np.ndarray) -> Any:
    """Returns these rows of an array, of each array in a dictionary, or of a `ColumnStore`."""
    if isinstance(arrays, ColumnStore):
        return arrays.take(rows)
    if isinstance(arrays, dict):
        return {name: array[rows] for name, array in arrays.items()}
    return arrays[rows]


def _checked(x: Any, y: Any, where: str = "") -> tuple[Any, dict[str, np.ndarray]]:
    x = check_inputs(x, f"{where}x")
    y = check_label_names(y, f"{where}y")
    check_task_names(y)
    named = {f"{where}x": x} if not isinstance(x, dict) else {
        f"{where}x[{name!r}]": array for name, array in x.items()
    }  # fmt: skip
    check_rows({**named, **{f"{where}y[{task!r}]": labels for task, labels in y.items()}})
    both = set(y) & set(x) if isinstance(x, dict) else set()
    if both:
        raise ValueError(
            f"{sorted(both)} name inputs and tasks. A model's layers need different names: "
            "rename the input or the task."
        )
    return x, y


def _checked_test(
    x: Any, y: Any, reference: Any, kinds: Mapping[str, Target]
) -> tuple[Any, dict[str, np.ndarray]]:
    x, y = _checked(x, y, "test ")
    if isinstance(x, dict) != isinstance(reference, dict):
        raise ValueError("x and test x must both be arrays or both dictionaries.")
    if isinstance(x, dict):
        check_known(x, reference, "test input")
        check_known(reference, x, "input of the test rows")
    pairs = [(x[n], reference[n]) for n in x] if isinstance(x, dict) else [(x, reference)]
    for array, other in pairs:
        if array.shape[1:] != other.shape[1:]:
            raise ValueError(
                f"Test rows have the shape {array.shape[1:]}, training rows {other.shape[1:]}."
            )
    check_known(kinds, y, "task of the test rows")
    encoded = _encode({task: y[task] for task in y}, kinds, "test y")
    return x, {task: labels for task, (labels, _) in encoded.items()}


def _encode(
    y: Mapping[str, np.ndarray], kinds: Kinds, where: str
) -> dict[str, tuple[np.ndarray, Target]]:
    if not isinstance(kinds, Mapping):
        raise ValueError(
            f"`targets` is a {type(kinds).__name__}. Pass a dictionary {{task: kind or Target}}."
        )
    check_known(kinds, y, "task in `targets`") if where == "y" else check_known(y, kinds, "task")
    return {
        task: encode_labels(Labels(task, values, f"{where}[{task!r}]"), kinds.get(task, "auto"))
        for task, values in y.items()
    }
