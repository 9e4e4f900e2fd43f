"""The callback that lets data know which epoch it is."""

from __future__ import annotations

from typing import Any

import keras


class StartEpoch(keras.callbacks.Callback):
    """Tells data the number of each epoch, so that a resumed `fit` sees what an unbroken one would.

    The order of a `Mixture`, and of the training rows of a `Splits`, is told by the seed and the
    number of the epoch. `keras.Model.fit` makes iterators without saying for which epoch. The `fit`
    of `MultiTaskModel` says so by itself for the mixture that it is given; what `.map` makes of a
    mixture, and every other model, needs this callback.

    Args:
        *data: What has `start_epoch`: mixtures and splits.

    Raises:
        ValueError: For data without `start_epoch`.

    >>> import tensorflow as tf
    >>> from tf_mtl import data
    >>> rows = tf.data.Dataset.from_tensor_slices(([[1.0], [2.0]], [0, 1]))
    >>> mixed = data.mix({"odd": rows}, batch=1)
    >>> callback = data.StartEpoch(mixed)  # fit(mixed, initial_epoch=5, callbacks=[callback])
    """

    def __init__(self, *data: Any) -> None:
        super().__init__()
        for each in data:
            if not hasattr(each, "start_epoch"):
                raise ValueError(
                    f"A {type(each).__name__} has no epochs to start. Pass the result of "
                    "`tf_mtl.data.mix` itself (not what `.map` makes of it), or a `Splits`."
                )
        self.data = data

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Names the epoch before its iterator is made."""
        for each in self.data:
            each.start_epoch(epoch)
