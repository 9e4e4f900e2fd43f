"""The shared features: where the graph is cut, so that gradients stop there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from ..keras_internals import copy_mask, node_of, run_graph
from ..trunks.graph import nodes_before

if TYPE_CHECKING:
    from .model import MultiTaskModel


class FeatureCut:
    """A model in two parts: up to the shared features, and from there to the outputs.

    A tensor is shared if it is on the path to more than one task. The features are the shared
    tensors that something unshared is computed from: the output of a trunk, the experts of
    MMoE, the streams before the last cross-stitch unit. Between the parts, gradients stop.

    Args:
        model: Multi-task model.
        tasks: Its tasks that have a loss.

    Raises:
        ValueError: If no feature is shared.

    >>> from tf_mtl import MultiTaskModel
    >>> inputs = keras.Input((4,))
    >>> features = keras.layers.Dense(3, name="trunk")(inputs)
    >>> outputs = {task: keras.layers.Dense(1)(features) for task in ("a", "b")}
    >>> FeatureCut(MultiTaskModel(inputs, outputs), ["a", "b"]).features[0].shape
    (None, 3)
    """

    def __init__(self, model: MultiTaskModel, tasks: Sequence[str]) -> None:
        outputs = model.task_outputs
        shared = _shared_nodes([outputs[task] for task in tasks])
        crossing = _crossing(shared, list(outputs.values()))
        self._is_feature = [_is_feature(tensor) for tensor in crossing]
        self.features = [
            tensor for tensor, is_one in zip(crossing, self._is_feature, strict=True) if is_one
        ]
        if not self.features:
            raise ValueError(
                "wrt='features' needs features that are computed once and used by several tasks, "
                "but the model has none. Use wrt='parameters'."
            )
        self._lower = keras.Function(model.inputs, crossing)
        self._upper = keras.Function(crossing, outputs)

    def start(self, tape: tf.GradientTape) -> CutRun:
        """Returns a run of the model that is recorded on a tape."""
        return CutRun(self, tape)

    def run(self, inputs: Sequence[Any], run: CutRun, training: Any) -> Any:
        """Runs both parts and returns `{task: output}`.

        Args:
            inputs: The model's inputs as a flat list of tensors.
            run: Takes the features, and the copies of them that the outputs are made of.
            training: Whether layers behave as in training.
        """
        crossing = keras.tree.flatten(run_graph(self._lower, list(inputs), training))
        copies = []
        for tensor, is_feature in zip(crossing, self._is_feature, strict=True):
            copies.append(run.copy(tensor) if is_feature else tensor)
        return run_graph(self._upper, copies, training)


class CutRun:
    """One run of a cut model.

    Args:
        cut: Where the model is cut.
        tape: Records the run and watches the copies.
    """

    def __init__(self, cut: FeatureCut, tape: tf.GradientTape) -> None:
        self.features: list[tf.Tensor] = []
        self.copies: list[tf.Tensor] = []
        self._cut = cut
        self._tape = tape

    def __call__(self, inputs: Sequence[Any], training: Any) -> Any:
        """Returns `{task: output}` for the model's inputs as a flat list of tensors."""
        return self._cut.run(inputs, self, training)

    def copy(self, feature: tf.Tensor) -> tf.Tensor:
        """Returns a copy of a feature where gradients stop."""
        copy = copy_mask(feature, tf.stop_gradient(feature))
        self._tape.watch(copy)
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
