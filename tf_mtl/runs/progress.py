"""Keras' progress bar with the few numbers that fit on a line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import keras


class Progress(keras.callbacks.Callback):
    """Shows the bar of `fit(verbose=...)`, but not every metric of every task.

    Three tasks log twenty numbers, which wrap over five lines at every step. All of them are in
    the history.

    Args:
        shown: Names of the logs to show.
        steps: Steps in an epoch.
        verbose: 1 for a bar, 2 for one line at the end of each epoch.
    """

    def __init__(self, shown: Sequence[str], steps: int, verbose: int) -> None:
        super().__init__()
        self.shown = list(dict.fromkeys(shown))
        self.steps = steps
        self.verbose = verbose
        self.bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts a bar."""
        sys.stdout.write(f"Epoch {epoch + 1}/{self.params['epochs']}\n")
        self.bar = keras.utils.Progbar(
            self.steps, verbose=self.verbose, stateful_metrics=self.shown, unit_name="step"
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the bar."""
        self.bar.update(batch + 1, self._values(logs), finalize=False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Completes the bar with the validation."""
        self.bar.update(self.steps, self._values(logs), finalize=True)

    def _values(self, logs: dict[str, Any] | None) -> list[tuple[str, Any]]:
        return [(name, (logs or {})[name]) for name in self.shown if name in (logs or {})]
