"""Tags that depend on the tags beside them."""

from __future__ import annotations

from typing import Any

import keras

_SMALLEST = 1e-37  # a probability of float32 whose logarithm exists


class TagTransitions(keras.layers.Layer):
    """Logits of the tag of each token, given how likely one tag is behind another.

    A conditional random field p(y) ∝ exp(a[y_1] + Σ_i e_i[y_i] + Σ_i A[y_i, y_i+1] + b[y_n]), with
    the logits e that each token has by itself, a learnt score A of one tag behind another, and
    learnt scores a and b of the first and the last tag. The softmax of the output is p(y_i), a sum
    over all tags of the other tokens, which messages from both sides (the forward and the backward
    algorithm) give. The scores are 0 at first, and the layer then changes no probability.

    Reference: Lafferty et al., Conditional random fields: probabilistic models for segmenting and
    labeling sequence data, ICML 2001.

    Args:
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        logits: `[B, tokens, tags]`.
        mask: Tokens that there are, `[B, tokens]`; messages pass over the others. None for all.

    Returns:
        Logits `[B, tokens, tags]`.

    >>> TagTransitions()(keras.ops.zeros((2, 5, 3))).shape
    TensorShape([2, 5, 3])
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.supports_masking = True

    def build(self, logits_shape: tuple[int | None, ...]) -> None:
        """Creates the scores."""
        tags = logits_shape[-1]
        self.scores = self.add_weight((tags, tags), "zeros", name="scores")
        self.first = self.add_weight((tags,), "zeros", name="first")
        self.last = self.add_weight((tags,), "zeros", name="last")
        options = {"return_sequences": True, "dtype": self.dtype_policy}
        self.from_left = keras.layers.RNN(_Messages(self.first, self.scores), **options)
        self.from_right = keras.layers.RNN(
            _Messages(self.last, self.scores, transpose=True), go_backwards=True, **options
        )

    def call(self, logits: Any, mask: Any = None) -> Any:
        """Returns the logits of each tag by itself and what both sides say of it."""
        left = self.from_left(logits, mask=mask)
        right = keras.ops.flip(self.from_right(logits, mask=mask), axis=1)
        return left + logits + right


class _Messages:
    """Cell of a recurrent layer that tells each token what those before it say of its tag.

    Args:
        edge: What is said of the tag of the first token that is met, `[tags]`.
        scores: Of a tag and the tag behind it, `[tags, tags]`.
        transpose: Whether the tokens are met from the last to the first.
    """

    def __init__(self, edge: Any, scores: Any, transpose: bool = False) -> None:
        self.edge = edge
        self.scores = scores
        self.transpose = transpose
        self.state_size = self.output_size = edge.shape[0]
        self.compute_dtype = edge.dtype

    def get_initial_state(self, batch_size: Any) -> Any:
        """Returns the message to the first token, `[B, tags]`."""
        return keras.ops.broadcast_to(self.edge, (batch_size, self.state_size))

    def call(self, logits: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        """Returns the message to this token, and that to the next one."""
        ops = keras.ops
        (message,) = messages
        scores = ops.transpose(self.scores) if self.transpose else self.scores
        tags = ops.softmax(message + logits)
        following = ops.matmul(tags, ops.exp(scores - ops.max(scores)))
        return message, [ops.log(ops.maximum(following, _SMALLEST))]

    __call__ = call
