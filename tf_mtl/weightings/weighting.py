"""The slot before differentiation: T losses in, T weighted losses out."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from tf_mtl.balancing_method import BalancingMethod
from tf_mtl.weightings.tasks import Tasks
from tf_mtl.whole_numbers import is_whole


class LossWeighting(BalancingMethod, abc.ABC):
    """Maps the losses `[T]` of a step to weighted losses `[T]`, whose sum is differentiated.

    The effective weight of a task is the derivative of that sum with respect to its loss. Losses
    are those of the global batch: every replica calls with the same numbers. An absent task gives
    0, the others what they would give without it. What the user's optimizer trains are trainable
    weights of this layer; what the method itself remembers are non-trainable ones, which `update`
    changes. A training step calls the weighting, then `update` with the same losses. Arguments
    with one value for each task take `{task: value}`, or a list in the order of the model's
    outputs.

    Args:
        name: name of the layer.

    Optimizers with momentum or weight decay also move the trainable weights of an absent task.
    """

    def __init__(self, name: str | None = None, **layer_options: Any) -> None:
        # Losses arrive in their own dtype, and weights are float32 under any global policy.
        options = {"dtype": "float32", **layer_options, "autocast": False}
        super().__init__(name=name, **options)

    def build(self, num_tasks: Any) -> None:
        """Creates the variables.

        Args:
            num_tasks: T, or the shape `(T,)` of the losses; or, for a method that looks at
                gradients, a list of the shapes `(T, n_i)` of their blocks.
        """
        if self.built:
            return
        first = num_tasks[0] if isinstance(num_tasks, list | tuple) else num_tasks
        blocks = list(num_tasks) if isinstance(first, list | tuple) else []
        tasks = first[0] if blocks else first
        if not is_whole(tasks) or tasks < 1:
            raise ValueError(
                "`num_tasks` must be the number of tasks, 1 or more, or the shape (T,) of the "
                f"losses. Received: num_tasks={num_tasks!r}. Pass losses of a static shape [T]."
            )
        self._check_given(tasks)
        state = {**self._first_state(tasks), **self._first_rows([tuple(b) for b in blocks])}
        self._trained = self._add_weights(self._first_trained(tasks), trainable=True)
        self._state = self._add_weights(state, trainable=False)
        self.built = True

    def call(self, losses: Any, present: Any = None) -> Any:
        """Returns the weighted losses `[T]`, 0 for the absent tasks.

        Args:
            losses: `[T]` losses of the global batch. Those of absent tasks may hold anything.
            present: `[T]` bool, False for a task without a labelled row in this batch.
        """
        tasks = Tasks.of(losses, present)
        weighted = tf.cast(self._weigh(tasks, self.read_state()), tasks.losses.dtype)
        if not weighted.shape.is_compatible_with(tasks.losses.shape):
            raise ValueError(
                f"{type(self).__name__}._weigh must return one weighted loss for each task, of the "
                f"shape {tasks.losses.shape.as_list()}. Received the shape "
                f"{weighted.shape.as_list()}. A single number is divided over the tasks by "
                "`tasks.shares(number)`."
            )
        return tasks.keep(weighted)

    def update(self, losses: Any, present: Any = None) -> None:
        """Lets the method remember a step; nothing but a step counter moves on non-finite losses.

        Args:
            losses: `[T]`, as the weighting was called with.
            present: `[T]` bool, likewise. What is remembered of absent tasks stays as it was.
        """
        losses = tf.stop_gradient(tf.cast(losses, tf.float32))
        if not self.built:  # Keras saves the shape of the last call
            self.build(tuple(losses.shape))
        if not self._state:
            return
        tasks = Tasks.of(losses, present)
        before = self.read_state()
        after = self._remember(tasks, dict(before))
        finite = tf.reduce_all(tf.math.is_finite(tasks.losses))
        for key, value in after.items():
            if value is not before[key]:
                moves = tasks.present & finite if value.shape.rank else tf.constant(True)
                self._state[key].assign(tf.where(moves, value, before[key]))

    @property
    def moves(self) -> bool:
        """Whether the weighted losses depend on what has been learned or remembered so far."""
        return bool(self.weights)

    def epoch_end(self) -> None:
        """Lets a method that works by epochs close one."""
        if self.built:
            before = self.read_state()
            for key, value in self._close_epoch(dict(before)).items():
                if value is not before[key]:
                    self._state[key].assign(value)

    def read_state(self) -> dict[str, Any]:
        """Returns what the method remembers, as tensors."""
        return {key: tf.convert_to_tensor(variable) for key, variable in self._state.items()}

    @abc.abstractmethod
    def _weigh(self, tasks: Tasks, state: dict[str, Any]) -> Any:
        """Returns the weighted losses `[T]`; what it holds for absent tasks does not matter."""

    def _first_trained(self, tasks: int) -> dict[str, np.ndarray]:
        """Returns first values of what the user's optimizer trains: a hook."""
        return {}

    def _first_state(self, tasks: int) -> dict[str, np.ndarray]:
        """Returns first values of what the method remembers, `[T]` or scalar: a hook."""
        return {}

    def _first_rows(self, shapes: list[tuple[int, int]]) -> dict[str, np.ndarray]:
        """Returns first values of what is remembered of gradients `[T, n_i]`: a hook."""
        return {}

    def _remember(self, tasks: Tasks, state: dict[str, Any]) -> dict[str, Any]:
        """Returns the state after a step: a hook."""
        return state

    def _close_epoch(self, state: dict[str, Any]) -> dict[str, Any]:
        """Returns the state after an epoch: a hook."""
        return state
