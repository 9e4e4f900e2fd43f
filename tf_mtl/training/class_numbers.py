"""Names of classes in labels as numbers, for steps that XLA compiles."""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from ..heads import ClassLabels
from .by_task import as_task_dictionary
from .streams import mapped
from .texts import as_strings

if TYPE_CHECKING:
    from .model import MultiTaskModel


def numbered(model: MultiTaskModel, y: Any) -> Any:
    """Returns labels with names as the numbers of their classes, -1 where missing, if XLA needs it.

    A step that XLA compiles, as Keras chooses on a single GPU, knows no texts. In all others the
    label rules look up the names.

    Args:
        model: A compiled model.
        y: `{task: labels}`, or None.
    """
    named = _named_under_xla(model)
    if y is None or not named:
        return y
    labels = as_task_dictionary(y, model.tasks, "labels")
    return {
        task: _numbers(named[task], values) if task in named else values
        for task, values in labels.items()
    }


def numbered_data(model: MultiTaskModel, data: Any) -> Any:
    """Returns `(x, y, ...)` or a stream likewise, one drawn by other processes as it is."""
    if not _named_under_xla(model):
        return data
    if isinstance(data, tuple) and len(data) >= 2:
        return (data[0], numbered(model, data[1]), *data[2:])
    streams = (tf.data.Dataset, keras.utils.PyDataset, GeneratorType)
    if not isinstance(data, streams) or getattr(data, "use_multiprocessing", False):
        return data
    return mapped(data, lambda x, y, sample_weight: (x, numbered(model, y), sample_weight))


def _named_under_xla(model: MultiTaskModel) -> dict[str, ClassLabels]:
    """Returns the rules of the tasks whose labels may be names; none if XLA compiles nothing."""
    if model.run_eagerly or not model.jit_compile:
        return {}
    rules = {task: rule.named_classes for task, rule in model.label_rules.items()}
    return {task: rule for task, rule in rules.items() if rule is not None}


def _numbers(rule: ClassLabels, labels: Any) -> Any:
    labels = as_strings(labels)
    if getattr(labels, "dtype", None) != tf.string:
        return labels
    classes, labelled = rule.encode(labels)
    return tf.where(labelled, classes, -1)
