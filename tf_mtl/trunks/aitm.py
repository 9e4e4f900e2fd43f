"""AITM: what one task knows is passed on to the next."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras

from .arguments import widths
from .copies import copy_of
from .mlp import MLP
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class AITM(Trunk):
    """Adaptive information transfer along a chain of tasks, such as click → cart → purchase.

    With q_t the output of task t's tower on the shared body, z_1 = q_1 and

        p_{t-1} = g_{t-1}(z_{t-1}),        z_t = Σ_{u ∈ {p_{t-1}, q_t}} w_u h1(u),
        w_u = softmax over u of ⟨h2(u), h3(u)⟩ / √k

    where g, h1, h2, h3 are dense layers and k is the width of the towers. z_t are the features of
    task t. A task trains the towers and transfers of those before it in the chain; the last tower
    is its task's own.

    Args:
        body: What the tasks share: a list of units, a body, a Keras layer or model, or a callable.
        order: The tasks from the first of the chain to the last; None for the order of the heads.
        tower: Units of the dense layers of each task's tower.

    Raises:
        ValueError: If `order` does not name each task once.

    Reference: D. Xi et al., Modeling the Sequential Dependence among Audience Multi-step
    Conversions with Multi-task Learning in Targeted Display Advertising, KDD 2021. The
    paper also penalizes a later step that is more probable than the one before it;
    that is a loss, not a matter of the trunk.

    >>> features = AITM([16], tower=[8])(keras.Input((4,)), ["click", "buy"])
    >>> features["click"].shape, features["buy"].shape
    ((None, 8), (None, 8))
    """

    def __init__(
        self, body: Any, order: Sequence[str] | None = None, tower: Sequence[int] = (64,)
    ) -> None:
        self.body = body
        self.order = None if order is None else list(order)
        self.tower = widths(tower, "tower")

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        order = list(tasks) if self.order is None else self.order
        if sorted(order) != sorted(tasks):
            raise ValueError(
                f"`order` must name each task once. Received: order={order} for the tasks "
                f"{list(tasks)}."
            )
        shared = copy_of(self.body, inputs, "shared")
        towers = {task: MLP(self.tower)(shared, name=f"{task}_tower") for task in tasks}
        features = {order[0]: towers[order[0]]}
        for before, task in itertools.pairwise(order):
            passed = keras.layers.Dense(self.tower[-1], "relu", name=f"{before}_information")(
                features[before]
            )
            features[task] = InformationTransfer(name=f"{task}_transfer")([passed, towers[task]])
        return {task: features[task] for task in tasks}


@keras.saving.register_keras_serializable(package="tf_mtl")
class InformationTransfer(keras.layers.Layer):
    """The sum of several vectors, projected, with weights that depend on them.

    Call arguments:
        inputs: List of tensors `[B, k]`.

    Returns:
        `[B, k]`.
    """

    def build(self, inputs_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Creates the kernels of h1 (value), h2 (key) and h3 (query)."""
        shape = (inputs_shape[0][-1], inputs_shape[0][-1])
        self.value = self.add_weight(name="value", shape=shape)
        self.key = self.add_weight(name="key", shape=shape)
        self.query = self.add_weight(name="query", shape=shape)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Returns the weighted sum."""
        stacked = keras.ops.stack(inputs, axis=1)
        values, keys, queries = (
            keras.ops.matmul(stacked, kernel) for kernel in (self.value, self.key, self.query)
        )
        scores = keras.ops.sum(keys * queries, axis=-1, keepdims=True) / stacked.shape[-1] ** 0.5
        return keras.ops.sum(keras.ops.softmax(scores, axis=1) * values, axis=1)

    def compute_output_shape(self, inputs_shape: Sequence[tuple[int | None, ...]]) -> Any:
        """The shape of one of the vectors."""
        return inputs_shape[0]
