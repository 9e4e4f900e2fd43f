"""Predictions for a file, and results on a file with labels."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ..data.labels.labels import known_labels
from ..evaluation import per_task
from ..names import unknown_name
from . import decode
from .errors import InputError
from .folder import RunFolder, check_writable, write_json
from .inputs import input_chunks, labelled
from .source import load_data
from .table_writer import table_writer
from .train import load_model

_CHUNK_ROWS = 10_000
_BATCH = 512


def predict(
    run: RunFolder,
    path: str,
    output: str | Path,
    *,
    probabilities: bool = False,
    keep: Sequence[str] = (),
    chunk_rows: int = _CHUNK_ROWS,
) -> int:
    """Writes one row for each row of a file: one column for each task.

    Args:
        run: The run whose best model predicts.
        path: CSV, Parquet or NPZ file with the inputs.
        output: CSV, JSON or Parquet file to write.
        probabilities: Whether to add those of the classes.
        keep: Columns of the file to put in front.
        chunk_rows: Rows in memory at a time.

    Returns:
        The number of rows.

    Raises:
        InputError: For a run without a model, a file that does not suit it, or an output that
            cannot be written or is the file itself.
    """
    check_output(output, path)
    model = load_model(run)
    total = 0
    with table_writer(output) as write:
        for chunk in input_chunks(run, model, path, chunk_rows, keep):
            outputs = keras.tree.map_structure(
                keras.ops.convert_to_numpy, model.predict(chunk.x, batch_size=_BATCH, verbose=0)
            )
            columns = decode.columns(outputs, model.heads, probabilities)
            for name in keep:
                if name in columns:
                    raise InputError(
                        f"--keep {name}: the output has a column of this name, the prediction."
                    )
            write({**chunk.kept, **columns})
            total += chunk.rows
        if not total:
            raise InputError(f"{path} has no rows to predict.")
    return total


def evaluate(run: RunFolder, path: str | None = None) -> tuple[dict[str, dict[str, float]], int]:
    """Returns the results of a run's best model on the test split, or on a file with labels.

    Args:
        run: The run.
        path: CSV, Parquet or NPZ file; None for the test split.

    Returns:
        `{task: {metric: value}}`, none for a task without labels, and the number of rows.

    Raises:
        InputError: If the file does not suit the model, or the data of the run have changed.
    """
    model = load_model(run)
    unlabelled: list[str] = []
    if path is None:
        config = run.config()
        splits = load_data(config.data, config.seed)
        if splits.fingerprint != run.facts()["data"]["fingerprint"]:
            raise InputError(
                f"{config.data.source} is not what it was when {run.path} was trained, so its test "
                "split may hold training rows. Give a file with labels to evaluate on."
            )
        dataset, rows = splits.test, splits.sizes["test"]
    else:
        x, y = labelled(run, model, path)
        rows = len(next(iter(y.values())))
        # Metrics are 0 or 1 without labels, which would look like results.
        unlabelled = [task for task, values in y.items() if not known_labels(values).any()]
        dataset = tf.data.Dataset.from_tensor_slices(_tensors(x, y)).batch(_BATCH)
    results = model.evaluate(dataset, verbose=0, return_dict=True)
    found = per_task(results, model)
    return {task: {} if task in unlabelled else found[task] for task in found}, rows


def check_output(output: str | Path, path: str) -> None:
    """Raises `InputError` if an output would take the place of the file that is read.

    Args:
        output: File to write.
        path: File to read, or a pattern of several.
    """
    read = [one for one in (path, *glob.glob(path, recursive=True)) if Path(one).exists()]
    if Path(output).exists() and any(Path(output).samefile(one) for one in read):
        raise InputError(f"The output {str(output)!r} is the data. Give another file.")


def check_results_file(path: str | Path) -> None:
    """Raises `InputError` if results could not be written to a file, before the work is done.

    Args:
        path: File that ends in .json.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise InputError(unknown_name(path.suffix, [".json"], f"ending of {str(path)!r}:"))
    if path.is_dir():
        raise InputError(f"Cannot write the results: {str(path)!r} is a folder.")
    if not path.absolute().parent.is_dir():
        raise InputError(f"There is no folder {str(path.parent)!r} to write {path} to.")
    check_writable(path.parent)


def write_results(path: str | Path, results: Mapping[str, Mapping[str, float]]) -> None:
    """Writes `{task: {metric: value}}` as JSON, to a file that `check_results_file` let pass."""
    write_json(Path(path), results)


def _tensors(x: Any, y: Any) -> Any:
    return keras.tree.map_structure(tf.convert_to_tensor, (x, y))
