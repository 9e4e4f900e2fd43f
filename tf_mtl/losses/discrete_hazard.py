"""The likelihood of survival in discrete time, with censoring."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import keras

_LOGITS = "_tf_mtl_hazard_logits"


@keras.saving.register_keras_serializable(package="tf_mtl")
class DiscreteHazard(keras.losses.Loss):
    """Negative log-likelihood of the time of an event, of which only a lower bound may be known.

    Time is divided into K bins; hⱼ is the probability of the event in bin j for those who reached
    it. A row with an event in bin k costs −log hₖ − Σⱼ﹤ₖ log(1 − hⱼ). A censored row costs
    −Σ log(1 − hⱼ) over the bins that it survived: with numbers of bins all up to its own, that
    included; with durations those of which it survived at least half. (If its last bin never
    counted, too few rows would be at risk there, and all hazards too high.) An event after the last
    edge counts as censored there.

    Reference: J. D. Singer and J. B. Willett, It's about time: using discrete-time survival
    analysis, Journal of Educational Statistics 18, 1993; as the loss of a network, M. F. Gensheimer
    and B. Narasimhan, A scalable discrete-time survival model for neural networks, PeerJ 2019.

    Args:
        edges: Upper ends of the K bins, increasing; labels are then durations in the same unit.
            None if labels are numbers of bins.
        name: Name of the loss.
        reduction: As in every Keras loss.
        dtype: Data type of the computation.

    Raises:
        ValueError: If the edges do not increase from above 0.

    Call arguments:
        y_true: Pairs (time, event), `[B, 2]`; event is 1, or 0 where the row is censored.
        y_pred: Survival curve `[B, K]`: the probability of no event until the end of each bin. A
            curve of the head `Survival` carries the logits of its hazards, from which the loss
            is exact. Of any other curve, a stored prediction for instance, the hazards are told
            from differences, exact to seven digits of the survival before the bin.

    >>> labels = keras.ops.array([[1.0, 1.0], [0.0, 0.0]])  # an event in bin 1, censored in bin 0
    >>> curves = keras.ops.array([[0.5, 0.25], [0.5, 0.25]])
    >>> round(float(DiscreteHazard()(labels, curves)), 4)  # (2 + 1) log 2 / 2
    1.0397
    """

    def __init__(
        self,
        edges: Sequence[float] | None = None,
        name: str = "discrete_hazard",
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.edges = checked_edges(edges)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each row, `[B]`."""
        ops = keras.ops
        logits = getattr(y_pred, _LOGITS, None)
        if logits is None:
            logits = _logits_of(y_pred)
        survived, event = survived_bins(y_true, y_pred.shape[-1], self.edges, halves_count=True)
        bins = ops.arange(y_pred.shape[-1], dtype=survived.dtype)
        happened = ops.cast(bins == survived[:, None], logits.dtype) * event[:, None]
        at_risk = ops.cast(bins < survived[:, None], logits.dtype) + happened
        costs = ops.binary_crossentropy(happened, logits, from_logits=True)
        return ops.sum(at_risk * costs, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "edges": self.edges,
            "name": self.name,
            "reduction": self.reduction,
            "dtype": self.dtype,
        }


def survival_curve(logits: Any) -> Any:
    """Returns the survival curve of hazards with these logits, `[B, K]`, which it carries with it.

    >>> survival_curve(keras.ops.zeros((1, 3))).numpy().tolist()
    [[0.5, 0.25, 0.125]]
    """
    curve = keras.ops.exp(keras.ops.cumsum(keras.ops.log_sigmoid(-logits), axis=-1))
    setattr(curve, _LOGITS, logits)  # as Keras keeps those of a softmax for its cross-entropies
    return curve


def survived_bins(
    y_true: Any, num_bins: int, edges: Sequence[float] | None, halves_count: bool = False
) -> tuple[Any, Any]:
    """Returns how many bins each row is known to have survived, and whether then it had an event.

    Args:
        y_true: Pairs (time, event), `[B, 2]`.
        num_bins: Number of bins K.
        edges: Upper ends of the bins, where times are durations.
        halves_count: Whether a bin of which a censored row survived half counts as survived.

    Returns:
        Two float tensors `[B]`: 0 to K, and 1 for an event in the bin after those, else 0.

    >>> pair = [[1.6, 0.0]]  # censored in the second half of the second bin
    >>> [int(survived_bins(pair, 2, [1.0, 2.0], half)[0][0]) for half in (False, True)]
    [1, 2]
    """
    ops = keras.ops
    labels = ops.cast(y_true, "float32")
    time, event = labels[:, 0], labels[:, 1]
    if edges is None:
        return time + (1.0 - event), event
    ends = ops.convert_to_tensor(edges, "float32")
    starts = ops.concatenate([ops.zeros((1,)), ends[:-1]])
    enough = (starts + ends) / 2 if halves_count else ends
    passed = ops.where(event[:, None] > 0, ends < time[:, None], enough <= time[:, None])
    survived = ops.sum(ops.cast(passed, "float32"), axis=-1)
    return survived, event * ops.cast(survived < num_bins, "float32")


def checked_edges(edges: Sequence[float] | None) -> list[float] | None:
    """Returns the edges as floats, or raises `ValueError` unless they increase from above 0."""
    if edges is None:
        return None
    ends = [float(edge) for edge in edges] if isinstance(edges, Iterable) else []
    if not ends or not all(a < b for a, b in itertools.pairwise([0.0, *ends])):  # NaN neither
        raise ValueError(
            "`edges` are the upper ends of the bins: at least one number, increasing from above 0 "
            f"(time 0 itself is not an edge). Received: {edges!r}."
        )
    return ends


def _logits_of(curve: Any) -> Any:
    """Returns the logits of the hazards of a curve, up to the precision of its numbers."""
    ops = keras.ops
    before = ops.concatenate([ops.ones_like(curve[:, :1]), curve[:, :-1]], axis=-1)
    before = ops.maximum(before, 1e-30)
    survival = ops.clip(curve / before, 1e-7, 1 - 1e-7)
    return ops.log1p(-survival) - ops.log(survival)
