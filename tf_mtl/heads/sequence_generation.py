"""A sequence of tokens made one after the other: translation, captions, spelling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..keras_internals import keras_logits, set_keras_logits
from ..masks import mean_of_steps
from ..metrics import SequenceAccuracy
from ..whole_numbers import check_whole
from .base import BaseHead
from .beam_search import beam_search
from .classes import names_in_order
from .labels import LabelRule
from .sequence_labels import SequenceLabels


@keras.saving.register_keras_serializable(package="tf_mtl")
class SequenceGeneration(BaseHead):
    """The decoder of an encoder-decoder network: a GRU that looks at the features by attention.

    The trunk is the encoder. Training shows the decoder the true tokens before each step (teacher
    forcing): the labels are also an input of the model, and the head is called with features and
    labels. Without them it goes on from its own most likely tokens, which is slower to learn from.
    `tf_mtl.export.generator` makes of a trained model one that needs no labels and writes the
    sequences, greedily or by beam search.

    Labels are tokens `[B, length]`, numbers or names, filled up with -1 or "". The end is a class
    of its own behind the tokens and is added to the labels. A row without tokens is missing.

    References: Sutskever et al., Sequence to Sequence Learning with Neural Networks, 2014; Luong et
    al., Effective Approaches to Attention-based Neural Machine Translation, 2015 (global attention,
    dot product, no input feeding).

    Args:
        length: Greatest number of tokens, the number of steps.
        vocabulary_size: Number of tokens. May be left out when `vocabulary` is given.
        vocabulary: The tokens in the order of their classes.
        units: Width of the decoder.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If a number is less than 1, or the vocabulary does not have that many tokens.

    Call arguments:
        inputs: Features `[B, ..., d]`, or the list of features and labels `[B, length]`.

    Returns:
        Probabilities, float32 `[B, length, vocabulary_size + 1]`; the last class is the end.

    >>> head = SequenceGeneration(length=4, vocabulary=["one", "two"])
    >>> head([keras.ops.ones((2, 5, 8)), tf.constant([["two", "one", "", ""]] * 2)]).shape
    TensorShape([2, 4, 3])
    """

    def __init__(
        self,
        length: int,
        vocabulary_size: int | None = None,
        vocabulary: Sequence[str] | None = None,
        units: int = 128,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        vocabulary = names_in_order(vocabulary, "vocabulary")
        if vocabulary_size is None and vocabulary is not None:
            vocabulary_size = len(vocabulary)
        hint = "Or give `vocabulary`."
        vocabulary_size = check_whole(vocabulary_size, "vocabulary_size", hint=hint)
        if vocabulary is not None and len({*vocabulary} - {""}) != vocabulary_size:
            raise ValueError(
                f"`vocabulary` must hold {vocabulary_size} different tokens, none of them ''. "
                f"Received {len(vocabulary)}, {len({*vocabulary} - {''})} different: {vocabulary}."
            )
        self.length = check_whole(length, "length")
        self.vocabulary_size = vocabulary_size
        self.vocabulary = vocabulary
        self.units = units = check_whole(units, "units")
        policy = self.dtype_policy
        # The end, and behind it what stands before the first token.
        self.embedding = keras.layers.Embedding(vocabulary_size + 2, units, dtype=policy)
        self.keys = keras.layers.Dense(units, dtype=policy, name="keys")
        self.first_state = keras.layers.Dense(units, "tanh", dtype=policy, name="first_state")
        cell = keras.layers.GRUCell(units, dtype=policy)
        self.decoder = keras.layers.RNN(cell, return_sequences=True, dtype=policy, name="decoder")
        self.combine = keras.layers.Dense(units, "tanh", dtype=policy, name="combine")
        self.projection = keras.layers.Dense(
            vocabulary_size + 1, activation="softmax", dtype=policy, name="probabilities"
        )

    def build(self, input_shape: Any) -> None:
        """Creates the variables."""
        features_shape = (
            input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        )
        if features_shape[-1] is None:
            raise ValueError(
                "SequenceGeneration needs features [B, ..., d] with a known d. Received features "
                f"of shape {tuple(features_shape)}."
            )
        self.embedding.build(None)
        self.keys.build((None, None, features_shape[-1]))
        self.first_state.build((None, self.units))
        self.decoder.build((None, None, self.units))
        self.combine.build((None, None, 2 * self.units))
        self.projection.build((None, None, self.units))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the probabilities of the tokens at each step."""
        forced = isinstance(inputs, (list, tuple))
        features, mask = (inputs[0], mask and mask[0]) if forced else (inputs, mask)
        keys, mask, state = self._encoded(features, mask)
        if forced:
            return self._teacher_forced(keys, mask, state, inputs[1])
        token = keras.ops.full_like(state[:, 0], self.vocabulary_size + 1, dtype="int32")
        outputs = []
        for _ in range(self.length):
            probabilities, state = self.step(keys, mask, token, state)
            token = keras.ops.argmax(probabilities, axis=-1)
            outputs.append(probabilities)
        logits = keras.ops.stack([keras_logits(output) for output in outputs], axis=1)
        return set_keras_logits(keras.ops.stack(outputs, axis=1), logits)

    def generate(self, features: Any, mask: Any = None, beams: int = 1) -> Any:
        """Returns the most likely sequences, as far as a search with so many beams finds them.

        Args:
            features: `[B, ..., d]`.
            mask: bool `[B, steps]` of the features, or None.
            beams: Number of sequences followed at once; 1 is greedy.

        Returns:
            Tokens, int32 `[B, length]`, -1 behind the end.
        """
        keys, mask, state = self._encoded(features, mask)
        repeated = keras.ops.repeat(keys, beams, axis=0)
        if mask is not None:
            mask = keras.ops.repeat(mask, beams, axis=0)

        def step(tokens: Any, states: Any) -> tuple[Any, Any]:
            return self.step(repeated, mask, tokens, states)

        return beam_search(
            step,
            state,
            beams=beams,
            length=self.length,
            start=self.vocabulary_size + 1,
            end=self.vocabulary_size,
        )

    def step(self, keys: Any, mask: Any, token: Any, state: Any) -> tuple[Any, Any]:
        """Returns the probabilities `[B, classes]` after a token `[B]`, and the next state."""
        output, state = self.decoder.cell(self.embedding(token), state)
        state = state[0] if isinstance(state, (list, tuple)) else state
        probabilities = self._read(output[:, None], keys, mask)
        return set_keras_logits(probabilities[:, 0], keras_logits(probabilities)[:, 0]), state

    def _teacher_forced(self, keys: Any, mask: Any, state: Any, labels: Any) -> Any:
        labels = tf.convert_to_tensor(labels)
        if labels.dtype == tf.string:
            self.supports_jit = False  # XLA knows no strings
        tokens = tf.cast(self.label_rule.encode(labels)[0], tf.int32)
        first = keras.ops.full_like(tokens[:, :1], self.vocabulary_size + 1)
        before = keras.ops.concatenate([first, tokens[:, :-1]], axis=1)
        outputs = self.decoder(self.embedding(before), initial_state=[state])
        return self._read(outputs, keys, mask)

    def _encoded(self, features: Any, mask: Any) -> tuple[Any, Any, Any]:
        """Returns keys `[B, steps, units]`, their mask, and the first state `[B, units]`."""
        if len(features.shape) != 3:  # a vector is one step, the places of an image are many
            mask = None
            batch = keras.ops.shape(features)[0]
            features = keras.ops.reshape(features, (batch, -1, features.shape[-1]))
        keys = self.keys(features)
        if mask is not None:  # attention to no step at all is even over what fills up the batch
            keys = keras.ops.where(mask[..., None], keys, keras.ops.zeros_like(keys))
        mean = keras.ops.mean(keys, axis=1) if mask is None else mean_of_steps(keys, mask)
        return keys, mask, self.first_state(mean)

    def _read(self, outputs: Any, keys: Any, mask: Any) -> Any:
        """Returns probabilities after a look at the features."""
        scores = keras.ops.matmul(outputs, keras.ops.transpose(keys, (0, 2, 1)))
        if mask is not None:
            scores = keras.ops.where(mask[:, None], scores, -1e9)
        # Keras warns of a softmax over one step only.
        shares = keras.ops.exp(keras.ops.log_softmax(scores / self.units**0.5, axis=-1))
        context = keras.ops.matmul(shares, keys)
        return self.projection(self.combine(keras.ops.concatenate([outputs, context], axis=-1)))

    @property
    def default_loss(self) -> str:
        """Sparse categorical cross-entropy, averaged over the tokens and the ends."""
        return "sparse_categorical_crossentropy"

    @property
    def default_metrics(self) -> list[Any]:
        """Accuracy of tokens and of whole sequences, given the true tokens before if forced."""
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy"), SequenceAccuracy()]

    @property
    def label_rule(self) -> LabelRule:
        """Tokens, and the end behind them."""
        return SequenceLabels(self.vocabulary_size, self.vocabulary)

    @property
    def kind(self) -> str:
        """The kind of task."""
        return "sequence"

    @property
    def class_names(self) -> list[str] | None:
        """Names of the tokens and of the end in the order of the output, or None."""
        return None if self.vocabulary is None else [*self.vocabulary, "[END]"]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "length": self.length,
            "vocabulary_size": self.vocabulary_size,
            "vocabulary": self.vocabulary,
            "units": self.units,
        }
