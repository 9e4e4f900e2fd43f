"""A later step of a funnel: it can only happen after another."""

from __future__ import annotations

from typing import Any

import keras

from ..keras_internals import is_symbolic, node_of
from .base import BaseHead, pool, pooled_shape
from .labels import BinaryLabels, LabelRule

_SMALLEST = 1e-37  # a probability of float32 whose logarithm exists
_PROBABILITIES = ("binary", "multilabel", "custom")  # kinds of heads; the last may be anything


@keras.saving.register_keras_serializable(package="tf_mtl")
class Funnel(BaseHead):
    """Probability that a row passes an earlier step and this one: click, then purchase.

    The earlier step is another task of the model, whose head gives its probability. With
    `conditional=True` this head models P(this step | earlier step) and the output is the product,
    so that it never exceeds the earlier probability (ESMM: CTCVR = CTR × CVR). The labels are
    those of the step itself, for all rows: 0 also where the earlier step did not happen. The
    conditional probability so learnt is not biased towards the rows that reached the step, and is
    the ratio of the two outputs. Its gradient also reaches the earlier task's head.

    With `conditional=False` the head models the step on its own, and pays where it exceeds the
    earlier probability (AITM's behavioural expectation calibrator). The penalty is one of the
    model's regularisation losses: it is the mean over all rows, labelled or not, and no
    aggregator sees it. The other half of AITM, the transfer of information from step to step, is
    the trunk `tf_mtl.trunks.AITM`.

    Labels are 0 and 1, `[B]` or `[B, 1]`. Missing: -1 or NaN.

    References: X. Ma et al., Entire space multi-task model, SIGIR 2018, equation 1; D. Xi et al.,
    Modeling the sequential dependence among audience multi-step conversions with multi-task
    learning, KDD 2021, equation 8.

    Args:
        after: Name of the earlier task; its head must give one probability `[B, 1]`.
        conditional: Whether the head models the step given the earlier one.
        penalty: Weight of the penalty; of use with `conditional=False` only.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the earlier task does not have one output, or a head that gives no
            probability, or the penalty is negative.

    Call arguments:
        features: `[B, d]`, or `[B, ..., d]`, which is averaged over the middle axes.
        earlier: Probability of the earlier step, `[B, 1]`.

    Returns:
        Probability of this step, float32 `[B, 1]`.

    >>> head = Funnel(after="click")
    >>> print(head(keras.ops.zeros((1, 8)), keras.ops.array([[0.2]])).numpy().round(3))
    [[0.1]]
    """

    def __init__(
        self,
        after: str,
        conditional: bool = True,
        penalty: float = 0.6,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if penalty < 0:
            raise ValueError(f"`penalty` must not be negative. Received: {penalty}.")
        self.after = after
        self.conditional = conditional
        self.penalty = penalty
        self.reads = (after,)
        self.projection = keras.layers.Dense(1, dtype=self.dtype_policy, name="logit")

    def build(
        self, features_shape: tuple[int | None, ...], earlier_shape: tuple[int | None, ...]
    ) -> None:
        """Creates the projection."""
        if tuple(earlier_shape[1:]) != (1,):
            raise ValueError(
                f"Funnel(after={self.after!r}) needs one probability of the earlier task, [B, 1], "
                f"as BinaryClassification and Funnel give. Received: {tuple(earlier_shape)}."
            )
        self.projection.build(pooled_shape(features_shape))

    def call(self, features: Any, earlier: Any) -> Any:
        """Returns the probability of this step."""
        ops = keras.ops
        logit = self.projection(pool(features))
        if not self.conditional:
            probability = keras.activations.sigmoid(logit)
            self.add_loss(self.penalty * ops.mean(ops.relu(probability - earlier)))
            return probability
        # The logit of the product: Keras finds it below the sigmoid, and its cross-entropy is
        # exact where a product of two probabilities would be 0.
        log_yes = ops.log(ops.maximum(earlier, _SMALLEST)) + ops.log_sigmoid(logit)
        no = ops.maximum(-ops.expm1(log_yes), _SMALLEST)
        return keras.activations.sigmoid(log_yes - ops.log(no))

    def compute_output_spec(self, features: Any, earlier: Any) -> Any:
        """Returns the shape of the output, if the head of the earlier task has a probability."""
        head = node_of(earlier).operation if is_symbolic(earlier) else None
        if isinstance(head, BaseHead) and head.kind not in _PROBABILITIES:
            raise ValueError(
                f"Funnel(after={self.after!r}) needs the probability of an earlier step, as "
                f"BinaryClassification and Funnel give it. The head of {self.after!r} is a "
                f"{type(head).__name__}, whose output is none. Name a yes-or-no task in `after`."
            )
        return super().compute_output_spec(features, earlier)

    @property
    def default_loss(self) -> str:
        """Binary cross-entropy."""
        return "binary_crossentropy"

    @property
    def default_metrics(self) -> list[Any]:
        """The area under the ROC curve, and accuracy."""
        return [keras.metrics.AUC(name="auc"), keras.metrics.BinaryAccuracy(name="accuracy")]

    @property
    def label_rule(self) -> LabelRule:
        """0 and 1."""
        return BinaryLabels()

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "binary"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "after": self.after,
            "conditional": self.conditional,
            "penalty": self.penalty,
        }
