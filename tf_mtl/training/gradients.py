"""One gradient for each task, and the step that an aggregator makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..aggregators import Aggregator
from .replicas import global_sum, num_replicas


def combined_gradients(
    tape: tf.GradientTape,
    losses: Mapping[str, tf.Tensor | None],
    extra: tf.Tensor | None,
    variables: Mapping[str, Sequence[Any]],
    aggregator: Aggregator,
    scale: tf.Tensor,
) -> list[tf.Tensor | None]:
    """Returns the gradients of the trainable variables, those of shared ones aggregated.

    Each task's gradient is summed over the replicas before they are combined, so that all
    replicas take the step of one; the optimizer sums once more, hence the division.

    Args:
        tape: Persistent tape of the forward pass.
        losses: `{task: loss}` of all tasks in order: this replica's share, weighted and times
            `scale`; None for a task without labels in the data.
        extra: Regularisation losses times `scale`, added once after aggregation; or None.
        variables: "shared" and "own": trainable variables.
        aggregator: Combines the rows of the Jacobian.
        scale: What a loss is multiplied by for float16, a scalar.

    Returns:
        Gradients of the shared, then of the own variables, times `scale`.
    """
    shared, own = list(variables["shared"]), list(variables["own"])
    sources = [variable.value for variable in (*shared, *own)]
    rows = []
    of_own: list[tf.Tensor | None] = [None] * len(own)
    for loss in losses.values():
        gradients: list[Any] = [None] * len(sources)
        if loss is not None:
            gradients = tape.gradient(loss, sources)
        rows.append(gradients[: len(shared)])
        of_own = [_sum(a, b) for a, b in zip(of_own, gradients[len(shared) :], strict=True)]
    blocks = [
        tf.stack([_flat(row[i], variable) for row in rows]) for i, variable in enumerate(shared)
    ]
    blocks = [global_sum(block) / tf.cast(scale, block.dtype) for block in blocks]
    values = [
        tf.zeros([]) if loss is None else tf.cast(loss, "float32") for loss in losses.values()
    ]
    global_losses = global_sum(tf.stack(values)) / scale
    combined = aggregator.aggregate(blocks, global_losses, layers=layer_numbers(shared))
    factor = scale / num_replicas()
    of_shared: list[tf.Tensor | None] = [
        tf.reshape(gradient * tf.cast(factor, gradient.dtype), variable.shape)
        for gradient, variable in zip(combined, shared, strict=True)
    ]
    gradients = [*of_shared, *of_own]
    if extra is not None:
        more = tape.gradient(extra, sources)
        gradients = [_sum(a, b) for a, b in zip(gradients, more, strict=True)]
    return gradients


def layer_numbers(variables: Sequence[Any]) -> list[int]:
    """Returns the number of the layer that each variable belongs to."""
    layers = [variable.path.rpartition("/")[0] for variable in variables]
    order = list(dict.fromkeys(layers))
    return [order.index(layer) for layer in layers]


def jacobian_shapes(variables: Sequence[Any], tasks: int, groups: str) -> list[Any]:
    """Returns what `Aggregator.build` needs: shapes of the blocks, or of each layer's blocks."""
    shapes = [(tasks, math.prod(variable.shape)) for variable in variables]
    if groups != "layer":
        return shapes
    numbers = layer_numbers(variables)
    return [
        [shape for shape, number in zip(shapes, numbers, strict=True) if number == layer]
        for layer in sorted(set(numbers))
    ]


def _flat(gradient: Any, variable: Any) -> tf.Tensor:
    """Returns a gradient as a row; zeros where the task does not reach the variable."""
    if gradient is None:
        return tf.zeros([math.prod(variable.shape)], variable.dtype)
    return tf.reshape(tf.convert_to_tensor(gradient), [-1])


def _sum(first: Any, second: Any) -> Any:
    if first is None or second is None:
        return first if second is None else second
    return tf.convert_to_tensor(first) + tf.convert_to_tensor(second)
