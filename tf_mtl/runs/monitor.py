"""Which epoch is the best, told from the history alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..names import unknown_name
from .checkpoint import History
from .errors import InputError

_SMALLER = ("loss", "mae", "mse", "error", "rmse", "deviance", "perplexity")
_GREATER = ("accuracy", "auc", "r2", "precision", "recall", "f1", "score", "iou", "kappa")


@dataclass(frozen=True)
class Monitor:
    """The number that is watched, and whether smaller or greater is better.

    Everything is told from the history, so that a resumed run decides as one that was not
    interrupted; Keras' own callbacks forget what they have seen.

    Args:
        name: Name in the logs.
        greater: Whether greater is better.
    """

    name: str
    greater: bool

    def best(self, history: History) -> int:
        """Returns the index of the best epoch, the first of equals; NaN is never the best.

        >>> Monitor("val_loss", False).best([{"val_loss": 2.0}, {"val_loss": 1.0}])
        1
        """
        sign = -1 if self.greater else 1
        values = [sign * logs[self.name] for logs in history]
        return min(
            range(len(values)), key=lambda epoch: (values[epoch] != values[epoch], values[epoch])
        )

    def exhausted(self, history: History, patience: int | None) -> bool:
        """Whether there was no better epoch for `patience` epochs."""
        if patience is None or not history:
            return False
        return len(history) - 1 - self.best(history) >= patience


def make_monitor(name: str, mode: str, logs: Sequence[str]) -> Monitor:
    """Returns the monitor of a run.

    Args:
        name: Name in the logs.
        mode: "min", "max", or "auto" to tell it from the name.
        logs: Names that training and validation will log.

    Raises:
        InputError: If there is no such name, or "auto" cannot tell.

    >>> make_monitor("val_digit_accuracy", "auto", ["val_digit_accuracy"]).greater
    True
    """
    if name not in logs:
        raise InputError(unknown_name(name, logs, "monitor"))
    if mode == "auto":
        last = name.rpartition("_")[2]
        if last not in _SMALLER + _GREATER:
            raise InputError(
                f"Is smaller or greater better for the monitor {name!r}? Set `mode` to 'min' or "
                "'max'."
            )
        return Monitor(name, last in _GREATER)
    return Monitor(name, mode == "max")
