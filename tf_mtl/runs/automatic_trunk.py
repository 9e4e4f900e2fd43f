"""What the automatic trunk needs where columns hold texts: encoders, and the words they know."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ..data import Splits
from ..trunks import TextEncoder

# The most frequent words; rarer ones are spelt by their characters alone.
_MOST_WORDS = 20_000
_ENCODER = {"type": "TextEncoder", "units": [128], "encoder": "convolution"}


def text_inputs(splits: Splits) -> list[str]:
    """Returns the names of the features that are texts."""
    return [one.name for one in keras.tree.flatten(splits.features) if one.dtype == "string"]


def text_trunk(splits: Splits) -> dict[str, Any]:
    """Returns the recipe of a trunk that reads texts, and other columns beside them."""
    features = splits.features
    # Tags need what is far off in a sentence; for whole texts convolutions are as good, and faster.
    tags = any(target.kind == "tagging" for target in splits.targets.values())
    encoder = {**_ENCODER, "encoder": "recurrent"} if tags else _ENCODER
    if isinstance(features, keras.KerasTensor):
        return encoder
    encoders = {
        name: encoder if tensor.dtype == "string" else _other(tensor)
        for name, tensor in features.items()
    }
    return {"type": "MultiInput", "encoders": encoders}


def words_of(splits: Splits) -> Any:
    """Returns the layer that numbers the words of the training rows' texts."""
    names = text_inputs(splits)

    def texts(x: Any, *_: Any) -> tf.Tensor:
        columns = [x[name] for name in names] if isinstance(x, dict) else [x]
        return tf.concat([tf.reshape(column, [-1]) for column in columns], axis=0)

    words = TextEncoder.for_texts(splits.train.map(texts), max_words=_MOST_WORDS).words
    splits.start_epoch(0)  # to read the rows was no epoch of the training
    return words


def _other(tensor: Any) -> Any:
    if len(tensor.shape) == 4:
        return {"type": "CNN", "filters": [64, 64], "units": [128], "dropout": 0.2}
    return {"type": "MLP", "units": [128, 64], "dropout": 0.1}
