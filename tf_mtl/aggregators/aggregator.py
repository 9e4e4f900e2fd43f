"""The slot after differentiation: T gradients of the shared variables in, one out."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_mtl.balancing_method import BalancingMethod
from tf_mtl.method_arguments import check_choice
from tf_mtl.whole_numbers import is_whole

if TYPE_CHECKING:
    from tf_mtl.aggregators.gramian import Rows

WRT = ("parameters", "features")
GROUPS = ("all", "layer")


class Answer(NamedTuple):
    """What an aggregator makes of a Jacobian.

    Attributes:
        gradient: the gradient to follow, in blocks.
        weights: `[T]` float64 weights of the rows, if the method weighs them.
        rows: norms and cosines of the rows, if the method looked at them.
    """

    gradient: list[Any]
    weights: Any = None
    rows: Rows | None = None


class Aggregator(BalancingMethod, abc.ABC):
    """Maps the gradients of T losses, a Jacobian `[T, n]`, to the one that is followed.

    A zero row is an absent task: the others get what they would get without it. State (moving
    averages, counters, previous weights) lives in non-trainable weights of this layer, so that
    saving and several replicas work; every replica must call with the same, reduced, inputs.
    Arguments with one value for each task take `{task: value}`, or a list in the order of the
    model's outputs.

    Args:
        wrt: `"parameters"`, the gradients at the shared variables (exact), or `"features"`, those
            at the shared features (an approximation), only for methods that can be told from
            inner products.
        every: solve for the weights at each k-th step only and keep them in between, or `"auto"`:
            double the distance between solves while the weights stay put, halve it when they move.
        groups: aggregate the parameters of `"all"` layers as one vector, or each `"layer"` by
            itself (with its own state).
        name: name of the layer.

    Attributes:
        weighs_rows: whether the answer is a weighted sum of the rows: the others take neither `wrt`
            nor `every`.

    Raises:
        ValueError: for another value, or one that the method cannot follow.
    """

    weighs_rows = False

    def __init__(
        self,
        wrt: str = "parameters",
        every: int | str = 1,
        groups: str = "all",
        name: str | None = None,
        **layer_options: Any,
    ) -> None:
        check_choice("wrt", wrt, WRT)
        check_choice("groups", groups, GROUPS)
        _check_every(every)
        if not self.weighs_rows and (wrt != "parameters" or every != 1):
            raise ValueError(
                f"{type(self).__name__} needs the gradients of the parameters at each step. "
                f"Received: wrt={wrt!r}, every={every!r}. Leave out `wrt` and `every`, or choose a "
                "method that weighs the tasks, such as 'upgrad'."
            )
        # Rows arrive in their own dtype, and state is float32 under any global policy.
        options = {"dtype": "float32", **layer_options, "autocast": False, "trainable": False}
        super().__init__(name=name, **options)
        self.wrt = wrt
        self.every = every
        self.groups = groups

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        config.pop("trainable", None)
        return {**config, "wrt": self.wrt, "every": self.every, "groups": self.groups}

    def build(self, jacobian_shape: Any) -> None:
        """Creates the state.

        Args:
            jacobian_shape: `(T, n)`, a list of the shapes `(T, n_i)` of its blocks, or, with
                `groups="layer"`, a list with such a list for each layer.

        Raises:
            ValueError: if it was built for a Jacobian that its state does not fit.
        """
        shapes = jacobian_shape if _depth(jacobian_shape) > 1 else [jacobian_shape]
        if self.built:
            self._check_built(shapes)
            return
        self._check_given(int(tf.nest.flatten(shapes)[0]))
        if self.groups == "layer":
            self._build_layers(shapes)
        else:
            self._build_state(int(shapes[0][0]), [shape[1] for shape in shapes])
        self.built = True

    def call(self, jacobian: Any, losses: Any = None) -> Any:
        """Returns the gradient `[n]` to follow for a Jacobian `[T, n]` of any float dtype."""
        return self.aggregate([jacobian], losses)[0]

    def aggregate(
        self,
        blocks: Sequence[Any],
        losses: Any = None,
        gramian: Any = None,
        layers: Sequence[int] | None = None,
    ) -> list[Any]:
        """Returns the gradient in blocks, as the Jacobian is given: it is never concatenated.

        Args:
            blocks: list of `[T, n_i]` tensors, one for each shared variable.
            losses: `[T]` losses, for the methods that use them.
            gramian: `[T, T]` of the rows where it is known already (with `groups="layer"`, a list
                with one for each layer).
            layers: with `groups="layer"`, the number of its layer for each block (default: each
                block is a layer).
        """
        return self.answer(blocks, losses, gramian, layers).gradient

    def answer(
        self,
        blocks: Sequence[Any],
        losses: Any = None,
        gramian: Any = None,
        layers: Sequence[int] | None = None,
    ) -> Answer:
        """Returns what `aggregate` returns, and what the method found out on the way."""
        blocks = [tf.convert_to_tensor(block) for block in blocks]
        shapes = [tuple(block.shape) for block in blocks]
        if self.groups == "layer":
            numbers = list(range(len(blocks)) if layers is None else layers)
            members = [
                [i for i, number in enumerate(numbers) if number == layer]
                for layer in sorted(set(numbers))
            ]
            self.build([[shapes[i] for i in member] for member in members])
            return Answer(self._aggregate_layers(blocks, losses, gramian, members))
        self.build(shapes)
        state = self.read_state()
        answer = self._aggregate(blocks, losses, gramian, state)
        self._finish(state)
        return answer

    def read_state(self) -> dict[str, Any]:
        """Returns the state as tensors, for solving without a variable in sight."""
        return {key: tf.convert_to_tensor(variable) for key, variable in self._state.items()}

    def write_state(self, state: dict[str, Any]) -> None:
        """Writes the state back."""
        for key, variable in self._state.items():
            variable.assign(tf.cast(state[key], variable.dtype))

    @abc.abstractmethod
    def _aggregate(self, blocks: list[Any], losses: Any, gramian: Any, state: Any) -> Answer:
        """Returns the answer; puts new values of the state into `state`."""

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        """Returns what a method remembers, as first values: a hook, to be extended."""
        return {"step": np.zeros((), "int64")}

    def _finish(self, state: dict[str, Any]) -> None:
        state["step"] += 1
        self.write_state(state)

    def _build_state(self, tasks: int, sizes: list[Any]) -> None:
        first_state = self._first_state(tasks, sizes)
        if "step" not in first_state:
            raise ValueError(
                f"{type(self).__name__}._first_state must extend what every method remembers: "
                "return {**super()._first_state(tasks, sizes), ...}. Received: "
                f"{sorted(first_state)}."
            )
        self._state = self._add_weights(first_state, trainable=False)

    def _build_layers(self, shapes: Sequence[Any]) -> None:
        config = {**self.checked_config(), "groups": "all"}
        self._parts = [
            type(self).from_config({**config, "name": f"{self.name}_{k}"})
            for k in range(len(shapes))
        ]
        for part, shape in zip(self._parts, shapes, strict=True):
            part.task_names = self.task_names
            part.build(shape)

    def _check_built(self, shapes: Sequence[Any]) -> None:
        layers = self.groups == "layer"
        if layers and len(shapes) == len(self._parts):
            for part, shape in zip(self._parts, shapes, strict=True):
                part.build(shape)
            return
        if not layers:
            first = self._first_state(int(shapes[0][0]), [shape[1] for shape in shapes])
            found = {key: tuple(variable.shape) for key, variable in self._state.items()}
            if found == {key: value.shape for key, value in first.items()}:
                return
        raise ValueError(
            f"This {type(self).__name__} was built for other gradients and remembers them. "
            f"Received {len(shapes)} {'layers' if layers else 'blocks'}: {shapes}. Make a new one: "
            "gradients are others in another model, and where layers are frozen or trainable again."
        )

    def _aggregate_layers(
        self, blocks: list[Any], losses: Any, gramians: Any, members: list[list[int]]
    ) -> list[Any]:
        gradient: dict[int, Any] = {}
        for k, (part, member) in enumerate(zip(self._parts, members, strict=True)):
            gramian = None if gramians is None else gramians[k]
            answer = part.aggregate([blocks[i] for i in member], losses, gramian)
            gradient.update(zip(member, answer, strict=True))
        return [gradient[i] for i in range(len(blocks))]


def keep_unless(finite: Any, state: dict[str, Any], before: dict[str, Any]) -> None:
    """Takes the state back where the gradients are not finite: that step will be skipped."""
    for key, value in state.items():
        if value is not before[key]:
            state[key] = tf.where(finite, tf.cast(value, before[key].dtype), before[key])


def needed(losses: Any, aggregator: Aggregator) -> Any:
    """Returns the losses, or raises where an aggregator that uses them was not given any."""
    if losses is None:
        raise ValueError(
            f"{type(aggregator).__name__} with these settings needs the tasks' losses: call "
            "`aggregator(jacobian, losses)` with a tensor of shape [T]."
        )
    return tf.convert_to_tensor(losses)


def _check_every(every: Any) -> None:
    if every != "auto" and (not is_whole(every) or every < 1):
        raise ValueError(
            "`every` must be a whole number of steps, 1 or more, or 'auto'. "
            f"Received: every={every!r}. Use every=1 to solve at each step."
        )


def _depth(shape: Any) -> int:
    return 1 + _depth(shape[0]) if isinstance(shape, list | tuple) else 0
