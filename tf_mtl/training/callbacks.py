"""Callbacks that `fit` adds by itself."""

from __future__ import annotations

from typing import Any

import keras

from ..names import unknown_name


class Epochs(keras.callbacks.Callback):
    """Tells data the number of an epoch, and the model's weighting that it is over.

    Args:
        data: What is trained on; a mixture (`tf_mtl.data.mix`) has `start_epoch`.
    """

    def __init__(self, data: Any) -> None:
        super().__init__()
        self.start_epoch = getattr(data, "start_epoch", None)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Lets a mixture draw the rows of this epoch, also of a run that is resumed."""
        if self.start_epoch is not None:
            self.start_epoch(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Closes an epoch of the methods that work by epochs."""
        if self.model.weighting is not None:
            self.model.weighting.epoch_end()


class FirstBatch(keras.callbacks.Callback):
    """Looks at what only the logs of the first batch show: misspelt monitors.

    Keras' own callbacks only warn about a monitor that does not exist, and then never act.

    Args:
        watched: The callbacks of the user, whose `monitor` is checked.
        validation: Whether there will be validation logs.
    """

    def __init__(self, watched: list[Any], validation: bool) -> None:
        super().__init__()
        self.watched = watched
        self.validation = validation
        self.open = True

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Waits for the first batch."""
        self.open = True

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the monitors once."""
        if not self.open:
            return
        self.open = False
        names = sorted(logs or {})
        if self.validation:
            names += [f"val_{name}" for name in names]
        for callback in self.watched:
            monitor = getattr(callback, "monitor", None)
            if isinstance(monitor, str) and monitor not in names:
                what = f"monitor of {type(callback).__name__}"
                hint = "" if self.validation else " There is no validation data."
                raise ValueError(unknown_name(monitor, names, what) + hint)
