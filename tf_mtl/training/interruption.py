"""Ctrl-C while data are read."""

from __future__ import annotations

import gc
import traceback
from typing import TYPE_CHECKING

from ..keras_internals import forget_validation_data

if TYPE_CHECKING:
    from .model import MultiTaskModel


def stop_reading(model: MultiTaskModel, interrupt: KeyboardInterrupt) -> None:
    """Ends the pipelines of an interrupted call, while Python can still run.

    A thread that reads ahead may be about to look at a batch in Python (`FirstBatches`). The
    interpreter waits for it when it exits, and no longer lets it in: the process would hang. What
    holds the pipelines are the frames of Keras' loops, in the traceback of the interrupt.
    """
    traceback.clear_frames(interrupt.__traceback__)
    forget_validation_data(model)
    gc.collect()  # Keras' loops and their iterators hold each other
