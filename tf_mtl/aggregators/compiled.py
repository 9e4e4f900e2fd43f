"""Compiles the small solves of a graph with XLA."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled(solve: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function of tensors run compiled inside a graph, and as it is outside one.

    A solver is a loop over tiny tensors: the overhead of TensorFlow's ops, not their arithmetic,
    is its cost, and XLA removes it. Eager calls are not compiled, as each new T would be.
    """
    function = tf.function(solve, jit_compile=True)

    @functools.wraps(solve)
    def call(*tensors: Any) -> Any:
        return solve(*tensors) if tf.executing_eagerly() else function(*tensors)

    return call
