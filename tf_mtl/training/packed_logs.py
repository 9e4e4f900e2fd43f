"""Many logs leave a step as one tensor.

Keras hands the logs of a step on in a `tf.experimental.Optional`, whose type TensorFlow copies for
each of its parts: optimising the graph of a step takes time that grows with the square of their
number. With 617 tasks and an aggregator that was most of seven minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

FEW = 64
_SEPARATOR = "\n"


def with_packed_logs(
    make: Callable[[Callable[..., Any]], Callable[..., Any]], step: Callable[..., Any]
) -> Callable[..., Any]:
    """Returns what `make` makes of a step, with the logs packed inside of it and not outside.

    Args:
        make: Makes the function that Keras calls, of the step on one batch.
        step: Returns logs.
    """
    made = make(lambda data: pack(step(data)))
    return lambda iterator: unpack(made(iterator))


def pack(logs: Any) -> Any:
    """Returns logs with all numbers in one vector, if they are many.

    >>> logs = {f"log_{i}": tf.constant(float(i)) for i in range(100)}
    >>> [value.shape for value in pack(logs).values()]
    [TensorShape([100])]
    >>> float(unpack(pack(logs))["log_7"])
    7.0
    """
    if not isinstance(logs, dict):
        return logs
    numbers = {name: value for name, value in logs.items() if _is_number(value)}
    if len(numbers) <= FEW:
        return logs
    others = {name: value for name, value in logs.items() if name not in numbers}
    # The names are in the structure and not beside it: every trace of a step has its own.
    return {_SEPARATOR.join(["", *logs]): tf.stack([*numbers.values()]), **others}


def unpack(logs: Any) -> Any:
    """Returns the logs that were packed, in their order."""
    if not isinstance(logs, dict):
        return logs
    packed = next((name for name in logs if name.startswith(_SEPARATOR)), None)
    if packed is None:
        return logs
    names = packed.split(_SEPARATOR)[1:]
    numbers = iter(tf.unstack(logs[packed]))
    return {name: logs[name] if name in logs else next(numbers) for name in names}


def _is_number(value: Any) -> bool:
    return tf.is_tensor(value) and value.dtype == tf.float32 and value.shape.rank == 0
