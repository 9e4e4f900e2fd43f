"""A scikit-learn bundle → `Splits`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import from_numpy
from ..labels.labels import MISSING
from ..splits import Splits
from .table import FrameTable, splits_from_tables
from .target_columns import encode_columns, target_columns


def from_bunch(bunch: Any, targets: Mapping[str, Any] | None = None, **options: Any) -> Splits:
    """Makes training, validation and test data of a bundle of `sklearn.datasets`.

    Inputs are the bundle's `images` if it has them, its texts, or else the columns of `data`. The
    labels are the columns of `target`; a single one without a name is called "target". Classes
    get the names in `target_names`.

    Args:
        bunch: `sklearn.utils.Bunch`, what `load_…` and `fetch_…` return, with or without
            `as_frame`.
        targets: As for `from_dataframe`; columns of `data` may be targets as well. None takes the
            columns of `target`, of kinds that are told from the labels.
        **options: Further arguments of `from_dataframe`; for images and texts, of `from_numpy`.

    Raises:
        ValueError: If it is no such bundle, and for all that `from_dataframe` refuses.

    >>> from sklearn.datasets import load_iris
    >>> splits = from_bunch(load_iris(), {"target": "auto", "petal length (cm)": "regression"})
    >>> {task: target.kind for task, target in splits.targets.items()}
    {'target': 'classification', 'petal_length_cm': 'regression'}
    """
    if not hasattr(bunch, "data") or getattr(bunch, "target", None) is None:
        raise ValueError(
            f"Expected a bundle of sklearn.datasets with `data` and `target`, not "
            f"{type(bunch).__name__}. Leave out return_X_y=True; use from_numpy for arrays."
        )
    labels = _labels(bunch)
    if targets is None:
        targets = dict.fromkeys(labels, "auto")
    texts = isinstance(bunch.data, list)
    if texts or hasattr(bunch, "images"):
        rows = np.array(bunch.data, object) if texts else np.asarray(bunch.images)
        tasks = target_columns(targets, list(labels))
        encoded = {task.task: encode_columns(task, labels, "the bundle") for task in tasks}
        y = {task: values for task, (values, _) in encoded.items()}
        return from_numpy(rows, y, {task: kind for task, (_, kind) in encoded.items()}, **options)
    frame = _columns(bunch)
    wanted = target_columns(targets, [*frame, *labels])
    used = {column for task in wanted for column in task.columns}
    both = [column for column in labels if column in used and column in frame]
    if both:
        raise ValueError(
            f"The bundle has a column {both[0]!r} in `data`, and labels of the same name. Rename "
            f"the column, or leave it out: bunch.data = bunch.data.drop(columns={both[0]!r})."
        )
    # A label that is not asked for is no input either: it would tell the others.
    table = frame.join(labels[[column for column in labels if column in used]])
    return splits_from_tables(FrameTable(table, "the bundle"), {}, targets, **options)


def _columns(bunch: Any) -> Any:
    import pandas as pd

    data = _dense(bunch.data)
    if isinstance(data, pd.DataFrame):
        return data.reset_index(drop=True)
    names = getattr(bunch, "feature_names", None)
    if names is None:
        names = [f"feature_{number}" for number in range(data.shape[1])]
    return pd.DataFrame(data, columns=list(names))


def _labels(bunch: Any) -> Any:
    """Returns the labels as a table, classes by their names."""
    import pandas as pd

    target, names = _dense(bunch.target), _names(bunch)
    if isinstance(target, pd.DataFrame):
        return target.reset_index(drop=True)
    values = np.asarray(target)
    if values.ndim == 2:
        columns = names or [f"target_{number}" for number in range(values.shape[1])]
        return pd.DataFrame(values, columns=columns)
    classes = np.unique(values[values != MISSING]) if values.dtype.kind in "iu" else ()
    if len(names) > 1 and np.array_equal(classes, np.arange(len(names))):
        # A missing label, -1, is the last place.
        values = np.array([*map(str, names), ""], object)[values]
        names = []
    name = names[0] if len(names) == 1 else getattr(target, "name", None) or "target"
    return pd.DataFrame({str(name): values})


def _dense(values: Any) -> Any:
    return values.toarray() if hasattr(values, "toarray") else values


def _names(bunch: Any) -> list[Any]:
    names = getattr(bunch, "target_names", None)
    return [] if names is None else list(names)
