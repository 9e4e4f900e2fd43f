"""Label rules of targets that are a number, a count, a duration, a group or a list."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from .labels import ClassLabels, FloatLabels, LabelRule

Shape = tuple[int | None, ...]
_FIRST_ROUNDED = 2**24  # from here up, float32 does not hold every whole number


class NumberLabels(LabelRule):
    """One number a row, whatever the shape of the output: NaN is missing.

    >>> NumberLabels().label_shapes((None, 3))  # three quantiles of one number
    [(None,), (None, 1)]
    """

    def __init__(self) -> None:
        self.numbers = FloatLabels()

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces NaN by a label of the same batch."""
        return self.numbers.encode(labels)

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text and infinite values."""
        return self.numbers.problem(labels)

    def label_shapes(self, output_shape: Shape) -> list[Shape] | None:
        """One number for each row."""
        return [output_shape[:1], (output_shape[0], 1)]


class CountLabels(LabelRule):
    """Whole numbers from 0 up, one a row: NaN is missing.

    >>> import numpy as np
    >>> CountLabels().problem(np.array([3.0, float("nan"), 2.5]))
    (2, '2.5 is not a count: expected a whole number from 0 up, or NaN where missing')
    """

    def __init__(self) -> None:
        self.numbers = NumberLabels()

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces NaN by a label of the same batch."""
        return self.numbers.encode(labels)

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text, infinite and negative values, and fractions."""
        found = self.numbers.problem(labels)
        if found or labels.dtype.kind == "b":
            return found
        wrong = (labels < 0) | (np.isfinite(labels) & (np.floor(labels) != labels))
        return _first(
            labels, wrong, "is not a count: expected a whole number from 0 up, or NaN where missing"
        )

    def label_shapes(self, output_shape: Shape) -> list[Shape] | None:
        """One count for each row."""
        return self.numbers.label_shapes(output_shape)


class GroupLabels(LabelRule):
    """Numbers of groups to which rows belong, not known beforehand: -1 and NaN are missing.

    >>> GroupLabels().label_shapes((None, 64))  # an embedding of 64 dimensions
    [(None,), (None, 1)]
    """

    def __init__(self) -> None:
        self.classes = ClassLabels()

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces missing groups by group 0; the mask tells them apart."""
        return self.classes.encode(labels)

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text, fractions, negative numbers but -1, and numbers that float32 rounds."""
        found = self.classes.problem(labels)
        if found or labels.dtype.kind != "f":
            return found
        return _first(
            labels,
            labels >= _FIRST_ROUNDED,
            f"is the number of a group from {_FIRST_ROUNDED} up, which Keras' float32 rounds to "
            "that of another: expected an array of integers there, -1 where missing",
        )

    def label_shapes(self, output_shape: Shape) -> list[Shape] | None:
        """One number for each row."""
        return self.classes.label_shapes(output_shape)


class SurvivalLabels(LabelRule):
    """Pairs (time, event), `[B, 2]`: a row with NaN or -1 in either is missing.

    Args:
        num_bins: Number of bins, where times are numbers of bins; None where they are durations.

    >>> labels, labelled = SurvivalLabels().encode(tf.constant([[3.5, 1.0], [-1.0, 0.0]]))
    >>> labels.numpy().tolist(), labelled.numpy().tolist()
    ([[3.5, 1.0], [0.0, 0.0]], [True, False])
    """

    def __init__(self, num_bins: int | None = None) -> None:
        self.num_bins = num_bins

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces missing rows by one that was never observed: time 0, no event."""
        if not labels.dtype.is_floating:
            labels = tf.cast(labels, tf.int64)  # unsigned numbers do not compare with -1
        known = labels != -1
        if labels.dtype.is_floating:
            known &= tf.math.logical_not(tf.math.is_nan(labels))
        labelled = tf.reduce_all(known, axis=-1)
        return tf.where(labelled[:, None], labels, tf.zeros_like(labels)), labelled

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text, negative or infinite times, unknown bins, and events other than 0 and 1."""
        if labels.dtype.kind not in "fiub":
            return 0, f"{labels.reshape(-1)[0]!r} is not a number (dtype {labels.dtype})"
        values = labels.astype("float64")
        values[np.isnan(values)] = -1
        time, event = values[:, 0], values[:, 1]
        found = _first(
            event, ~np.isin(event, [0, 1, -1]), "is no event: expected 1, or 0 where censored"
        )
        if found:
            return found
        bad = ((time < 0) & (time != -1)) | np.isinf(time)
        if self.num_bins is None:
            return _first(time, bad, "is not a duration: expected a number from 0 up")
        bad |= (np.floor(time) != time) | (time >= self.num_bins)
        return _first(time, bad, f"is not the number of a bin: expected 0 to {self.num_bins - 1}")

    def label_shapes(self, output_shape: Shape) -> list[Shape] | None:
        """A pair for each row."""
        return [(output_shape[0], 2)]


class RelevanceLabels(LabelRule):
    """How relevant each item of a list is, from 0 up: -1 and NaN mark an item that does not count.

    The items keep -1, which the losses and metrics of keras-rs leave out; a list without any item
    is missing.

    >>> labels, labelled = RelevanceLabels().encode(tf.constant([[2.0, -1.0], [-1.0, -1.0]]))
    >>> labels.numpy().tolist(), labelled.numpy().tolist()
    ([[2.0, -1.0], [-1.0, -1.0]], [True, False])
    """

    def encode(self, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Replaces NaN by -1."""
        if labels.dtype.is_floating:
            labels = tf.where(tf.math.is_nan(labels), -tf.ones_like(labels), labels)
        return labels, tf.reduce_any(labels >= 0, axis=-1)

    def problem(self, labels: np.ndarray) -> tuple[int, str] | None:
        """Finds text, infinite and negative values."""
        if labels.dtype.kind not in "fiub":
            return 0, f"{labels.reshape(-1)[0]!r} is not a number (dtype {labels.dtype})"
        wrong = ((labels < 0) & (labels != -1)) | np.isinf(labels)
        return _first(
            labels, wrong, "is no relevance: expected 0 or more, or -1 where there is none"
        )

    def label_shapes(self, output_shape: Shape) -> list[Shape] | None:
        """One number for each item."""
        return [output_shape]


def _first(labels: np.ndarray, wrong: np.ndarray, what: str) -> tuple[int, str] | None:
    rows = np.nonzero(wrong)[0]
    if not len(rows):
        return None
    return int(rows[0]), f"{labels[wrong][0].item()!r} {what}"
