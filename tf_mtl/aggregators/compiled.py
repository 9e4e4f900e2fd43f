"""Keeps the overhead of TensorFlow's ops out of small solves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compiled(solve: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function of tensors run compiled by XLA in a graph, and as a graph outside one.

    A solver is a loop over tiny tensors: the overhead of TensorFlow's ops, not their arithmetic,
    is its cost, and XLA removes it. Eager calls are not compiled, which takes longer than tracing
    for each new T.
    """
    graph = tf.function(solve, autograph=False)
    xla = tf.function(solve, autograph=False, jit_compile=True)

    @functools.wraps(solve)
    def call(*tensors: Any) -> Any:
        return graph(*tensors) if tf.executing_eagerly() else xla(*tensors)

    return call


def traced(solve: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function of tensors run as a graph when it is called eagerly.

    For what XLA is slow at, the decompositions of linear algebra.
    """
    graph = tf.function(solve, autograph=False)

    @functools.wraps(solve)
    def call(*tensors: Any) -> Any:
        return graph(*tensors) if tf.executing_eagerly() else solve(*tensors)

    return call
