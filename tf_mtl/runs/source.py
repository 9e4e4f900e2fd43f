"""The data section of a configuration → `Splits`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import data
from ..data.tables.encoding import as_encoding
from ..data.targets import KINDS
from ..data.tfrecord_schema import SCHEMA_FILE
from ..names import nearest, unknown_name
from .config import DataConfig
from .errors import InputError
from .npz_chunks import npz_shapes

TFDS = "tfds:"
# Options of each kind of source, as its loader calls them.
_OPTIONS = {
    "embedded": ("fractions",),
    "csv": (
        "targets", "fractions", "stratify", "ignore", "groups", "in_order", "test_path",
        "separator", "decimal", "names", "missing_values", "encoding", "stream",
    ),
    "parquet": (
        "targets", "fractions", "stratify", "ignore", "groups", "in_order", "test_path",
        "encoding", "stream",
    ),
    "npz": ("targets", "fractions", "stratify", "in_order", "inputs"),
    "tfds": ("targets", "inputs", "splits", "data_dir"),
    "tfrecord": (),
}  # fmt: skip
TABLES = ("csv", "parquet")
_FILES = {
    ".npz": "npz", ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".data": "csv",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
_COMPRESSED = (".gz", ".zip", ".xz", ".bz2")


def load_data(config: DataConfig, seed: int) -> data.Splits:
    """Loads the data of a run.

    Args:
        config: The data section.
        seed: Split, and order of the training rows.

    Raises:
        InputError: For an unknown source, column, kind or option, or labels that do not fit.
        FileNotFoundError: If the file is not there.

    >>> load_data(DataConfig(), seed=0).sizes["train"]
    1437
    """
    kind = source_kind(config.source)
    options = _given(config, kind)
    common: dict[str, Any] = {"batch_size": config.batch_size, "seed": seed}
    with bad_data(config.source, config.test_path):
        if kind == "embedded":
            return data.load(config.source, **common, **options)
        if kind == "tfrecord":
            return data.from_tfrecord(config.source, **common)
        targets = options.pop("targets", {})
        if not targets:
            raise InputError(_no_targets(config, kind))
        if kind == "csv":
            return data.from_csv(config.source, targets, **common, **options)
        if kind == "parquet":
            return data.from_parquet(config.source, targets, **common, **options)
        if kind == "npz":
            npz_shapes(config.source)  # says it more plainly than NumPy if this is no such file
            return data.from_npz(config.source, targets, **common, **options)
        tasks, kinds = _features(targets)
        name = config.source.removeprefix(TFDS)
        return data.from_tfds(name, tasks, kinds, **common, **options)


def source_kind(source: str) -> str:
    """Tells "embedded", "csv", "parquet", "npz", "tfrecord" or "tfds" from the name of a source.

    Raises:
        InputError: For a name that is neither a data set nor a file of a known type.

    >>> source_kind("people.csv.gz")
    'csv'
    """
    if source.startswith(TFDS):
        return "tfds"
    if source in data.names():
        return "embedded"
    if (Path(source) / SCHEMA_FILE).is_file():
        return "tfrecord"
    suffixes = [s.lower() for s in Path(source).suffixes if s.lower() not in _COMPRESSED]
    if suffixes and suffixes[-1] in _FILES:
        return _FILES[suffixes[-1]]
    if Path(source).exists():
        raise InputError(
            f"{source!r} is not a type of file that is known: {', '.join(_FILES)} (text files "
            "possibly compressed), or a configuration with the ending .yaml."
        )
    choices = [
        *data.names(), "FILE.csv", "FILE.parquet", "FILE.npz", "FILE.yaml", f"{TFDS}NAME"
    ]  # fmt: skip
    guess = nearest(source, data.names())
    hint = f" Did you mean {guess!r}?" if guess else ""
    raise InputError(f"Unknown data {source!r}. Give one of {', '.join(choices)}.{hint}")


@contextlib.contextmanager
def bad_data(source: str, test_path: str | None = None) -> Iterator[None]:
    """Turns what loaders raise about the user's data into `InputError`.

    Args:
        source: File or data set, put before messages that name neither it nor the test file.
        test_path: The test file, if there is one.
    """
    try:
        yield
    except InputError:
        raise
    except (ValueError, ConnectionError) as error:
        text = str(error)
        names = [Path(source).name, source.removeprefix(TFDS)]
        names += [] if test_path is None else [Path(test_path).name]
        named = any(name in text for name in names)
        raise InputError(text if named else f"{source}: {text}") from error


def _given(config: DataConfig, kind: str) -> dict[str, Any]:
    """Returns the options that are not left at their default; refuses those of other sources."""
    given = {
        name: value
        for name, value in config.model_dump(exclude={"source", "batch_size"}).items()
        if value not in (None, {})
    }
    for name in given:
        if name not in _OPTIONS[kind]:
            others = [other for other in _OPTIONS if name in _OPTIONS[other]]
            raise InputError(
                f"The option {name!r} is for {' and '.join(others)} sources; {config.source!r} "
                f"({kind}) takes {', '.join(_OPTIONS[kind]) or 'none'}."
            )
    return given


def _no_targets(config: DataConfig, kind: str) -> str:
    what = {"npz": "array", "tfds": "feature"}.get(kind, "column")
    names: list[str] = []
    if kind in TABLES:
        names = list(read_table(config).columns)
    elif kind == "npz":
        names = list(npz_shapes(config.source))
    held = f" {config.source} has {', '.join(map(repr, names))}." if names else ""
    return (
        f"Which {what}s are labels? Give --target {what.upper()}=KIND once or more (kinds: "
        f"{', '.join(KINDS)}, auto), or `targets` in the YAML file.{held}"
    )


def read_table(
    config: DataConfig,
    path: str | None = None,
    chunk_rows: int | None = None,
    text_columns: Sequence[str] = (),
) -> Any:
    """Reads a CSV file in the way in which that of the run was read, or a Parquet file.

    Args:
        config: The data section of the run.
        path: The file, or a pattern of several; None for the run's own.
        chunk_rows: If given, yield tables of so many rows.
        text_columns: Columns of a CSV file to keep as text, besides those that the run says are
            categorical.
    """
    encoding = as_encoding(config.encoding)
    path = path or config.source
    with bad_data(path):
        if source_kind(path) == "parquet":
            return data.read_parquet(path, chunk_rows)
        return data.read_csv(
            path,
            separator=config.separator or ",",
            decimal=config.decimal or ".",
            names=config.names,
            missing_values=config.missing_values or (),
            text_columns=[*encoding.categorical, *encoding.texts, *text_columns],
            chunk_rows=chunk_rows,
        )


def _features(targets: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Returns `{task: feature}` and `{task: kind}` of targets written as for a table."""
    tasks, kinds = {}, {}
    for task, rule in targets.items():
        wanted = rule if isinstance(rule, Mapping) else {"kind": rule}
        for key in wanted:
            if key not in ("column", "kind"):
                raise InputError(unknown_name(key, ("column", "kind"), f"key of target {task!r}"))
        tasks[task] = str(wanted.get("column", task))
        if wanted.get("kind") not in (None, "auto"):
            kinds[task] = wanted["kind"]
    return tasks, kinds
