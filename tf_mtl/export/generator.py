"""A trained encoder-decoder → a model that writes sequences."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ..heads import SequenceGeneration
from ..keras_internals import keras_mask, node_of
from ..names import check_known
from ..training import MultiTaskModel
from ..whole_numbers import check_whole


@keras.saving.register_keras_serializable(package="tf_mtl")
class Generate(keras.layers.Layer):
    """Features to the sequences that a `SequenceGeneration` head makes of them.

    Args:
        head: The trained head.
        beams: Number of sequences followed at once; 1 is greedy.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `beams` is no whole number of at least 1.

    Call arguments:
        features: `[B, ..., d]`.

    Returns:
        Tokens `[B, length]`: strings, "" behind the end, where the head has a vocabulary, otherwise
        int32, -1 behind the end.
    """

    def __init__(
        self, head: SequenceGeneration, beams: int = 1, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.head = head
        self.beams = check_whole(beams, "beams")
        self.supports_jit = head.vocabulary is None  # XLA knows no strings

    def build(self, features_shape: tuple[int | None, ...]) -> None:
        """Builds the head of a loaded model."""
        if not self.head.built:
            self.head.build(features_shape)

    def call(self, features: Any) -> Any:
        """Returns the sequences."""
        tokens = self.head.generate(features, keras_mask(features), self.beams)
        if self.head.vocabulary is None:
            return tokens
        return tf.gather(tf.constant(["", *self.head.vocabulary]), tokens + 1)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        """Returns None: sequences have steps of their own."""

    def compute_output_spec(self, features: Any) -> keras.KerasTensor:
        """Returns the shape and the type of the output."""
        dtype = "int32" if self.head.vocabulary is None else "string"
        return keras.KerasTensor((features.shape[0], self.head.length), dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "head": keras.saving.serialize_keras_object(self.head),
            "beams": self.beams,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Generate:
        """Returns the layer of a config."""
        return cls(**{**config, "head": keras.saving.deserialize_keras_object(config["head"])})


def generator(model: MultiTaskModel, beams: int = 1) -> MultiTaskModel:
    """Returns a model with the same weights whose `SequenceGeneration` tasks write sequences.

    It has the inputs of `model` without the labels that teacher forcing needs, and the outputs of
    all its tasks. `export.saved_model` makes a SavedModel of it.

    Args:
        model: A trained model with a task of `SequenceGeneration`.
        beams: Number of sequences followed at once; 1 is greedy.

    Raises:
        ValueError: If no task generates sequences, as in any model that is no `MultiTaskModel`; or
            `beams` is no whole number of at least 1.

    >>> import tf_mtl as mtl
    >>> inputs = {"x": keras.Input((8,), name="x"), "y": keras.Input((3,), dtype="int32", name="y")}
    >>> head = mtl.heads.SequenceGeneration(length=3, vocabulary_size=5)
    >>> model = mtl.MultiTaskModel(inputs, {"word": head([inputs["x"], inputs["y"]])})
    >>> generator(model, beams=2).predict({"x": tf.ones((2, 8))}, verbose=0)["word"].shape
    (2, 3)
    """
    if not isinstance(model, MultiTaskModel):
        raise ValueError(
            "Expected a MultiTaskModel with a task of the head SequenceGeneration. Received: "
            f"{model!r} (type {type(model).__name__})."
        )
    writing = {
        task: head for task, head in model.heads.items() if isinstance(head, SequenceGeneration)
    }
    if not writing:
        raise ValueError(
            "None of the tasks generates sequences. Give one the head SequenceGeneration. The "
            f"model has the tasks {model.tasks}."
        )
    outputs = dict(model.task_outputs)
    for task, head in writing.items():
        features = node_of(outputs[task]).input_tensors[0]
        outputs[task] = Generate(head, beams, name=f"{task}_generated")(features)
    needed = {
        source.name
        for output in outputs.values()
        for source in keras.utils.get_source_inputs(output)
    }
    inputs = {tensor.name: tensor for tensor in model.inputs if tensor.name in needed}
    check_known(needed, inputs, "input of the generating model:")
    return MultiTaskModel(inputs, outputs, name=f"{model.name}_generator")
