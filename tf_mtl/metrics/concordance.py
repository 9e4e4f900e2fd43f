"""How well predicted survival orders the times of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..losses import checked_edges, survived_bins

_RANGE = 12.0  # logits of mean survival beyond this count as this


@keras.saving.register_keras_serializable(package="tf_mtl")
class ConcordanceIndex(keras.metrics.Metric):
    """Share of comparable pairs in which the row that lived longer was predicted to.

    A pair is comparable if one row has an event in a bin that the other is known to have survived;
    0.5 is chance, 1 a perfect order. The prediction that is compared is the mean of the survival
    curve. As in `keras.metrics.AUC`, predictions are sorted into cells, so that the metric is that
    of all batches together: pairs within a cell count as ties, one half each. The cells are evenly
    spaced in the logit of the prediction.

    Reference: F. E. Harrell et al., Evaluating the yield of medical tests, JAMA 247, 1982; here
    with times as coarse as the bins.

    Args:
        num_bins: Number of bins K of the curve.
        edges: Upper ends of the bins if labels are durations, else None.
        num_cells: Number of cells.
        name: Name of the metric.
        dtype: Data type of the result.

    Raises:
        ValueError: If the edges do not increase, or are not `num_bins`.

    Call arguments:
        y_true: Pairs (time, event), `[B, 2]`.
        y_pred: Survival curve, `[B, K]`.

    >>> metric = ConcordanceIndex(num_bins=2)
    >>> float(metric([[0, 1], [1, 1]], [[0.3, 0.1], [0.9, 0.5]]))  # the first died first
    1.0
    """

    def __init__(
        self,
        num_bins: int,
        edges: Sequence[float] | None = None,
        num_cells: int = 2000,
        name: str = "concordance",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.num_bins = num_bins
        self.edges = checked_edges(edges)
        if self.edges is not None and len(self.edges) != num_bins:
            raise ValueError(
                f"{num_bins} bins have {num_bins} upper ends. Received {len(self.edges)} `edges`: "
                f"{self.edges}."
            )
        self.num_cells = num_cells
        shape = (num_bins + 1, num_cells)
        self.events = self.add_variable(shape, "zeros", self.dtype, name="events")
        self.rows = self.add_variable(shape, "zeros", self.dtype, name="rows")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts rows by the bins that they survived and by their prediction."""
        ops = keras.ops
        survived, event = survived_bins(y_true, self.num_bins, self.edges)
        mean = ops.mean(ops.cast(y_pred, self.dtype), axis=-1)
        logit = ops.clip(ops.log(mean) - ops.log1p(-mean), -_RANGE, _RANGE)
        place = (logit / (2 * _RANGE) + 0.5) * (self.num_cells - 1)
        cells = ops.one_hot(ops.cast(ops.round(place), "int32"), self.num_cells, dtype=self.dtype)
        times = ops.one_hot(ops.cast(survived, "int32"), self.num_bins + 1, dtype=self.dtype)
        if sample_weight is not None:
            times = times * ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.rows.assign_add(ops.matmul(ops.transpose(times), cells))
        times = times * ops.cast(event, self.dtype)[:, None]
        self.events.assign_add(ops.matmul(ops.transpose(times), cells))

    def result(self) -> Any:
        """Returns the share, 0 where no pair is comparable."""
        ops = keras.ops
        rows, events = ops.convert_to_tensor(self.rows), ops.convert_to_tensor(self.events)
        after = ops.flip(ops.cumsum(ops.flip(rows, axis=0), axis=0), axis=0) - rows
        higher = ops.flip(ops.cumsum(ops.flip(after, axis=1), axis=1), axis=1) - after
        concordant = ops.sum(events * (higher + 0.5 * after))
        return ops.divide_no_nan(concordant, ops.sum(events * ops.sum(after, 1, keepdims=True)))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "edges": self.edges,
            "num_cells": self.num_cells,
        }
