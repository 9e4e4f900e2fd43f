"""Soft parameter sharing: a body for each task, and a penalty on the distance between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from ..keras_internals import is_symbolic
from ..names import check_known
from ..whole_numbers import is_number
from .copies import copy_of
from .graph import operations_before
from .masked_layers import KeepsMask
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class SoftSharing(Trunk):
    """A body for each task; the loss has a penalty on how far apart their parameters are.

    With W_t a parameter tensor of task t's body, the penalty, summed over all parameters, is

        l2:          strength · Σ_{s<t} ‖W_s − W_t‖²                          (Duong et al.)
        trace_norm:  strength · ‖[vec W_1; …; vec W_T]‖_*                     (Yang & Hospedales)

    where ‖·‖_* is the sum of the singular values of the matrix `[T, n]`, which is small if few
    directions make up the parameters of all tasks ("LAF", last axis flattening, in the paper).
    With penalty=None the bodies are independent; `training.TrunkAveraging` averages them now
    and then. No variable is shared: each gets its own task's gradient, and that of the penalty.

    Args:
        body: What each task has a copy of: a list of units, MLP, CNN, a Keras layer or model, or
            a callable from inputs to features. Weights that a layer or model has are kept.
        penalty: "l2", "trace_norm" or None.
        strength: Factor of the penalty, above 0.

    Raises:
        ValueError: If `penalty` is unknown, `strength` is not above 0, or the bodies of the tasks
            have no variables of their own, or not the same ones.

    References: L. Duong, T. Cohn, S. Bird, P. Cook, Low Resource Dependency Parsing: Cross-lingual
    Parameter Sharing in a Neural Network Parser, ACL 2015 (which ties the deeper layers
    only); Y. Yang, T. M. Hospedales, Trace Norm Regularised Deep Multi-Task Learning, ICLR 2017
    workshop. The trace norm has no derivative where singular values are 0; its gradient
    here is the subgradient of the papers, (W Wᵀ)^(-1/2) W with the pseudo-inverse.

    >>> features = SoftSharing([16, 8])(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(self, body: Any, penalty: str | None = "l2", strength: float = 0.01) -> None:
        if penalty is not None:
            check_known([penalty], list(PENALTIES), "penalty")
        if not is_number(strength) or strength <= 0:
            raise ValueError(
                f"`strength` must be above 0. Received: strength={strength!r}. For bodies that are "
                "not tied by a penalty pass penalty=None."
            )
        self.body = body
        self.penalty = penalty
        self.strength = strength

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        tie = Tie(list(tasks), self.penalty, self.strength, name="soft_sharing")
        features = {task: copy_of(self.body, inputs, f"{task}_trunk") for task in tasks}
        tied = {task: tie(features[task], task=task) for task in tasks}
        tie.tied_variables()  # refuses bodies that cannot be tied
        return tied


@keras.saving.register_keras_serializable(package="tf_mtl")
class Tie(KeepsMask):
    """Leaves the features of all tasks as they are and adds the penalty on their layers' distance.

    It is called once for each task, at the ends of networks built alike. From the graph of each
    call it knows the layers before it; those on the path to all tasks are no part of the penalty.
    Tasks that it was not called for, since their heads were removed, do not count. It holds no
    variables, so that none becomes shared by it.

    Args:
        tasks: Names of the tasks. The call for the last one that counts adds the penalty.
        penalty: "l2", "trace_norm" or None.
        strength: Factor of the penalty.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: Any tensor.
        task: Name of the task whose features they are.

    Returns:
        `features`.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        penalty: str | None = None,
        strength: float = 0.01,
        **kwargs: Any,
    ) -> None:
        # Not cast: the penalty is computed from the full values of the variables.
        super().__init__(**{"autocast": False, **kwargs})
        self.tasks = list(tasks)
        self.penalty = penalty
        self.strength = strength
        # Not tracked: the layers belong to the model, and are not to be saved or trained twice.
        object.__setattr__(self, "_layers_of", {})

    def compute_output_spec(self, features: Any, task: str) -> Any:
        """Returns what `call` will return, and takes down the layers before `features`."""
        check_known([task], self.tasks, "task")
        if is_symbolic(features):
            self._layers_of[task] = [
                operation
                for operation in operations_before(features)
                if isinstance(operation, keras.layers.Layer) and operation.weights
            ]
        return keras.KerasTensor(features.shape, dtype=features.dtype)

    def call(self, features: Any, task: str) -> Any:
        """Returns the features, and for the last task adds the penalty."""
        if self.penalty is not None and task in self._tied_tasks()[-1:]:
            distance = PENALTIES[self.penalty]
            groups = [group for group in self.tied_variables() if any(v.trainable for v in group)]
            if groups:
                self.add_loss(self.strength * sum(distance(group) for group in groups))
        return features

    def _tied_tasks(self) -> list[str]:
        """Returns the tasks that the tie was called for, in their order."""
        return [task for task in self.tasks if task in self._layers_of]

    def tied_variables(self) -> list[tuple[Any, ...]]:
        """Returns tuples of T variables, one of each task's body, that correspond to each other.

        Statistics such as those of batch normalisation are among them.

        Raises:
            ValueError: If the bodies of the tasks do not have variables of the same shapes.
        """
        tasks = self._tied_tasks()
        if len(tasks) < 2:
            return []
        of_task = [
            [variable for layer in self._layers_of[task] for variable in layer.weights]
            for task in tasks
        ]
        common = set.intersection(*({id(v) for v in variables} for variables in of_task))
        columns = [[v for v in variables if id(v) not in common] for variables in of_task]
        shapes = [[tuple(variable.shape) for variable in column] for column in columns]
        if not shapes[0] or any(each != shapes[0] for each in shapes):
            found = dict(zip(tasks, shapes, strict=True))
            raise ValueError(
                "Soft sharing needs bodies of the tasks that are built alike and have variables. "
                f"Their variables have the shapes {found}. A callable body must make new layers in "
                "each call."
            )
        return list(zip(*columns, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "tasks": self.tasks,
            "penalty": self.penalty,
            "strength": self.strength,
        }


def squared_distance(variables: Sequence[Any]) -> Any:
    """Returns Σ_{s<t} ‖W_s − W_t‖², which is T Σ_t ‖W_t − mean‖².

    >>> round(float(squared_distance(list(keras.ops.array([[1.0], [2.0], [4.0]])))), 4)
    14.0
    """
    stacked = _as_rows(variables)
    centred = stacked - keras.ops.mean(stacked, axis=0)
    return len(variables) * keras.ops.sum(keras.ops.square(centred))


def trace_norm(variables: Sequence[Any]) -> Any:
    """Returns the sum of the singular values of the matrix `[T, n]` of T flattened tensors.

    Its gradient is the subgradient of least norm, finite at any rank.

    >>> round(float(trace_norm(list(keras.ops.array([[3.0, 0.0], [0.0, 4.0]])))), 4)
    7.0
    """
    rows = _as_rows(variables)
    matrix = keras.ops.cast(rows, "float64")
    gramian = matrix @ keras.ops.transpose(matrix)
    values, vectors = keras.ops.linalg.eigh(keras.ops.stop_gradient(gramian))
    # Values below the rounding of float32 parameters are zeros.
    positive = values > 1e-12 * keras.ops.max(values)
    inverse_roots = keras.ops.where(
        positive, 1 / keras.ops.sqrt(keras.ops.where(positive, values, 1)), 0
    )
    inverse_root = (vectors * inverse_roots) @ keras.ops.transpose(vectors)
    # tr(G^(-1/2) G) with the first factor held fixed has the value ‖W‖_* and twice its gradient.
    half = keras.ops.sum(keras.ops.stop_gradient(inverse_root) * gramian) / 2
    return keras.ops.cast(half + keras.ops.stop_gradient(half), rows.dtype)


def _as_rows(variables: Sequence[Any]) -> Any:
    return keras.ops.stack([keras.ops.reshape(each, (-1,)) for each in variables])


PENALTIES: dict[str, Callable[[Sequence[Any]], Any]] = {
    "l2": squared_distance,
    "trace_norm": trace_norm,
}
