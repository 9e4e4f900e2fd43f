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
    """Looks at what only the first batch shows: misspelt monitors, and a step that is not taken.

    Keras' own callbacks only warn about a monitor that does not exist, and then never act. Where
    another callback may add it to the logs of an epoch, the first epoch has to be over.

    Args:
        watched: The callbacks of the user, whose `monitor` is checked.
        validation: Whether there will be validation logs.
    """

    def __init__(self, watched: list[Any], validation: bool) -> None:
        super().__init__()
        self.watched = watched
        self.validation = validation
        self.open = True
        self.names: set[str] = set()
        self.epoch_logs: dict[str, Any] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Waits for the first batch."""
        self.open = True
        self.epoch_logs = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the step and the monitors once."""
        if not self.open:
            return
        self.open = False
        self._check_step()
        self.names = set(logs or {})
        if self.validation:
            self.names |= {f"val_{name}" for name in self.names}
        if any(isinstance(callback, _OF_LEARNING_RATES) for callback in self.watched):
            self.names.add("learning_rate")
        if any(map(_may_add_logs, self.watched)):
            self.epoch_logs = {}
        else:
            self._check()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the logs of the first epoch, to which the callbacks behind this one may add."""
        if self.epoch_logs == {}:
            self.epoch_logs = logs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the monitors once more behind the first epoch, if others may have added logs."""
        if self.epoch_logs:
            self.names |= set(self.epoch_logs)
            self.epoch_logs = None
            self._check()

    def _check_step(self) -> None:
        if self.model.skips_balancing:
            raise ValueError(
                f"{type(self.model).__name__} was compiled with a weighting or an aggregator, but "
                "its train_step does not use them. Call super().train_step(data) in it, or leave "
                "out `aggregator` and give `loss_weights` as numbers."
            )

    def _check(self) -> None:
        for callback in self.watched:
            monitor = getattr(callback, "monitor", None)
            if isinstance(monitor, str) and monitor not in self.names:
                what = f"monitor of {type(callback).__name__}"
                hint = "" if self.validation else " There is no validation data."
                raise ValueError(unknown_name(monitor, sorted(self.names), what) + hint)


_OF_LEARNING_RATES = (
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ReduceLROnPlateau,
)


def _may_add_logs(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback does something at the end of an epoch that is not known here."""
    by_keras = type(callback).on_epoch_end.__module__.startswith("keras.")
    return isinstance(callback, keras.callbacks.LambdaCallback) or not by_keras
