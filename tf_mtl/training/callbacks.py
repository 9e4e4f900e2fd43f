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

    Keras' own callbacks only warn about a monitor that does not exist, and then never act. Which
    logs other callbacks add is known behind the first epoch, and which tasks validation has labels
    of, behind the first validation.

    Args:
        watched: The callbacks of the user, whose `monitor` is checked.
        validation: Whether there will be validation logs.
    """

    def __init__(self, watched: list[Any], validation: bool) -> None:
        super().__init__()
        self.watched = watched
        self.validation = validation
        self.open = True
        self.waiting: list[Any] = []
        self.epoch_logs: dict[str, Any] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Waits for the first batch."""
        self.open = True
        self.waiting = []
        self.epoch_logs = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the step and the monitors once."""
        if not self.open:
            return
        self.open = False
        self._check_step()
        names = set(logs or {})
        if any(isinstance(callback, _OF_LEARNING_RATES) for callback in self.watched):
            names.add("learning_rate")
        self.waiting = [each for each in self.watched if _lacks(each, names)]
        if self.validation:
            names |= {f"val_{name}" for name in names}
        if not any(map(_may_add_logs, self.watched)):
            self._refuse([each for each in self.waiting if not self._may_come(each, names)], names)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the logs of the epoch, to which the callbacks behind this one may add."""
        self.epoch_logs = logs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the monitors once more when the logs of an epoch are complete."""
        self._look_again()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Checks the monitors once more when the only epoch was the last one, too."""
        self._look_again()

    def _look_again(self) -> None:
        if not self.epoch_logs:
            return
        names = set(self.epoch_logs)
        self.waiting = [each for each in self.waiting if _lacks(each, names)]
        validated = not self.validation or "val_loss" in names  # see `validation_freq`
        self._refuse(
            [each for each in self.waiting if validated or not each.monitor.startswith("val_")],
            names,
        )

    def _may_come(self, callback: Any, names: set[str]) -> bool:
        """Whether validation may log what a callback watches, told from the logs of a batch."""
        if not _lacks(callback, names):
            return True
        if not self.validation or not callback.monitor.startswith("val_"):
            return False
        absent = [task for task in self.model.label_rules if f"{task}_loss" not in names]
        prefixes = tuple(f"val_{task}_" for task in absent)
        own_step = type(self.model).test_step is not keras.Model.test_step
        return own_step or callback.monitor.startswith(prefixes)

    def _check_step(self) -> None:
        if self.model.skips_balancing:
            raise ValueError(
                f"{type(self.model).__name__} was compiled with a weighting or an aggregator, but "
                "its train_step does not use them. Call super().train_step(data) in it, or leave "
                "out `aggregator` and give `loss_weights` as numbers."
            )

    def _refuse(self, callbacks: list[Any], names: set[str]) -> None:
        for callback in callbacks:
            what = f"monitor of {type(callback).__name__}"
            hint = "" if self.validation else " There is no validation data."
            raise ValueError(unknown_name(callback.monitor, sorted(names), what) + hint)


_OF_LEARNING_RATES = (
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ReduceLROnPlateau,
)


def _lacks(callback: Any, names: set[str]) -> bool:
    """Whether a callback watches a log that is not among these."""
    monitor = getattr(callback, "monitor", None)
    if monitor == "val_loss" and getattr(callback, "save_best_only", None) is False:
        return False  # the default of a ModelCheckpoint, which saves whatever the logs are
    return isinstance(monitor, str) and monitor not in names


def _may_add_logs(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback does something at the end of an epoch that is not known here."""
    by_keras = type(callback).on_epoch_end.__module__.startswith("keras.")
    return isinstance(callback, keras.callbacks.LambdaCallback) or not by_keras
