"""Raw texts as inputs, and the Keras layer that looks up their words."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def one_text_each(inputs: Any, body: str, name: str) -> Any:
    """Returns strings `[B]` for strings `[B]` or `[B, 1]`.

    Args:
        inputs: Keras tensor.
        body: What reads it, for the error.
        name: Name of a layer.

    Raises:
        ValueError: If it is no Keras tensor of strings.
    """
    if not isinstance(inputs, keras.KerasTensor) or inputs.dtype != "string":
        raise ValueError(
            f"{body} expects one Keras tensor of strings: keras.Input((), dtype='string'). "
            f"Received: {inputs!r}."
        )
    if len(inputs.shape) == 2:
        inputs = keras.layers.Reshape((), name=name)(inputs)
    return inputs


def check_adapted(layer: Any, argument: str, body: str, instead: str = "") -> None:
    """Raises `ValueError` unless a layer looks up padded numbers of words that it knows.

    Args:
        layer: What was passed.
        argument: Name of the argument, for the message.
        body: What it was passed to.
        instead: What else may be passed, for the message.
    """
    maker = f"{body}.for_texts(texts) makes one."
    if not isinstance(layer, keras.layers.TextVectorization):
        raise ValueError(
            f"`{argument}` must be a keras.layers.TextVectorization, adapted on the training texts"
            f"{instead}. Received: {layer!r}. {maker}"
        )
    config = layer.get_config()
    if config["output_mode"] != "int" or config["ragged"]:
        raise ValueError(
            f"`{argument}` must give padded whole numbers: TextVectorization(output_mode='int', "
            f"ragged=False). Received: {config['output_mode']!r}, ragged={config['ragged']}."
        )
    if layer.vocabulary_size() <= 2:
        raise ValueError(
            f"`{argument}` knows no words. Adapt it on the training texts first: "
            f"{argument}.adapt(texts). Or: {maker}"
        )


@keras.saving.register_keras_serializable(package="tf_mtl")
def lower_case(texts: Any) -> Any:
    """Returns texts in lower case; "lower" of Keras' layer knows the letters of ASCII only.

    >>> lower_case(tf.constant("\u00c4PFEL")).numpy().decode() == "\u00e4pfel"
    True
    """
    # TensorFlow ends a text at a zero byte here, which would then have other words than elsewhere.
    whole = tf.strings.regex_replace(texts, r"\x00", "\ufffd")
    return tf.strings.lower(whole, encoding="utf-8")


def adapted(texts: Any, most: int | None, **options: Any) -> keras.layers.TextVectorization:
    """Returns a layer that knows the words of texts in lower case, split at white space.

    Args:
        texts: A list, an array or a `tf.data.Dataset`.
        most: Number of words kept, the most frequent ones, with padding and the unknown word; None
            for all.
        **options: Other arguments of `keras.layers.TextVectorization`.

    Raises:
        ValueError: If something among the texts is none.
    """
    _check_texts(texts)
    layer = keras.layers.TextVectorization(
        max_tokens=most, standardize=lower_case, split="whitespace", **options
    )
    layer.adapt(texts)
    return layer


def _check_texts(texts: Any) -> None:
    if isinstance(texts, str | bytes):
        raise ValueError(f"`texts` must be a list or an array of texts. Received one: {texts!r}.")
    if not isinstance(texts, list | tuple | np.ndarray) and not hasattr(texts, "to_numpy"):
        return
    for row, text in enumerate(np.asarray(texts, dtype=object).flat):
        if not isinstance(text, str | bytes):
            raise ValueError(
                f'`texts` must be texts, "" where one is missing. Row {row} is {text!r}.'
            )


def with_vocabulary(layer: keras.layers.TextVectorization) -> keras.layers.TextVectorization:
    """Returns the layer with what it has learnt in its config, where Keras leaves it out."""
    vocabulary = [str(word) for word in layer.get_vocabulary(include_special_tokens=False)]
    return _like(layer, vocabulary=vocabulary)


def named(layer: keras.layers.Layer, name: str) -> keras.layers.Layer:
    """Returns a new layer that looks up what another one does."""
    return _like(layer, name=name)


def _like(layer: keras.layers.Layer, **changes: Any) -> keras.layers.Layer:
    config = {**layer.get_config(), **changes}
    for argument in ("standardize", "split"):
        if callable(config.get(argument)):  # as Keras saves it, and expects it
            config[argument] = keras.saving.serialize_keras_object(config[argument])
    return type(layer).from_config(config)
