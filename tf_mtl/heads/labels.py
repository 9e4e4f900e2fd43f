"""Label rules: which labels of a head are missing, and which are wrong."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


class LabelRule(abc.ABC):
    """Tells labelled entries of a batch from missing ones, and finds wrong ones.

    A rule is used twice: `encode` runs in the graph of every step; `problem` looks at values
    before training starts and names the first wrong one.
    """

    @abc.abstractmethod
    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns the labels with missing ones replaced, and what is labelled.

        Args:
            labels: Tensor `[B, ...]` as it comes from the data set.

        Returns:
            The labels, every missing entry replaced by a harmless one, and a boolean tensor of
            the same shape that is True where there was a label, or None when no entry of
            this dtype can be missing.
        """

    @abc.abstractmethod
    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Returns the row and a description of the first wrong label, or None.

        Args:
            labels: Array `[B, ...]`.
        """

    @abc.abstractmethod
    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """Returns the shapes that labels may have for an output of this shape, None for any."""

    @property
    def named_classes(self) -> ClassLabels | None:
        """What looks up the names of classes in labels, None where labels cannot be names."""
        return None


class FloatLabels(LabelRule):
    """Labels that are numbers: NaN is missing.

    Args:
        any_shape: Whether labels may differ in shape from the output, as a loss of the user's own
            may want.

    >>> labels, labelled = FloatLabels().encode(tf.constant([1.0, float("nan")]))
    >>> labels.numpy().tolist(), labelled.numpy().tolist()
    ([1.0, 1.0], [True, False])
    """

    def __init__(self, any_shape: bool = False) -> None:
        self.any_shape = any_shape

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces NaN by a label of the same batch, which lies in the domain of any loss."""
        if not labels.dtype.is_floating:
            return labels, None
        labelled = tf.math.logical_not(tf.math.is_nan(labels))
        stand_in = tf.reduce_max(tf.where(labelled, labels, labels.dtype.min))
        stand_in = tf.where(tf.reduce_any(labelled), stand_in, tf.ones_like(stand_in))
        return tf.where(labelled, labels, stand_in), labelled

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text and infinite values."""
        if labels.dtype.kind not in "fiub":
            return 0, f"{labels.reshape(-1)[0]!r} is not a number (dtype {labels.dtype})"
        return _first(labels, np.isinf(labels), "is infinite")

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape; a last axis of one may be left out."""
        return None if self.any_shape else _same_shapes(output_shape)


