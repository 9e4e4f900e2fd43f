"""How well a span of tokens answers a question."""

from __future__ import annotations

import abc
from typing import Any

import keras


def best_spans(probabilities: Any, max_length: int | None = None) -> Any:
    """Returns the most likely first and last token of each row, the last not before the first.

    Args:
        probabilities: `[B, 2, tokens]`: of the first token, and of the last.
        max_length: Greatest number of tokens of a span, or None.

    Returns:
        int32 `[B, 2]`.

    >>> best_spans(keras.ops.array([[[0.4, 0.6, 0.0], [0.5, 0.1, 0.4]]])).numpy().tolist()
    [[1, 2]]
    """
    probabilities = keras.ops.convert_to_tensor(probabilities)
    steps = keras.ops.shape(probabilities)[2]
    place = keras.ops.arange(steps)
    distance = place[None, :] - place[:, None]
    allowed = distance >= 0
    if max_length is not None:
        allowed = allowed & (distance < max_length)
    logs = keras.ops.log(probabilities)  # products of two that are small would all be 0
    joint = logs[:, 0, :, None] + logs[:, 1, None, :]
    joint = keras.ops.where(allowed, joint, -float("inf"))
    best = keras.ops.argmax(keras.ops.reshape(joint, (-1, steps * steps)), axis=-1)
    best = keras.ops.cast(best, "int32")
    return keras.ops.stack([best // steps, best % steps], axis=-1)


class AnswerMetric(keras.metrics.Mean, abc.ABC):
    """Abstract mean over rows of how well the predicted span fits the true one.

    Rows in which the first or the last token has weight 0 do not count.

    Args:
        max_length: Greatest number of tokens of a predicted span, or None.
        name: Name of the metric.
        dtype: Type of the sums.
    """

    def __init__(self, max_length: int | None, name: str, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.max_length = max_length

    @abc.abstractmethod
    def score(self, true: Any, found: Any) -> Any:
        """Returns `[B]` from spans `[B, 2]`."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts the rows of a batch.

        Args:
            y_true: First and last token `[B, 2]`.
            y_pred: Their probabilities `[B, 2, tokens]`.
            sample_weight: `[B]` or `[B, 2]`, or None.
        """
        found = best_spans(y_pred, self.max_length)
        if sample_weight is not None:
            sample_weight = keras.ops.cast(sample_weight, self.dtype)
            if len(sample_weight.shape) == 2:
                sample_weight = keras.ops.min(sample_weight, axis=-1)
        super().update_state(self.score(keras.ops.cast(y_true, "int32"), found), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "max_length": self.max_length}


@keras.saving.register_keras_serializable(package="tf_mtl")
class AnswerExactMatch(AnswerMetric):
    """Share of rows whose predicted span is the true one.

    Args:
        max_length: Greatest number of tokens of a predicted span, or None.
        name: Name of the metric.
        dtype: Dtype of the metric.

    >>> metric = AnswerExactMatch()
    >>> metric.update_state([[1, 2]], [[[0.4, 0.6, 0.0], [0.5, 0.1, 0.4]]])
    >>> float(metric.result())
    1.0
    """

    def __init__(
        self, max_length: int | None = None, name: str = "exact_match", dtype: Any = None
    ) -> None:
        super().__init__(max_length, name, dtype)

    def score(self, true: Any, found: Any) -> Any:
        """Returns whether the spans are equal."""
        # `==` has no known rank where one batch size is known and the other is not.
        return keras.ops.all(keras.ops.equal(true, found), axis=-1)


@keras.saving.register_keras_serializable(package="tf_mtl")
class AnswerTokenF1(AnswerMetric):
    """Mean F1 of the tokens in the predicted span and in the true one, row by row.

    This is the F1 of SQuAD (Rajpurkar et al., 2016) told by the places of the tokens; SQuAD's own
    script compares words without articles and punctuation.

    Args:
        max_length: Greatest number of tokens of a predicted span, or None.
        name: Name of the metric.
        dtype: Dtype of the metric.

    >>> metric = AnswerTokenF1()
    >>> metric.update_state([[0, 2]], [[[0.4, 0.6, 0.0], [0.5, 0.1, 0.4]]])
    >>> round(float(metric.result()), 3)  # tokens 1 and 2 instead of 0, 1 and 2
    0.8
    """

    def __init__(
        self, max_length: int | None = None, name: str = "token_f1", dtype: Any = None
    ) -> None:
        super().__init__(max_length, name, dtype)

    def score(self, true: Any, found: Any) -> Any:
        """Returns 2 · common tokens / (tokens of the one + tokens of the other)."""
        first = keras.ops.maximum(true[:, 0], found[:, 0])
        last = keras.ops.minimum(true[:, 1], found[:, 1])
        common = keras.ops.maximum(last - first + 1, 0)
        sizes = true[:, 1] - true[:, 0] + found[:, 1] - found[:, 0] + 2
        return 2 * keras.ops.cast(common, self.dtype) / keras.ops.cast(sizes, self.dtype)
