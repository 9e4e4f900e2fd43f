"""One structure for the rows of data sets that differ: what a row lacks is filled in and marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ...names import check_task_names

PRESENT = "_present"
Specs = dict[str, tf.TensorSpec]


@dataclass(frozen=True)
class RowSpec:
    """What a row of one data set has; specs are those of a single row.

    Args:
        name: The data set.
        x: `{input: spec}`; the input of a data set whose x is a tensor has the name "".
        y: `{task: spec}`.
        weight: `{task: spec}`, or None without sample weights.
    """

    name: str
    x: Specs
    y: Specs
    weight: Specs | None

    def parts(self, element: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        """Returns x, y and weights of an element as dictionaries with these names."""
        x, y, *rest = element
        x = x if isinstance(x, Mapping) else {"": x}
        y = y if isinstance(y, Mapping) else {self.name: y}
        weight = rest[0] if rest else None
        if rest and not isinstance(weight, Mapping):
            weight = dict.fromkeys(self.y, weight)
        return x, y, weight


def row_spec(name: str, element_spec: Any, batched: bool) -> RowSpec:
    """Returns what a row of a data set has.

    Args:
        name: Name of the data set; the task of labels that are a tensor.
        element_spec: Of the data set.
        batched: Whether its elements are batches.

    Raises:
        ValueError: Unless the elements are (x, y) or (x, y, weights) of dense tensors.
    """
    if not isinstance(element_spec, tuple) or len(element_spec) not in (2, 3):
        raise ValueError(
            f"The data set {name!r} must yield (x, y) or (x, y, sample weights), with y a tensor "
            f"or {{task: tensor}}. Its elements are {_shown(element_spec)}. Bring them to this "
            "form with `dataset.map(...)`."
        )
    rows = []
    for part, spec in zip(("x", "y", "sample weights"), element_spec, strict=False):
        named = dict(spec) if isinstance(spec, Mapping) else {"": spec}
        for key, value in named.items():
            if not isinstance(value, tf.TensorSpec) or value.shape.rank is None:
                raise ValueError(
                    f"{_where(name, part, key)} must be a dense tensor of known rank, but is "
                    f"{_shown(value)}. Name each input, x = {{name: tensor}}, and pad rows of "
                    "different lengths."
                )
        rows.append({key: _row(value) if batched else value for key, value in named.items()})
    x, y = rows[:2]
    if list(y) == [""]:
        y = {name: y[""]}
    check_task_names(y)
    weight = rows[2] if len(rows) == 3 else None
    if weight is not None and list(weight) == [""]:
        weight = dict.fromkeys(y, weight[""])
    if weight is not None and set(weight) != set(y):
        raise ValueError(
            f"The data set {name!r} has sample weights for {sorted(weight)} and labels for "
            f"{sorted(y)}. Give one tensor for all tasks, or a weight for each."
        )
    return RowSpec(name, x, y, weight)


def is_batched(element_spec: Any) -> bool:
    """Tells batches from rows: all tensors of a batch have a first dimension that may vary.

    Args:
        element_spec: Of a data set.
    """
    specs = tf.nest.flatten(element_spec)
    return all(
        isinstance(spec, tf.TensorSpec) and spec.shape.rank and spec.shape[0] is None
        for spec in specs
    )


class Structure:
    """The structure of a mixture, and the way to it from each of its data sets.

    Args:
        rows: What a row of each data set has.

    Raises:
        ValueError: If two data sets disagree on an input or a task, or something is missing that
            has no fixed shape.
    """

    def __init__(self, rows: list[RowSpec]) -> None:
        plain = [row.name for row in rows if "" in row.x]
        if plain and len(plain) < len(rows):
            named = next(row.name for row in rows if "" not in row.x)
            raise ValueError(
                f"x is a tensor in the data set {plain[0]!r} and a dictionary in {named!r}. Name "
                "the inputs of both: `dataset.map(lambda x, y: ({'image': x}, y))`."
            )
        self.rows = {row.name: row for row in rows}
        self.x = _joined({row.name: row.x for row in rows}, "input")
        self.y = _joined({row.name: row.y for row in rows}, "task")
        self.optional = [key for key in self.x if any(key not in row.x for row in rows)]
        for key in self.optional:
            if key + PRESENT in self.x:
                raise ValueError(
                    f"The inputs are called {key!r} and {key + PRESENT!r}, but the second name is "
                    f"that of the mark for rows without {key!r}. Rename it."
                )
        self.y = {
            task: _holding_missing(spec) if any(task not in row.y for row in rows) else spec
            for task, spec in self.y.items()
        }
        self.weight = None
        if any(row.weight for row in rows):
            given = _joined({row.name: row.weight or {} for row in rows}, "sample weight")
            self.weight = {
                task: tf.TensorSpec(given[task].shape if task in given else (), tf.float32)
                for task in self.y
            }

    def filler(self, name: str) -> Callable[..., tuple[Any, ...]]:
        """Returns the function from batches of one data set to batches of the mixture."""
        row = self.rows[name]

        def fill(*element: Any) -> tuple[Any, ...]:
            x, y, weight = row.parts(element)
            count = tf.shape(next(iter(x.values())))[0]
            inputs = {
                key: x[key] if key in x else _constant(spec, count, _nothing(spec))
                for key, spec in self.x.items()
            }
            for key in self.optional:
                inputs[key + PRESENT] = tf.fill([count], key in x)
            labels = {
                task: tf.cast(y[task], spec.dtype)
                if task in y
                else _constant(spec, count, _missing(spec))
                for task, spec in self.y.items()
            }
            made = (inputs.get("", inputs), labels)
            if self.weight is None:
                return made
            weights = {
                task: tf.cast(weight[task], tf.float32)
                if weight is not None and task in weight
                else _constant(spec, count, float(task in y))
                for task, spec in self.weight.items()
            }
            return (*made, weights)

        return fill


def _joined(by_data_set: Mapping[str, Specs], what: str) -> Specs:
    """Returns the specs under all names, or says what disagrees or cannot be filled in."""
    joined: Specs = {}
    owner: dict[str, str] = {}
    for name, specs in by_data_set.items():
        for key, spec in specs.items():
            if key not in joined:
                joined[key], owner[key] = spec, name
            elif joined[key].dtype != spec.dtype or not spec.is_compatible_with(joined[key]):
                called = f"The {what} {key!r}" if key else "x"
                raise ValueError(
                    f"{called} is {_shown(joined[key])} in the data set {owner[key]!r} "
                    f"and {_shown(spec)} in {name!r}. Bring both to one type and shape with "
                    "`dataset.map(...)`"
                    + (", or name the inputs, x = {name: tensor}." if key == "" else ".")
                )
            else:
                joined[key] = tf.TensorSpec(_both(joined[key].shape, spec.shape), spec.dtype)
    for key, spec in joined.items():
        without = [name for name, specs in by_data_set.items() if key not in specs]
        if without and not spec.shape.is_fully_defined():
            raise ValueError(
                f"The {what} {key!r} of the data set {owner[key]!r} has the shape {spec.shape} and "
                f"is missing in {without[0]!r}: nothing of unknown size can be filled in. Pad it "
                "to one size, or state the size with `tf.ensure_shape`."
            )
    return joined


def _both(first: tf.TensorShape, second: tf.TensorShape) -> tf.TensorShape:
    """Returns the dimensions that two shapes share, None where one of them is not known."""
    return tf.TensorShape([a if a == b else None for a, b in zip(first, second, strict=True)])


def _row(spec: tf.TensorSpec) -> tf.TensorSpec:
    return tf.TensorSpec(spec.shape[1:], spec.dtype)


def _constant(spec: tf.TensorSpec, count: tf.Tensor, value: Any) -> tf.Tensor:
    return tf.fill([count, *spec.shape], tf.constant(value, spec.dtype))


def _nothing(spec: tf.TensorSpec) -> Any:
    """Returns what stands for an input that is not there."""
    return "" if spec.dtype == tf.string else 0


def _missing(spec: tf.TensorSpec) -> Any:
    """Returns the missing label of a type."""
    if spec.dtype == tf.string:
        return ""
    return math.nan if spec.dtype.is_floating else -1


def _holding_missing(spec: tf.TensorSpec) -> tf.TensorSpec:
    """Returns a type that holds -1 too, where the labels are whole numbers."""
    if spec.dtype.is_bool or (spec.dtype.is_unsigned and spec.dtype.size < 4):
        return tf.TensorSpec(spec.shape, tf.int32)
    return tf.TensorSpec(spec.shape, tf.int64) if spec.dtype.is_unsigned else spec


def _where(name: str, part: str, key: str) -> str:
    return f"{part}{f'[{key!r}]' if key else ''} of the data set {name!r}"


def _shown(spec: Any) -> str:
    if isinstance(spec, tf.TensorSpec):
        return f"{spec.dtype.name} {spec.shape}"
    return str(spec)
