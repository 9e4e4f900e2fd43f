"""Aggregators that weigh the rows, and can tell the weights from inner products alone."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.aggregator import Aggregator, Answer, keep_unless
from tf_mtl.aggregators.gramian import Rows, combine, divide, from_blocks, from_gramian, is_small

# With every="auto", weights have moved when their shares (|w| / Σ|w|) differ by more than this in
# total variation. Minibatches alone move them as much, so SHORTEST T steps pass between two solves
# at any rate, over which the T backward passes of a solve are spread; at most LONGEST T.
TOLERANCE, SHORTEST, LONGEST = 0.1, 4, 16

# From the state to the weights `[T]` and who is present; puts new values into the state.
Solve = Callable[[dict[str, Any]], tuple[Any, Any]]


class GramianAggregator(Aggregator):
    """An aggregator whose answer is Σ_t w_t row_t, with weights told from the Gramian J Jᵀ.

    Only these can work on the gradients at the shared features (`wrt="features"`) and keep their
    weights for some steps (`every`). A method defines `_solve`.
    """

    weighs_rows = True

    def weights(self, gramian: Any, losses: Any = None, precision: float | None = None) -> Any:
        """Returns the weights `[T]` of the rows with the Gramian `[T, T]`, in the Gramian's dtype.

        They are solved for in float64. The call counts as a step of a method with a state.

        Args:
            gramian: `[T, T]` inner products of the rows, of a float dtype.
            losses: `[T]` losses, for the methods that use them.
            precision: relative accuracy of the Gramian (default: that of its dtype).

        Raises:
            ValueError: with `groups="layer"`, where there is no one Gramian.
        """
        if self.groups == "layer":
            raise ValueError(
                "groups='layer' has weights of its own for each layer, of that layer's Gramian. "
                f"Received: {type(self).__name__}(groups='layer'). Call a method with groups='all' "
                "for each Gramian."
            )
        gramian = tf.convert_to_tensor(gramian)
        self.build((gramian.shape[0], None))
        state, rows = self.read_state(), from_gramian(gramian, precision)
        weights = self._scheduled(lambda s: (self._weigh(rows, losses, s), rows.present), state)
        self._finish(state)
        squared = tf.linalg.matvec(tf.cast(gramian, tf.float64), weights)
        factor = self._shortening(tf.sqrt(tf.maximum(tf.reduce_sum(weights * squared), 0.0)))
        return tf.cast(weights if factor is None else factor * weights, gramian.dtype)

    def due(self) -> Any:
        """Returns whether the next step solves for weights, in some layer (a bool tensor)."""
        if self.every == 1 or not self.built:
            return tf.constant(True)
        if self.groups == "layer":
            return tf.reduce_any([part.due() for part in self._parts])
        return self.read_state()["wait"] <= 0

    def spare(
        self,
        jacobian: Callable[[], list[Any]],
        combination: Callable[[Any], list[Any]],
        losses: Any,
    ) -> Answer:
        """Returns the answer, forming a Jacobian only at steps that solve (`every`).

        Args:
            jacobian: returns the blocks `[T, n_i]`.
            combination: from the weights `[T]` float64 of an earlier step to the gradient in
                blocks, for what a single backward pass suffices. It is taken in every step:
                within a branch, convolutions on a CPU lose the kernels that oneDNN fuses.
            losses: `[T]` losses.
        """
        state = self.read_state()
        last = tf.cast(state["weights"], tf.float64)
        kept = combination(last)

        def solve() -> Any:
            after = dict(state)
            blocks = jacobian()
            rows = from_blocks(blocks)
            weights = self._solved(
                lambda s: (self._careful(rows, blocks, losses, None, s), rows.present), after
            )
            return combine(blocks, weights, rows), weights, after

        def keep() -> Any:
            return kept, last, {**state, "wait": state["wait"] - 1}

        gradient, weights, after = tf.cond(state["wait"] <= 0, solve, keep)
        self._finish(after)
        return self._shortened(gradient, weights)

    def _solution(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        """Returns what the method solves for as float64; puts new values into `state`.

        Raises:
            ValueError: if it is not one weight for each row.
        """
        weights = tf.cast(self._solve(rows, losses, state), tf.float64)
        if not weights.shape.is_compatible_with([rows.tasks]):
            raise ValueError(
                f"{type(self).__name__}._solve must return one weight for each task, of the shape "
                f"[{rows.tasks}]. Received the shape {weights.shape.as_list()}."
            )
        return weights

    @abc.abstractmethod
    def _solve(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        """Returns the weights `[T]`; puts new values of the state into `state`."""

    def _aggregate(self, blocks: list[Any], losses: Any, gramian: Any, state: Any) -> Answer:
        if self.every == 1:
            rows = from_blocks(blocks) if gramian is None else from_gramian(gramian)
            weights = self._careful(rows, blocks, losses, gramian, state)
            return self._shortened(combine(blocks, weights, rows), weights, rows)

        def solve(state: dict[str, Any]) -> tuple[Any, Any]:
            rows = from_blocks(blocks) if gramian is None else from_gramian(gramian)
            return self._careful(rows, blocks, losses, gramian, state), rows.present

        weights = self._scheduled(solve, state)
        return self._shortened(combine(blocks, weights), weights)

    def _shortening(self, norm: Any) -> Any:
        """Returns the factor that an answer of this norm is shortened by, or None: a hook."""
        return None

    def _shortened(self, gradient: list[Any], weights: Any, rows: Rows | None = None) -> Answer:
        """Returns the answer of weighed rows, shortened if the method says so."""
        squares = [tf.reduce_sum(tf.square(tf.cast(part, tf.float64))) for part in gradient]
        factor = self._shortening(tf.sqrt(tf.add_n(squares)))
        if factor is None:
            return Answer(gradient, weights, rows)
        shorter = [tf.cast(factor, part.dtype) * part for part in gradient]
        return Answer(shorter, factor * weights, rows)

    def _weigh(self, rows: Rows, losses: Any, state: dict[str, Any]) -> Any:
        """Solves; gradients that overflowed give nan and leave the state alone."""
        before, finite = dict(state), rows.are_finite()
        # TensorFlow's decompositions end the program on nan, so that they get other numbers.
        usable = rows._replace(
            cosines=tf.where(finite, rows.cosines, tf.eye(rows.tasks, dtype=tf.float64)),
            norms=tf.where(finite, rows.norms, tf.ones_like(rows.norms)),
        )
        weights = self._solution(usable, losses, state)
        keep_unless(finite, state, before)
        return tf.where(finite, weights, tf.constant(float("nan"), tf.float64))

    def _careful(
        self, rows: Rows, blocks: Sequence[Any], losses: Any, gramian: Any, state: dict[str, Any]
    ) -> Any:
        """Solves, and once more with float64 products where the rows of a large J cancel."""
        before = dict(state)
        weights = self._weigh(rows, losses, state)
        if gramian is not None or is_small(blocks):
            return weights

        def again(state: dict[str, Any]) -> Any:
            return self._weigh(from_blocks(blocks, exact=True), losses, state)

        return _either(rows.cancels(weights), again, before, (weights, dict(state)), state)

    def _scheduled(self, solve: Solve, state: dict[str, Any]) -> Any:
        """Returns solved weights where they are due, else the last ones."""
        if self.every == 1:
            return solve(state)[0]
        last = tf.cast(state["weights"], tf.float64)
        kept = {**state, "wait": state["wait"] - 1}

        def solved(state: dict[str, Any]) -> Any:
            return self._solved(solve, state)

        return _either(state["wait"] <= 0, solved, dict(state), (last, kept), state)

    def _solved(self, solve: Solve, state: dict[str, Any]) -> Any:
        """Returns solved weights, and remembers them and when to solve anew.

        An absent task keeps its weight; one that has never been there counts as the others do on
        average. Without any task, or with an overflow, the next step solves.
        """
        last = tf.cast(state["weights"], tf.float64)
        weights, present = solve(state)
        moved = 0.5 * tf.reduce_sum(tf.abs(_shares(weights) - _shares(last * present)))
        here = present > 0
        usable = tf.reduce_any(here) & tf.reduce_all(tf.math.is_finite(weights))
        if self.every == "auto":
            interval = _next_interval(state["interval"], moved, int(state["weights"].shape[0]))
            state["interval"] = tf.where(usable, interval, state["interval"])
        mean = divide(tf.reduce_sum(weights), tf.reduce_sum(present))
        kept = tf.where(here, weights, tf.where(state["known"] > 0, last, mean))
        state["weights"] = tf.cast(tf.where(usable, kept, last), tf.float32)
        known = tf.maximum(state["known"], tf.cast(present, tf.float32))
        state["known"] = tf.where(usable, known, state["known"])
        state["wait"] = tf.where(usable, state["interval"] - 1, tf.zeros_like(state["wait"]))
        return weights

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        first = super()._first_state(tasks, sizes)
        if self.every == 1:
            return first
        interval = 1 if self.every == "auto" else self.every
        return {
            **first,
            "wait": np.zeros((), "int64"),
            "interval": np.array(interval, "int64"),
            "weights": np.ones(tasks, "float32"),
            "known": np.zeros(tasks, "float32"),
        }


def _next_interval(interval: Any, moved: Any, tasks: int) -> Any:
    """Returns the distance to the next solve: doubled while weights stay, halved when they move."""
    doubled = 2 * interval
    longer = tf.minimum(doubled, LONGEST * tasks)
    shorter = tf.maximum(interval // 2, tf.minimum(doubled, SHORTEST * tasks))  # it begins with 1
    return tf.where(moved <= TOLERANCE, longer, shorter)


def _shares(weights: Any) -> Any:
    return divide(tf.abs(weights), tf.reduce_sum(tf.abs(weights)))


def _either(
    condition: Any,
    solve: Callable[[dict[str, Any]], Any],
    before: dict[str, Any],
    otherwise: tuple[Any, dict[str, Any]],
    state: dict[str, Any],
) -> Any:
    """Returns `solve(before)` or the weights of `otherwise`; `state` becomes that branch's."""

    def first() -> tuple[Any, dict[str, Any]]:
        return solve(before), before

    weights, after = tf.cond(condition, first, lambda: otherwise)
    state.update(after)
    return weights
