"""The callback that writes the run folder while training goes on."""

from __future__ import annotations

import csv
import shlex
import time
from typing import Any

import keras

from ..data import Splits
from .checkpoint import History, save_checkpoint
from .errors import InputError
from .folder import RunFolder, replacing
from .monitor import Monitor


class Recorder(keras.callbacks.Callback):
    """Keeps history, best model and last checkpoint; sees to the order of rows; may stop early.

    Args:
        run: Where to.
        splits: The data; told at the start of each epoch which one it is.
        monitor: Which epoch is the best.
        patience: Epochs without a better one after which training stops, or None.
        history: Logs of the epochs trained before, for a resumed run.
    """

    def __init__(
        self,
        run: RunFolder,
        splits: Splits,
        monitor: Monitor,
        patience: int | None,
        history: History,
    ) -> None:
        super().__init__()
        self.run = run
        self.splits = splits
        self.watched = monitor  # an attribute called `monitor` would be taken for a name
        self.patience = patience
        self.history = list(history)
        self.started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the order of the rows."""
        self.splits.start_epoch(epoch)
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes what the epoch brought; the checkpoint comes last and makes it count."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({**values, "seconds": round(time.monotonic() - self.started, 3)})
        try:
            if self.watched.best(self.history) == epoch:
                with replacing(self.run.best_model) as unfinished:
                    self.model.save(unfinished)
            write_history(self.run, self.history)
            save_checkpoint(self.run.checkpoints, self.model, self.history)
        except OSError as error:  # a full disk, mostly
            again = shlex.join(["tf-mtl", "train", "--resume", str(self.run.path)])
            raise InputError(
                f"Epoch {epoch + 1} could not be written to the run {self.run.path}: {error}. What "
                f"was there before is whole. When there is room, go on with: {again}"
            ) from error
        if self.watched.exhausted(self.history, self.patience):
            self.model.stop_training = True


def write_history(run: RunFolder, history: History) -> None:
    """Writes one line for each epoch, counted from 1."""
    columns = list(dict.fromkeys(name for logs in history for name in logs))
    with (
        replacing(run.history_file) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, ["epoch", *columns])
        writer.writeheader()
        writer.writerows({"epoch": epoch, **logs} for epoch, logs in enumerate(history, 1))
