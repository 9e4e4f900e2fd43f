"""F1 of the spans that tags of tokens mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..keras_internals import keras_mask

_MARKS = ("B-", "I-", "E-", "L-", "S-", "U-")


@keras.saving.register_keras_serializable(package="tf_mtl")
class SpanF1(keras.metrics.Metric):
    """F1 of the spans marked by BIO, IOBES or BILOU tags, as `seqeval` counts them.

    A span is right if its type, its first and its last token are; this is what papers about named
    entities and slots report, and is lower than the accuracy of the tags. Spans of all types
    are counted together ("micro"), over all batches. As in `seqeval` (its default mode, which is
    that of CoNLL's script), a span also begins with an `I-` tag behind "O" or behind another type.
    A span ends with `E-` or `L-`; `S-` and `U-` are spans of one token.

    Tokens of weight 0 or masked by Keras are taken out before the spans are told, and a span has
    the weight of its first token.

    Reference: Tjong Kim Sang and De Meulder, Introduction to the CoNLL-2003 Shared Task, 2003;
    https://github.com/chakki-works/seqeval.

    Args:
        class_names: Tags in the order of the classes: "B-place", "I-place", …; any other tag,
            "O" for instance, is outside of spans.
        name: Name of the metric.
        dtype: Type of the counts.

    Raises:
        ValueError: If no tag begins with "B-" or "I-".

    >>> metric = SpanF1(["O", "B-place", "I-place"])
    >>> metric.update_state([[1, 2, 0, 1]], keras.ops.one_hot([[1, 2, 0, 0]], 3))
    >>> round(float(metric.result()), 3)  # one of two spans found, and none that is not there
    0.667
    """

    def __init__(
        self, class_names: Sequence[str], name: str = "span_f1", dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if not has_spans(class_names):
            raise ValueError(
                'SpanF1 needs tags such as "B-place" and "I-place" among `class_names`. '
                f"Received: {list(class_names)}."
            )
        self.class_names = list(class_names)
        types = sorted({tag[2:] for tag in class_names if tag[:2] in _MARKS})
        self._types = [types.index(tag[2:]) if tag[:2] in _MARKS else -1 for tag in class_names]
        self._continues = [tag[:2] in ("I-", "E-", "L-") for tag in class_names]
        self._opens = [tag[:2] in ("B-", "I-") for tag in class_names]
        self.right, self.marked, self.true = (
            self.add_variable((), "zeros", self.dtype, name=name)
            for name in ("right", "marked", "true")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts the spans of a batch.

        Args:
            y_true: Classes `[B, tokens]`, or `[B, tokens, 1]`.
            y_pred: Probabilities `[B, tokens, classes]`.
            sample_weight: `[B]` or `[B, tokens]`, or None.
        """
        weight = keras.ops.ones(keras.ops.shape(y_pred)[:2], self.dtype)
        if sample_weight is not None:
            given = keras.ops.cast(sample_weight, self.dtype)
            weight = weight * (given if len(given.shape) == 2 else given[:, None])
        if keras_mask(y_pred) is not None:
            weight = weight * keras.ops.cast(keras_mask(y_pred), self.dtype)
        weight, true, predicted = _without_gaps(
            weight,
            keras.ops.cast(keras.ops.reshape(y_true, keras.ops.shape(y_pred)[:2]), "int32"),
            keras.ops.cast(keras.ops.argmax(y_pred, axis=-1), "int32"),
        )
        there = weight != 0
        true_type, true_start, true_more = self._spans(true, there)
        type_, start, more = self._spans(predicted, there)
        both = true_start & start & (true_type == type_)
        self.true.assign_add(_total(weight, true_start))
        self.marked.assign_add(_total(weight, start))
        self.right.assign_add(_total(weight, both & _ends_together(true_more, more)))

    def result(self) -> Any:
        """Returns F1, 0 where there are no spans."""
        return keras.ops.divide_no_nan(2 * self.right, self.true + self.marked)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "class_names": self.class_names}

    def _spans(self, tags: Any, there: Any) -> tuple[Any, Any, Any]:
        """Returns the type at each token, where spans start, and where they go on."""
        types = keras.ops.take(keras.ops.array(self._types, "int32"), tags)
        types = keras.ops.where(there, types, -1)
        before = keras.ops.pad(types, [[0, 0], [1, 0]], constant_values=-1)[:, :-1]
        goes_on = keras.ops.take(keras.ops.array(self._continues), tags)
        open_ = keras.ops.take(keras.ops.array(self._opens), tags)
        open_ = keras.ops.pad(open_, [[0, 0], [1, 0]], constant_values=False)[:, :-1]
        more = goes_on & open_ & (types >= 0) & (types == before)
        return types, (types >= 0) & ~more, more


def has_spans(class_names: Sequence[str]) -> bool:
    """Tells whether there are BIO tags, or those of IOBES or BILOU, among the names.

    >>> has_spans(["O", "B-place"]), has_spans(["noun", "verb"])
    (True, False)
    """
    return any(tag[:2] in ("B-", "I-") for tag in class_names)


def _without_gaps(weight: Any, *tags: Any) -> list[Any]:
    """Moves tokens of weight 0 behind the others: a span goes on across them."""
    steps = keras.ops.shape(weight)[1]
    place = keras.ops.arange(steps)
    order = keras.ops.argsort(keras.ops.where(weight != 0, place, place + steps), axis=-1)
    return [keras.ops.take_along_axis(values, order, axis=1) for values in (weight, *tags)]


def _ends_together(true_more: Any, more: Any) -> Any:
    """Tells for tokens at which two spans start together whether these also end together.

    They do if there is no token at which only one of them goes on before the first at which
    neither does. Such runs of tokens are numbered through all rows: a row's first token begins one.
    """
    neither = keras.ops.cast(keras.ops.reshape(~(true_more | more), [-1]), "int32")
    one_only = keras.ops.cast(keras.ops.reshape(true_more != more, [-1]), "int32")
    run = keras.ops.cumsum(neither)
    apart = keras.ops.segment_sum(one_only, run, keras.ops.size(run) + 1)
    return keras.ops.reshape(keras.ops.take(apart, run) == 0, keras.ops.shape(more))


def _total(weight: Any, starts: Any) -> Any:
    return keras.ops.sum(weight * keras.ops.cast(starts, weight.dtype))
