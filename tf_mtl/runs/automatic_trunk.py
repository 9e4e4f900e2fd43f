"""The trunk that suits the inputs, as a recipe, and the words that it knows."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ..data import Splits
from ..trunks import TextEncoder

_VECTOR = {"type": "MLP", "units": [128, 64], "dropout": 0.1}
_IMAGE = {"type": "CNN", "filters": [64, 64], "units": [128], "dropout": 0.2}
_TEXT = {"type": "TextEncoder", "units": [128], "encoder": "convolution"}
# The most frequent words; rarer ones are spelt by their characters alone.
_MOST_WORDS = 20_000


def automatic_trunk(splits: Splits) -> dict[str, Any]:
    """Returns the recipe of a trunk: an MLP, for one image a small CNN, for texts a `TextEncoder`.

    Where a task has an output for each pixel it is a U-Net, whose coarsest maps serve the tasks
    about the image as a whole. Each text has an encoder, joined with one of the other columns.
    """
    features, kinds = splits.features, {task: one.kind for task, one in splits.targets.items()}
    if isinstance(features, keras.KerasTensor):
        if len(features.shape) == 4 and "segmentation" in kinds.values():
            places = ("segmentation", "box")
            coarse = [task for task, kind in kinds.items() if kind not in places]
            filters = [8, 24, 64, 128]
            return {"type": "UNet", "filters": filters, "coarse": coarse, "convolutions": 2}
        return _encoder(features, kinds)
    if not text_inputs(splits):
        return _VECTOR
    encoders = {name: _encoder(tensor, kinds) for name, tensor in features.items()}
    return {"type": "MultiInput", "encoders": encoders}


def text_inputs(splits: Splits) -> list[str]:
    """Returns the names of the features that are texts."""
    return [one.name for one in keras.tree.flatten(splits.features) if one.dtype == "string"]


def words_of(splits: Splits) -> Any:
    """Returns the layer that numbers the words of the training rows' texts."""
    names = text_inputs(splits)

    def texts(x: Any, *_: Any) -> tf.Tensor:
        columns = [x[name] for name in names] if isinstance(x, dict) else [x]
        return tf.concat([tf.reshape(column, [-1]) for column in columns], axis=0)

    words = TextEncoder.for_texts(splits.train.map(texts), max_words=_MOST_WORDS).words
    splits.start_epoch(0)  # to read the rows was no epoch of the training
    return words


def _encoder(tensor: Any, kinds: dict[str, str]) -> dict[str, Any]:
    if tensor.dtype == "string":
        # Tags need what is far off in a sentence; for whole texts convolutions are faster.
        return {**_TEXT, "encoder": "recurrent"} if "tagging" in kinds.values() else _TEXT
    return _IMAGE if len(tensor.shape) == 4 else _VECTOR
