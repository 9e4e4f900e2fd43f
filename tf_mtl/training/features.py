"""The shared features: where the graph is cut, so that gradients are taken there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from ..keras_internals import copy_mask, node_of, run_graph
from ..trunks.graph import nodes_before
from ..trunks.repeated import repeated_run

if TYPE_CHECKING:
    from .model import MultiTaskModel


class FeatureCut:
    """A model in two parts: up to the shared features, and from there to the outputs.

    A tensor is shared if it is on the path to more than one task. The features are the shared
    tensors that something unshared is computed from: the output of a trunk, the experts of
    MMoE, the streams before the last cross-stitch unit.

    Args:
        model: Multi-task model.
        tasks: Its tasks that have a loss.
        what: What needs the features, and what to do where there are none: for the error.

    Raises:
        ValueError: If no feature is shared.

    >>> from tf_mtl import MultiTaskModel
    >>> inputs = keras.Input((4,))
    >>> features = keras.layers.Dense(3, name="trunk")(inputs)
    >>> outputs = {task: keras.layers.Dense(1)(features) for task in ("a", "b")}
    >>> FeatureCut(MultiTaskModel(inputs, outputs), ["a", "b"]).features[0].shape
    (None, 3)
    """

    def __init__(
        self,
        model: MultiTaskModel,
        tasks: Sequence[str],
        what: tuple[str, str] = ("wrt='features'", "Use wrt='parameters'."),
    ) -> None:
        outputs = model.task_outputs
        shared = _shared_nodes([outputs[task] for task in tasks])
        crossing = _crossing(shared, list(outputs.values()))
        self._is_feature = [_is_feature(tensor) for tensor in crossing]
        self.features = [
            tensor for tensor, is_one in zip(crossing, self._is_feature, strict=True) if is_one
        ]
        if not self.features:
            raise ValueError(
                f"{what[0]} needs features that are computed once, by variables that are trained, "
                f"and used by several tasks, but the model has none. {what[1]}"
            )
        self._lower = keras.Function(model.inputs, crossing)
        self._upper = keras.Function(crossing, outputs)

    def start(self, tape: tf.GradientTape, stops: bool = True) -> CutRun:
        """Returns a run of the model that is recorded on a tape.

        Args:
            tape: Records the run.
            stops: Whether gradients stop at the features, or go on through the first part.
        """
        return CutRun(self, tape, stops)

    def run(self, inputs: Sequence[Any], run: CutRun, training: Any) -> Any:
        """Runs both parts and returns `{task: output}`.

        Args:
            inputs: The model's inputs as a flat list of tensors.
            run: Takes the features, and the copies of them that the outputs are made of.
            training: Whether layers behave as in training.
        """
        crossing = keras.tree.flatten(run_graph(self._lower, list(inputs), training))
        run.crossing = []
        for tensor, is_feature in zip(crossing, self._is_feature, strict=True):
            run.crossing.append(run.copy(tensor) if is_feature else tensor)
        return run_graph(self._upper, run.crossing, training)

    def run_again(self, run: CutRun, shifts: Sequence[Any], training: Any) -> Any:
        """Runs the second part once more on the features of a run, shifted.

        Args:
            run: What has been run.
            shifts: What is added to each of its features.
            training: Whether layers behave as in training.
        """
        shifted = iter(
            copy_mask(copy, copy + shift) for copy, shift in zip(run.copies, shifts, strict=True)
        )
        again = [
            next(shifted) if is_feature else tensor
            for tensor, is_feature in zip(run.crossing, self._is_feature, strict=True)
        ]
        with repeated_run():
            return run_graph(self._upper, again, training)


class CutRun:
    """One run of a cut model.

    Args:
        cut: Where the model is cut.
        tape: Records the run.
        stops: Whether gradients stop at the copies of the features, which the tape then watches.
    """

    def __init__(self, cut: FeatureCut, tape: tf.GradientTape, stops: bool) -> None:
        self.features: list[tf.Tensor] = []
        self.copies: list[tf.Tensor] = []
        self.crossing: list[tf.Tensor] = []
        self.stops = stops
        self._cut = cut
        self._tape = tape

    def __call__(self, inputs: Sequence[Any], training: Any) -> Any:
        """Returns `{task: output}` for the model's inputs as a flat list of tensors."""
        return self._cut.run(inputs, self, training)

    def shifted(self, shifts: Sequence[Any]) -> Callable[[Sequence[Any], Any], Any]:
        """Returns what runs the second part once more, on the features of this run, shifted.

        It takes the place of this run in a call of the model, and does not look at the inputs.
        """
        return lambda inputs, training: self._cut.run_again(self, shifts, training)

    def copy(self, feature: tf.Tensor) -> tf.Tensor:
        """Returns a copy of a feature, where gradients stop if they are to."""
        if self.stops:
            copy = tf.stop_gradient(feature)
            self._tape.watch(copy)
        else:
            copy = tf.identity(feature)
        copy = copy_mask(feature, copy)
        self.features.append(feature)
        self.copies.append(copy)
        return copy


def _shared_nodes(outputs: Sequence[keras.KerasTensor]) -> set[int]:
    """Returns the ids of the nodes with an output on the path to more than one task."""
    counts: dict[int, int] = {}
    for output in outputs:
        nodes = nodes_before([output])
        used = {id(tensor) for node in nodes for tensor in node.input_tensors} | {id(output)}
        for identity in used:
            counts[identity] = counts.get(identity, 0) + 1
    return {
        id(node)
        for node in nodes_before(outputs)
        if any(counts.get(id(tensor), 0) > 1 for tensor in node.outputs)
    }


def _crossing(shared: set[int], outputs: Sequence[keras.KerasTensor]) -> list[Any]:
    """Returns the outputs of shared nodes that unshared nodes use, or that are model outputs."""
    used = [
        tensor
        for node in nodes_before(outputs)
        if id(node) not in shared
        for tensor in node.input_tensors
    ]
    found = {id(tensor): tensor for tensor in (*used, *outputs) if id(node_of(tensor)) in shared}
    # Inputs that a single task uses alone.
    found.update({id(tensor): tensor for tensor in used if node_of(tensor).is_input})
    return list(found.values())


def _is_feature(tensor: keras.KerasTensor) -> bool:
    """Whether a tensor is computed with trainable variables, and differentiable."""
    trained = any(
        isinstance(node.operation, keras.layers.Layer) and node.operation.trainable_variables
        for node in nodes_before([tensor])
    )
    return trained and tf.as_dtype(tensor.dtype).is_floating
