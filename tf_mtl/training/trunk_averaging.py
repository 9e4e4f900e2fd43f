"""Averages the tasks' own trunks now and then."""

from __future__ import annotations

from typing import Any

import keras

from ..trunks.soft_sharing import Tie
from ..whole_numbers import is_whole


class TrunkAveraging(keras.callbacks.Callback):
    """Every so often sets the tasks' trunks of `trunks.SoftSharing` to their mean, or towards it.

    In between each trunk takes the steps of its own task only. This is federated averaging
    (McMahan et al., AISTATS 2017, algorithm 1) over tasks: with `every=1, unit="step"` and plain
    gradient descent the trunks behave as one that is trained on the mean of the losses.

    The averages include statistics such as those of batch normalisation, and leave the slots of
    the optimizer as they are. The validation of an epoch comes before its averaging.

    Args:
        every: Number of steps or epochs from one averaging to the next.
        unit: "epoch" or "step". Steps that are executed together (`steps_per_execution`) are
            averaged at their end.
        share: How far each trunk goes towards the mean: 1 for all the way.

    Raises:
        ValueError: If an argument is outside its range; in `fit`, if no trunks of the model are
            tied by `SoftSharing`.

    >>> callback = TrunkAveraging(every=100, unit="step")
    """

    def __init__(self, every: int = 1, unit: str = "epoch", share: float = 1.0) -> None:
        super().__init__()
        if not is_whole(every) or every < 1 or unit not in ("epoch", "step") or not 0 < share <= 1:
            raise ValueError(
                "TrunkAveraging needs `every` of at least 1, a whole number, `unit` 'epoch' or "
                f"'step', and `share` in (0, 1]. Received: every={every!r}, unit={unit!r}, "
                f"share={share}."
            )
        self.every = every
        self.unit = unit
        self.share = share
        self._steps = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Checks that there are trunks to average."""
        if not self._ties():
            raise ValueError(
                "TrunkAveraging averages trunks that SoftSharing has tied, and the model has none. "
                "Build it with trunk=tf_mtl.trunks.SoftSharing(body, penalty=None)."
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes up the count of steps, which callbacks that restore a run set before."""
        self._steps = self._steps_so_far()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Averages behind each `every`-th step."""
        before, self._steps = self._steps, self._steps_so_far()
        if self.unit == "step" and self._steps // self.every > before // self.every:
            self.average()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Averages behind each `every`-th epoch."""
        if self.unit == "epoch" and (epoch + 1) % self.every == 0:
            self.average()

    def average(self) -> None:
        """Moves all tied trunks towards their mean."""
        for tie in self._ties():
            for variables in tie.tied_variables():
                values = [keras.ops.convert_to_tensor(variable.value) for variable in variables]
                mean = sum(values) / len(values)
                for variable, value in zip(variables, values, strict=True):
                    variable.assign(value + self.share * (mean - value))

    def _ties(self) -> list[Tie]:
        return [layer for layer in self.model.layers if isinstance(layer, Tie)]

    def _steps_so_far(self) -> int:
        return int(self.model.optimizer.iterations.numpy())
