"""The first batches of a stream, looked at as they pass."""

from __future__ import annotations

from collections.abc import Mapping
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from .checks import Problem, problems, shape_problem, weight_problems, wrong_inputs
from .streams import mapped

if TYPE_CHECKING:
    from .model import MultiTaskModel


class FirstBatches:
    """Looks at the first batches of a stream; a wrong label or input ends the training.

    A stream cannot be looked at beforehand without drawing from it. This happens on the host, on
    the way to the step, so that steps compiled by XLA are no exception.

    Args:
        model: A compiled model.
        where: What the data are for, "training" for instance, for the messages.
        batches: How many batches are looked at.
    """

    def __init__(self, model: MultiTaskModel, where: str, batches: int = 2) -> None:
        self.model = model
        self.where = where
        self.batches = batches
        self.seen = 0
        self.rows = 0

    def over(self, stream: Any) -> Any:
        """Returns the stream that is looked at; what is no stream of batches comes back as it is.

        Data sets that a strategy has distributed, and those drawn by other processes, are not
        looked at.
        """
        if isinstance(stream, tf.data.Dataset):
            self._check_specs(stream.element_spec)
            return mapped(stream.enumerate(), self._in_graph)
        by_processes = getattr(stream, "use_multiprocessing", False)
        if isinstance(stream, (keras.utils.PyDataset, GeneratorType)) and not by_processes:
            return mapped(stream, self._in_python)
        return stream

    def _check_specs(self, element: Any) -> None:
        """Refuses what shapes and types tell, before the step is traced with them."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(element)
        specs = y.items() if isinstance(y, Mapping) else []
        shapes = {
            task: tuple(spec.shape)
            for task, spec in specs
            if isinstance(spec, tf.TensorSpec) and spec.shape.rank is not None
        }
        if shapes and not any(shapes.values()):
            raise ValueError(
                f"The {self.where} data are rows, not batches: the labels have no axis of rows. "
                "Make batches of the data set: dataset.batch(32)."
            )
        for problem in wrong_inputs(self.model, x):
            raise ValueError(problem.message(self.where))
        for task, rule in self.model.label_rules.items():
            output = tuple(self.model.task_outputs[task].shape)
            text = shape_problem(rule, shapes[task], output) if shapes.get(task) else None
            if text:
                raise ValueError(Problem(f"Task {task!r}", None, text).message(self.where))

    def _in_graph(self, number: tf.Tensor, element: Any, _: Any) -> Any:
        """Returns an element of a `tf.data.Dataset`; those of small numbers are looked at."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(element)
        if not isinstance(y, Mapping):
            return element
        weights = weight if isinstance(weight, Mapping) else {None: weight}
        data = (x, _present(y), _present(weights))
        specs = tf.nest.map_structure(tf.type_spec_from_value, data)

        def look(number: tf.Tensor, *tensors: tf.Tensor) -> bool:
            if number == 0:
                self.rows = 0
            self._look(*tf.nest.pack_sequence_as(specs, tensors, expand_composites=True))
            return True

        seen = tf.cond(
            number < self.batches,
            lambda: tf.py_function(
                look, [number, *tf.nest.flatten(data, expand_composites=True)], tf.bool
            ),
            lambda: tf.constant(True),
        )
        with tf.control_dependencies([seen]):
            return tf.nest.map_structure(
                lambda value: None if value is None else tf.identity(value), element
            )

    def _in_python(self, x: Any, y: Any, sample_weight: Any) -> Any:
        if self.seen < self.batches and isinstance(y, Mapping):
            self.seen += 1
            self._look(x, y, sample_weight)
        return x, y, sample_weight

    def _look(self, x: Any, y: Mapping[str, Any], sample_weight: Any) -> None:
        x, y, sample_weight = keras.tree.map_structure(_as_array, (x, dict(y), sample_weight))
        for problem in weight_problems(sample_weight, self.rows):
            raise ValueError(problem.message(self.where))
        for problem in problems(self.model, x, y, self.rows):
            raise ValueError(problem.message(self.where))
        self.rows += max(map(len, y.values()), default=0)


def _present(values: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _as_array(value: Any) -> Any:
    return value.numpy() if isinstance(value, tf.Tensor) else value
