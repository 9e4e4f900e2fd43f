"""The label rule of sequences that end by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from .labels import ClassLabels, LabelRule


class SequenceLabels(LabelRule):
    """Labels that are sequences of tokens `[B, length]`, filled up with -1, NaN or "".

    What fills a sequence up is not missing: the first such step is labelled with the end, the class
    behind the tokens, and those after it count for nothing. A row without any token is missing.

    Args:
        vocabulary_size: Number of tokens, without the end.
        vocabulary: Tokens in the order of the classes; labels may then be these strings.

    >>> labels, labelled = SequenceLabels(9).encode(tf.constant([[4, 2, -1, -1], [-1, -1, -1, -1]]))
    >>> labels.numpy().tolist()
    [[4, 2, 9, 9], [9, 9, 9, 9]]
    >>> labelled.numpy().tolist()
    [[True, True, True, False], [False, False, False, False]]
    """

    def __init__(self, vocabulary_size: int, vocabulary: Sequence[str] | None = None) -> None:
        self.end = vocabulary_size
        self.tokens = ClassLabels(vocabulary_size, vocabulary)

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Maps tokens to classes, and what is behind them to the end."""
        classes, there = self.tokens.encode(labels)
        if there is None:  # an unsigned type, in which every sequence is full
            return classes, None
        before = tf.pad(there[:, :-1], [[0, 0], [1, 0]])  # none before the first: the row is empty
        return tf.where(there, classes, tf.cast(self.end, classes.dtype)), there | before

    @property
    def named_classes(self) -> ClassLabels | None:
        """The rule of the tokens, if there is a vocabulary."""
        return self.tokens.named_classes

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds what is no token, and tokens behind the end."""
        found = self.tokens.problem(labels)
        if found:
            return found
        if labels.dtype.kind in "OSU":
            there = (labels != "") & (labels != b"")
        else:
            there = (labels != -1) & ~np.isnan(labels.astype(float))
        gap = (there[:, 1:] & ~there[:, :-1]).any(axis=1)
        if not gap.any():
            return None
        row = int(np.argmax(gap))
        return row, f"the sequence {labels[row].tolist()} goes on behind its end"

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape without the classes."""
        return [output_shape[:-1]]
