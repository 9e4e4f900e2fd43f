"""Numbers as several features each, so that a network can treat every range on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="tf_mtl")
class Intervals(keras.layers.Layer):
    """Encodes each number by the interval it lies in and by how far it fills every interval.

    A column with the edges b₀ < b₁ < … gives two features for each interval t: the fill
    (x - bₜ) / (bₜ₊₁ - bₜ), clipped to 0…1, and the mark, 1 if x lies in it and otherwise 0.
    A plain network learns steps, spikes and heavy tails from them that it would hardly learn from
    the number itself.

    Differs from the paper: the marks are added (the paper compares them as a rival), and the first
    and last interval are clipped too, so that a number far outside the training data cannot drive
    the network anywhere new.

    Source: Gorishniy, Rubachev, Babenko (2022), On Embeddings for Numerical Features in Tabular
    Deep Learning, section 3.2.

    Args:
        edges: For each of the C columns its increasing edges; a column with fewer than two edges
            gives no feature.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If edges do not increase, or no column has two.

    Call arguments:
        numbers: Float `[B, C]` without NaN.

    Returns:
        Float `[B, 2 K]`, K the number of intervals of all columns: the fills, then the marks.

    >>> Intervals([[0, 10, 20], [5, 6]])(np.array([[15.0, 5.0]])).numpy().tolist()
    [[1.0, 0.5, 0.0, 0.0, 1.0, 1.0]]
    """

    def __init__(
        self, edges: Sequence[Sequence[float]], name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.edges = [[float(edge) for edge in column] for column in edges]
        rows = [np.asarray(column, "float32") for column in self.edges]
        if any((np.diff(row) <= 0).any() or not np.isfinite(row).all() for row in rows):
            raise ValueError(
                "Intervals needs finite edges that increase, in float32, in every column. "
                f"Received: edges={self.edges}."
            )
        if not any(len(row) > 1 for row in rows):
            raise ValueError(
                f"Intervals needs a column with two edges at least. Received: edges={self.edges}."
            )
        used = [(place, row) for place, row in enumerate(rows) if len(row) > 1]
        self._column = np.concatenate([np.full(len(row) - 1, place) for place, row in used])
        self._low = np.concatenate([row[:-1] for _, row in used])
        self._high = np.concatenate([row[1:] for _, row in used])
        # The outermost intervals also hold what lies beyond them.
        self._from = np.concatenate([[-np.inf, *row[1:-1]] for _, row in used])
        self._to = np.concatenate([[*row[1:-1], np.inf] for _, row in used])

    def call(self, numbers: Any) -> Any:
        """Returns the fills and the marks."""
        spread = keras.ops.take(numbers, self._column, axis=-1)
        low, high, start, stop = (
            keras.ops.convert_to_tensor(row, dtype=spread.dtype)
            for row in (self._low, self._high, self._from, self._to)
        )
        fills = keras.ops.clip((spread - low) / (high - low), 0.0, 1.0)
        marks = keras.ops.logical_and(spread >= start, spread < stop)
        return keras.ops.concatenate([fills, keras.ops.cast(marks, fills.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the features."""
        return (*input_shape[:-1], 2 * len(self._column))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {**super().get_config(), "edges": self.edges}
