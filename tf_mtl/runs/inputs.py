"""A file of a user → what the model of a run takes: inputs in chunks, or inputs and labels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from .. import data
from ..data.arrays import read_npz
from ..data.checks import check_inputs
from ..data.labels.encode import encode_labels
from ..data.labels.labels import Labels
from ..data.tables.frames import with_rows_of
from ..data.tables.target_columns import encode_columns, target_columns, text_targets
from ..names import check_known
from ..training import MultiTaskModel
from .errors import InputError
from .folder import RunFolder
from .npz_chunks import npz_chunks, npz_shapes
from .source import TABLES, bad_data, read_table, source_kind


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Args:
        x: What the model takes.
        kept: `{column: [rows]}` to be passed on unchanged.
        rows: Number of rows.
    """

    x: Any
    kept: dict[str, Any]
    rows: int


def input_chunks(
    run: RunFolder, model: MultiTaskModel, path: str, chunk_rows: int, keep: Sequence[str] = ()
) -> Iterator[Chunk]:
    """Yields the rows of a CSV, Parquet or NPZ file as the model takes them.

    Args:
        run: The run, which knows how the training file was read.
        model: Its model.
        path: The file.
        chunk_rows: Rows at a time.
        keep: Columns to pass on.

    Raises:
        InputError: For a column that is not there, or cells that the model cannot take.
        FileNotFoundError: If there is no such file.
    """
    kind = source_kind(path)
    if kind in TABLES:
        yield from _table_chunks(run, model, path, chunk_rows, keep)
    elif kind == "npz":
        arrays = _npz_inputs(model, path)
        for part in npz_chunks(path, [*arrays.values(), *keep], chunk_rows):
            with bad_data(path):
                x = check_inputs({name: part[array] for name, array in arrays.items()}, path)
            rows = len(next(iter(part.values())))
            yield Chunk(_as_model_input(model, x), {name: part[name] for name in keep}, rows)
    else:
        raise InputError(f"Give a CSV, Parquet or NPZ file with rows, not {path!r}.")


def labelled(run: RunFolder, model: MultiTaskModel, path: str) -> tuple[Any, dict[str, np.ndarray]]:
    """Returns `(x, {task: y})` of a file with labels.

    Labels are encoded as those of the training file were.

    Args:
        run: The run.
        model: Its model.
        path: CSV, Parquet or NPZ file.

    Raises:
        InputError: For a column or array that is not there, or labels that do not fit.
    """
    config, targets = run.config(), run.targets()
    kind = source_kind(path)
    if kind in TABLES:
        _check_takes_columns(model, path)
        with bad_data(path):
            texts = [*_text_inputs(run, model), *text_targets(config.data.targets, targets)]
        frame = read_table(config.data, path, text_columns=texts)
        if not len(frame):
            raise InputError(f"{path} is empty: it has columns but no rows.")
        with bad_data(path):
            columns = target_columns(config.data.targets, list(frame.columns))
            y = {c.task: encode_columns(c, frame, path, targets[c.task])[0] for c in columns}
            return _columns(run, model, frame, path), y
    if kind != "npz":
        raise InputError(f"Give a CSV, Parquet or NPZ file with labels, not {path!r}.")
    arrays = _npz_inputs(model, path)
    check_known(targets, npz_shapes(path), f"array of {path}")
    with bad_data(path):
        found = read_npz(Path(path), [*arrays.values(), *targets])
        x = check_inputs({name: found[array] for name, array in arrays.items()}, path)
        y = {
            task: encode_labels(Labels(task, found[task], f"{path}[{task!r}]"), target)[0]
            for task, target in targets.items()
        }
    return _as_model_input(model, x), y


def _table_chunks(
    run: RunFolder, model: MultiTaskModel, path: str, chunk_rows: int, keep: Sequence[str]
) -> Iterator[Chunk]:
    _check_takes_columns(model, path)
    start = 0
    columns = run.facts()["columns"]
    inputs = {columns.get(one.name, one.name) for one in model.inputs}
    # Identifiers stay as they are written; inputs are read as in training.
    texts = [*_text_inputs(run, model), *(name for name in keep if name not in inputs)]
    frames = read_table(run.config().data, path, chunk_rows, texts)
    with bad_data(path), contextlib.closing(frames):
        for frame in frames:
            with bad_data(path):
                check_known(keep, [str(name) for name in frame.columns], f"column of {path}")
                x = _columns(run, model, with_rows_of(None, frame, start), path)
            if len(frame):
                yield Chunk(x, {name: frame[name] for name in keep}, len(frame))
            start += len(frame)


def _columns(run: RunFolder, model: MultiTaskModel, frame: Any, where: str) -> dict[str, Any]:
    columns = run.facts()["columns"] or None
    return data.inputs_from_dataframe(frame, model.input, columns, where)


def _text_inputs(run: RunFolder, model: MultiTaskModel) -> list[str]:
    """Returns the columns that were text in training, though a file may hold only digits there."""
    columns = run.facts()["columns"]
    return [columns.get(one.name, one.name) for one in model.inputs if one.dtype == "string"]


def _check_takes_columns(model: MultiTaskModel, path: str) -> None:
    if any(tuple(one.shape[1:]) != (1,) for one in model.inputs):
        shapes = {one.name: tuple(one.shape[1:]) for one in model.inputs}
        raise InputError(
            f"The model takes arrays, {shapes} for each row, and no columns: {path} cannot be read "
            "as such. Give an NPZ file written by numpy.savez."
        )


def _npz_inputs(model: MultiTaskModel, path: str) -> dict[str, str]:
    """Returns `{input: array}`, after a look at the shapes."""
    shapes = npz_shapes(path)
    inputs = {one.name: one for one in model.inputs}
    arrays = {name: name for name in inputs}
    if len(inputs) == 1:
        # The only input may have any name, as in `from_npz`.
        others = [name for name in shapes if name not in model.tasks]
        only = next(iter(inputs))
        if only not in shapes and len(others) == 1:
            arrays[only] = others[0]
    for name, array in arrays.items():
        if array not in shapes:
            held = ", ".join(map(repr, shapes))
            raise InputError(
                f"{path} lacks the array {array!r}, an input of the model. It has {held}."
            )
        expected = tuple(inputs[name].shape[1:])
        if not _fits(shapes[array][1:], expected):
            raise InputError(
                f"The rows of array {array!r} of {path} have the shape {shapes[array][1:]}; the "
                f"model's input {name!r} takes {expected}."
            )
    return arrays


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(
        side is None or side == size for size, side in zip(shape, expected, strict=True)
    )


def _as_model_input(model: MultiTaskModel, x: Any) -> Any:
    return x if isinstance(model.input, dict) else next(iter(keras.tree.flatten(x)))
