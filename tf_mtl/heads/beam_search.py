"""The most likely sequence, as far as a few candidates show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ..whole_numbers import check_whole

_NEVER = -1e9


def beam_search(
    step: Callable[[Any, Any], tuple[Any, Any]],
    state: Any,
    *,
    beams: int,
    length: int,
    start: int,
    end: int,
) -> Any:
    """Returns sequences of high mean log probability per token; everything stays in the graph.

    Each step goes on with the `beams` sequences of the highest log probability. Ended ones stay
    as they are. In the end the one with the highest mean per token, its end included, is taken:
    without that, short sequences would win.

    References: Graves, Sequence Transduction with Recurrent Neural Networks, 2012; Wu et al.,
    Google's Neural Machine Translation System, 2016, equation 14 with the plain length and no
    coverage.

    Args:
        step: From tokens `[B · beams]` and states `[B · beams, u]` to probabilities
            `[B · beams, classes]` and the next states.
        state: First states `[B, u]`.
        beams: Number of sequences followed at once; 1 is greedy.
        length: Number of steps.
        start: What stands before the first token.
        end: The class of the end.

    Returns:
        Tokens, int32 `[B, length]`, -1 behind the end.

    Raises:
        ValueError: If there is no beam.

    >>> def step(tokens, states):  # after 0 comes 1, then the end, 2
    ...     return ops.take(ops.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]]),
    ...                     tokens, axis=0), states
    >>> beam_search(step, ops.zeros((1, 1)), beams=2, length=3, start=0, end=2).numpy().tolist()
    [[1, -1, -1]]
    """
    beams = check_whole(beams, "beams")
    rows = ops.shape(state)[0]
    # All beams begin alike: only the first may go on, or all would stay the same.
    totals = ops.tile(ops.array([[0.0] + [_NEVER] * (beams - 1)], "float32"), (rows, 1))
    states = ops.repeat(state, beams, axis=0)
    tokens = ops.full((rows, beams), start, dtype="int32")
    ended = ops.zeros((rows, beams), dtype="bool")
    sizes = ops.zeros((rows, beams), dtype="float32")
    history: list[Any] = []
    for _ in range(length):
        probabilities, states = step(ops.reshape(tokens, (-1,)), states)
        classes = probabilities.shape[-1]
        logs = ops.log(ops.maximum(probabilities, keras.config.epsilon()))
        logs = ops.reshape(logs, (rows, beams, classes))
        only_end = ops.where(ops.arange(classes) == end, 0.0, _NEVER)
        logs = ops.where(ended[..., None], only_end, logs)
        totals, best = ops.top_k(
            ops.reshape(totals[..., None] + logs, (rows, beams * classes)), beams
        )
        best = ops.cast(best, "int32")
        parent, tokens = best // classes, best % classes
        history = [ops.take_along_axis(each, parent, axis=1) for each in history]
        ended, sizes = (ops.take_along_axis(each, parent, axis=1) for each in (ended, sizes))
        sizes = sizes + ops.cast(~ended, "float32")
        history.append(ops.where(tokens == end, -1, tokens))
        ended = ended | (tokens == end)
        offset = ops.arange(rows, dtype="int32")[:, None] * beams
        states = ops.take(states, ops.reshape(parent + offset, (-1,)), axis=0)
    winner = ops.argmax(totals / sizes, axis=1)[:, None]
    return ops.concatenate([ops.take_along_axis(each, winner, axis=1) for each in history], axis=1)
