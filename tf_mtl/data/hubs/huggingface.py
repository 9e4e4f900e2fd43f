"""A data set of HuggingFace `datasets` → `Splits`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...names import check_known
from ..arrays import PARTS
from ..splits import Splits
from ..tables.table import splits_from_tables
from ..tables.target_columns import target_columns
from ..targets import Target
from .encoded_cells import Reading
from .huggingface_table import HuggingFaceTable

_OWN_NAMES = {"train": ("train",), "valid": ("validation", "valid", "dev"), "test": ("test",)}


def from_huggingface(
    dataset: Any,
    targets: Mapping[str, Any],
    *,
    splits: Mapping[str, str] | None = None,
    size: Sequence[int] | None = None,
    channels: int | None = None,
    seconds: float | None = None,
    tokens: int | None = None,
    check: bool = True,
    **options: Any,
) -> Splits:
    """Makes training, validation and test data of a data set of HuggingFace `datasets`.

    Columns of numbers, categories and dates are encoded as those of any table; a `ClassLabel`
    brings the names and the order of the classes, or its numbers to a multilabel task or a
    regression. What else is an input stays by itself in `features`, as `{name: tensor}` if there
    are several:

    * images, uint8 `[B, height, width, channels]`, scaled to 0…1 inside the model; they are decoded
      and resized while the model trains;
    * sounds, float32 `[B, samples]` from -1 to 1, of WAV files with PCM or floats, resampled where
      the column has a `sampling_rate`; shorter ones are followed by silence, longer ones are cut
      off;
    * lists of numbers, all of one length, and arrays: `[B, n]`, `[B, …]`;
    * lists of words, joined to texts `[B, 1]` as a `TextEncoder` takes them, and texts that the
      `encoding` names in `texts`;
    * lists of whole numbers that differ in length: numbers of tokens, int32 `[B, tokens]`, filled
      up with 0.

    Args:
        dataset: A `datasets.Dataset`, a `datasets.DatasetDict`, or the folder of one that
            `save_to_disk` wrote. For one of the hub, pass what `datasets.load_dataset` returns.
        targets: Which columns are labels of what kind; see `from_dataframe`.
        splits: `{"train": …, "valid": …, "test": …}`, names in the dictionary. By default "train",
            "validation" and "test"; parts that are not there are split off the training rows.
        size: Height and width to which images are resized; None where all have one size.
        channels: Of images, as for `from_image_folder`; None for 1 where all of them are grey, else
            for 3.
        seconds: Length of a sound; None for that of the longest in the training split.
        tokens: Words or numbers kept of a list, and tags; None for all, and with numbers for those
            of the longest list in the training split.
        check: Whether every image is decoded once now, so that one that cannot be is named before
            training. Without it `size` and `channels` are needed.
        **options: `batch_size`, `seed`, `fractions`, `stratify`, `groups`, `in_order`, `ignore` and
            `encoding` of `from_dataframe`.

    Raises:
        ImportError: If a folder is given and `datasets` is not installed.
        ValueError: If it is no such data set, lacks a split, holds what cannot be an input, an
            image or sound that cannot be decoded or images of several sizes, and for all that
            `from_dataframe` refuses, naming split, column and row.

    >>> import datasets  # doctest: +SKIP
    >>> from_huggingface(datasets.load_dataset("imdb"), {"label": "auto"})  # doctest: +SKIP
    """
    parts = _parts(_loaded(dataset), splits)
    train = parts.pop("train")
    for one in parts.values():
        check_known(one.features, train.features, "column of another split")
    reading = Reading(size, channels, seconds, tokens, check)
    numbers = _columns_of_kinds(("multilabel", "regression"), targets, train)
    tags = _columns_of_kinds(("tagging",), targets, train)

    def table(one: Any, part: str) -> HuggingFaceTable:
        return HuggingFaceTable(one, f"the split {part!r}", numbers, tags, reading)

    apart = {part: table(one, part) for part, one in parts.items()}
    return splits_from_tables(
        table(train, "train"), apart, _told(targets, train, numbers), **options
    )


def _loaded(dataset: Any) -> Any:
    if not isinstance(dataset, (str, Path)):
        return dataset
    try:
        import datasets
    except ImportError:
        raise ImportError(
            "Folders of HuggingFace data sets need the package datasets: "
            "pip install 'tf_mtl[huggingface]'."
        ) from None
    if not Path(dataset).is_dir():
        raise NotADirectoryError(
            f"There is no folder {dataset}. Give one that `save_to_disk` wrote, or pass what "
            "datasets.load_dataset(...) returns."
        )
    try:
        return datasets.load_from_disk(str(dataset))
    except (FileNotFoundError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{dataset} is no folder that `save_to_disk` wrote: {reason}") from None


def _parts(dataset: Any, splits: Mapping[str, str] | None) -> dict[str, Any]:
    """Returns `{"train": dataset}` and the other parts that the source keeps apart."""
    if not isinstance(dataset, Mapping):
        if not hasattr(dataset, "features") or not hasattr(dataset, "with_format"):
            raise ValueError(
                f"Expected a datasets.Dataset or DatasetDict, not {type(dataset).__name__}."
            )
        _check_rows_in_place(dataset)
        return {"train": dataset}
    for one in dataset.values():
        _check_rows_in_place(one)
    if splits is None:
        found = {part: [name for name in names if name in dataset]
                 for part, names in _OWN_NAMES.items()}  # fmt: skip
        splits = {part: names[0] for part, names in found.items() if names}
    check_known(splits, PARTS, "part in `splits`")
    check_known(splits.values(), dataset, "split of the data set")
    if "train" not in splits:
        raise ValueError(
            f"The data set has the splits {list(dataset)} and none called 'train'. Say which is "
            f'which: splits={{"train": {next(iter(dataset), "…")!r}}}.'
        )
    return {part: dataset[name] for part, name in splits.items()}


def _check_rows_in_place(dataset: Any) -> None:
    if not hasattr(dataset, "__len__"):
        raise ValueError(
            "The data set is a stream. Load it without streaming=True, or pass "
            "`dataset.take(n)` as a list of rows to datasets.Dataset.from_list."
        )
    if dataset.format["type"] == "custom":
        raise ValueError(
            "The data set has a transform (set_transform, with_transform), which would not be "
            "applied: its rows are read as they are stored. Apply it with dataset.map(…), or "
            "remove it with dataset.reset_format()."
        )


def _columns_of_kinds(kinds: Sequence[str], targets: Mapping[str, Any], dataset: Any) -> set[str]:
    """Returns the columns that are labels of such a kind in one task at least."""
    found = set()
    for task in target_columns(targets, list(dataset.features)):
        kind = task.kind.kind if isinstance(task.kind, Target) else task.kind
        if kind in kinds:
            found |= set(task.columns)
    return found


def _told(targets: Mapping[str, Any], dataset: Any, numbers: Collection[str]) -> dict[str, Any]:
    """Returns the targets with the classes that the data set tells.

    Args:
        targets: What the user gave.
        dataset: The training rows.
        numbers: Columns in which the classes are their numbers.
    """
    told = dict(targets)
    for task in target_columns(targets, list(dataset.features)):
        feature = dataset.features[task.columns[0]]
        of_tokens = _class_names(getattr(feature, "feature", None))
        names = of_tokens or _class_names(feature)
        if of_tokens and task.kind == "auto":
            raise ValueError(
                f"Column {task.columns[0]!r} holds lists of classes. Say what they are: "
                f'{{{task.task!r}: "tagging"}} for a class of each token. Of the classes that a '
                'row has make flags with dataset.map, and choose "multilabel".'
            )
        if not names or isinstance(task.kind, Target):
            continue
        if task.positive:
            wanted = [_class_name(choice, names) for choice in task.positive]
            if task.columns[0] in numbers:
                wanted = [str(names.index(name)) for name in wanted if name in names]
            told[task.task] = {**targets[task.task], "positive": wanted}
            continue
        kind = task.kind
        if kind == "auto":
            kind = "binary" if len(names) == 2 else "classification"
        if kind == "binary" and len(names) != 2:
            raise ValueError(
                f"Task {task.task!r} is binary, but column {task.columns[0]!r} has {len(names)} "
                f"classes: {names[:8]}. Choose 'classification', or say which are positive."
            )
        key = next(key for key in targets if key in (task.task, task.columns[0]))
        rule = {"column": task.columns[0]} if isinstance(targets[key], Mapping) else None
        if kind in ("binary", "classification", "tagging"):
            in_order = None if task.columns[0] in numbers else tuple(names)
            target = Target(kind, num_classes=len(names), class_names=in_order)
            told[key] = target if rule is None else {**rule, "kind": target}
    return told


def _class_name(choice: str, names: list[str]) -> str:
    """Returns the name of a class that is given by its name or its number."""
    if choice not in names and choice.isdecimal() and int(choice) < len(names):
        return names[int(choice)]
    return choice


def _class_names(feature: Any) -> list[str]:
    return list(getattr(feature, "names", None) or ())