class ClassLabels(LabelRule):
    """Labels that are classes: -1, NaN and "" are missing.

    Args:
        num_classes: Number of classes, or None where it is not known.
        class_names: Names in the order of the classes; labels may then be these strings.
        void: A further number that stands for a missing label, 255 in many sets of masks.

    >>> labels, labelled = ClassLabels(2, ["cat", "dog"]).encode(tf.constant(["dog", ""]))
    >>> labels.numpy().tolist(), labelled.numpy().tolist()
    ([1, 0], [True, False])
    """

    def __init__(
        self,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        void: int | None = None,
    ) -> None:
        self.num_classes = num_classes
        self.class_names = list(class_names) if class_names else None
        self.void = void

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Maps names to numbers and replaces missing classes by class 0."""
        if labels.dtype == tf.string:
            return self._encode_names(labels)
        if labels.dtype.is_floating:
            labelled = tf.math.logical_not(tf.math.is_nan(labels)) & (labels != -1)
        elif labels.dtype.is_bool or (labels.dtype.is_unsigned and self.void is None):
            return labels, None
        elif labels.dtype.is_unsigned:
            labelled = tf.ones_like(labels, tf.bool)
        else:
            labelled = labels != -1
        if self.void is not None and labels.dtype.min <= self.void <= labels.dtype.max:
            labelled &= labels != tf.cast(self.void, labels.dtype)
        return tf.where(labelled, labels, tf.zeros_like(labels)), labelled

    @property
    def named_classes(self) -> ClassLabels | None:
        """The rule itself, if it has names."""
        return self if self.class_names else None

    def _encode_names(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if self.class_names is None:
            raise ValueError(
                "The labels are strings but the head has no class names. Pass them in the order "
                "of the classes, for instance Classification(2, class_names=['cat', 'dog'])."
            )
        matches = labels[..., None] == tf.constant(self.class_names)
        classes = tf.argmax(tf.cast(matches, tf.int32), axis=-1, output_type=tf.int32)
        known = tf.reduce_any(matches, axis=-1)
        labelled = labels != ""
        all_known = tf.reduce_all(known | ~labelled)
        message = f"A label is none of the class names {self.class_names}. The batch's labels:"
        with tf.control_dependencies([tf.debugging.Assert(all_known, [message, labels])]):
            return tf.identity(classes), labelled

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds unknown names, fractions and classes outside the range."""
        if labels.dtype.kind in "OSU":
            return self._name_problem(labels)
        if labels.dtype.kind == "b":
            return None
        if labels.dtype.kind == "f":
            finite = np.isfinite(labels)
            fraction = finite & (np.floor(np.where(finite, labels, 0)) != labels)
            found = _first(labels, fraction, "is not a class (a whole number)")
            if found:
                return found
            labels = np.where(np.isnan(labels), -1, labels)
        if labels.dtype.kind == "u":
            labels = labels.astype("int64")
        if self.void is not None:
            labels = np.where(labels == self.void, -1, labels)
        limit = np.inf if self.num_classes is None else self.num_classes
        wrong = (labels < -1) | (labels >= limit)
        expected = "0 or more" if self.num_classes is None else f"0 to {self.num_classes - 1}"
        missing = "-1" if self.void is None else f"-1 or {self.void}"
        return _first(
            labels, wrong, f"is not a class: expected {expected}, or {missing} where missing"
        )

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape without the axis of classes, or with one entry there."""
        return [output_shape[:-1], (*output_shape[:-1], 1)]

    def _name_problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        texts = np.array([isinstance(item, str | bytes) for item in labels.reshape(-1)], bool)
        others = _first(labels, ~texts.reshape(labels.shape), "is no text")
        if others:
            row, what = others
            return row, (
                f"{what}, in an array of the type object. Make the labels an array of numbers, -1 "
                'where missing, or of class names, "" where missing'
            )
        text = np.array(
            [item.decode() if isinstance(item, bytes) else str(item) for item in labels.reshape(-1)]
        ).reshape(labels.shape)
        if self.class_names is None:
            return 0, f"{str(text.reshape(-1)[0])!r} is text, but the head has no class_names"
        wrong = ~np.isin(text, [*self.class_names, ""])
        return _first(text, wrong, f"is not one of the class names {self.class_names}")


class BinaryLabels(LabelRule):
    """Labels 0 and 1 (or any share between them): -1 and NaN are missing, element by element.

    Args:
        class_names: Names of class 0 and class 1; labels may then be these strings.

    >>> labels, labelled = BinaryLabels().encode(tf.constant([[1, -1]]))
    >>> labels.numpy().tolist(), labelled.numpy().tolist()
    ([[1, 0]], [[True, False]])
    """

    def __init__(self, class_names: Sequence[str] | None = None) -> None:
        self.classes = ClassLabels(2, class_names)

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Maps names to numbers and replaces missing labels by 0."""
        return self.classes.encode(labels)

    @property
    def named_classes(self) -> ClassLabels | None:
        """The rule of the two classes, if they have names."""
        return self.classes.named_classes

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds values outside 0 … 1 other than -1."""
        if labels.dtype.kind not in "fiu":
            return self.classes.problem(labels)
        values = np.where(np.isnan(labels), -1, labels) if labels.dtype.kind == "f" else labels
        wrong = ((values < 0) | (values > 1)) & (values != -1)
        return _first(labels, wrong, "is not 0 or 1, or -1 where missing")

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The output's shape; a last axis of one may be left out."""
        return _same_shapes(output_shape)


class CrossentropyLabels(LabelRule):
    """Labels of the loss "crossentropy", which Keras chooses by their shape.

    They are the numbers of classes, as `ClassLabels`, or shares of classes, as `BinaryLabels`.

    Args:
        output_shape: `[B, ..., K]` of the output, K > 1.

    >>> rule = CrossentropyLabels((None, 3))
    >>> [rule.encode(tf.constant(labels))[0].shape.rank for labels in ([2, -1], [[0, 1, 0]])]
    [1, 2]
    """

    def __init__(self, output_shape: tuple[int | None, ...]) -> None:
        self.output_shape = tuple(output_shape)
        self.classes = ClassLabels(output_shape[-1])
        self.shares = BinaryLabels()

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Does what the rule for labels of this shape does."""
        return self.rule_for(labels.shape).encode(labels)

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds what the rule for labels of this shape finds."""
        return self.rule_for(labels.shape).problem(labels)

    def label_shapes(
        self, output_shape: tuple[int | None, ...]
    ) -> list[tuple[int | None, ...]] | None:
        """The shapes of both kinds of labels."""
        return [*(self.classes.label_shapes(output_shape) or []), output_shape]

    def rule_for(self, shape: Sequence[int | None]) -> ClassLabels | BinaryLabels:
        """Returns the rule for labels of a shape."""
        same = len(shape) == len(self.output_shape) and shape[-1] != 1
        return self.shares if same else self.classes


def _same_shapes(output_shape: tuple[int | None, ...]) -> list[tuple[int | None, ...]]:
    if output_shape[-1] == 1:
        return [output_shape, output_shape[:-1]]
    return [output_shape]


def _first(labels: np.ndarray, wrong: np.ndarray, what: str) -> tuple[int, str] | None:
    if not wrong.any():
        return None
    index = tuple(int(i[0]) for i in np.nonzero(wrong))
    return index[0] if index else 0, f"{np.asarray(labels[index]).item()!r} {what}"
