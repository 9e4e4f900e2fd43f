"""The last checkpoint: all that a run needs to go on as if it had not been interrupted."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from .errors import InputError

_WEIGHTS = "model.weights.h5"
_STATE = "state.json"

History = list[dict[str, float]]


@dataclass(frozen=True)
class Checkpoint:
    """A folder `epoch-N`, written after N epochs.

    Args:
        path: The folder.
        history: Logs of all epochs so far.
        seeds: States of the random layers, in the order of `random_states`.
    """

    path: Path
    history: History
    seeds: list[list[int]]

    @property
    def epochs(self) -> int:
        """Number of epochs trained."""
        return len(self.history)


def save_checkpoint(folder: Path, model: keras.Model, history: History) -> None:
    """Writes weights, optimizer, random states and history, then drops older checkpoints.

    It is written beside its place and renamed: a run killed at any moment keeps a whole one.
    """
    folder.mkdir(exist_ok=True)
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    model.save_weights(unfinished / _WEIGHTS)  # Keras saves the optimizer with them
    seeds = [keras.ops.convert_to_numpy(state).tolist() for state in random_states(model)]
    text = json.dumps({"history": history, "seeds": seeds})
    (unfinished / _STATE).write_text(text, encoding="utf-8")
    os.replace(unfinished, folder / f"epoch-{len(history)}")
    for older in folder.glob("epoch-*"):
        if _epoch(older) != len(history):
            shutil.rmtree(older)


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """Returns the newest checkpoint in a folder, or None."""
    found = sorted(folder.glob("epoch-*"), key=_epoch)
    if not found:
        return None
    state = json.loads((found[-1] / _STATE).read_text(encoding="utf-8"))
    return Checkpoint(found[-1], state["history"], state["seeds"])


def restore_checkpoint(checkpoint: Checkpoint, model: keras.Model) -> None:
    """Gives a compiled model the state of a checkpoint.

    Raises:
        InputError: If the model differs from the one that was saved.
    """
    states = random_states(model)
    if not model.optimizer.built:  # what scales losses would make its variables once more
        model.optimizer.build(model.trainable_variables)
    try:
        model.load_weights(checkpoint.path / _WEIGHTS)
    except ValueError as error:
        raise InputError(
            f"The checkpoint {checkpoint.path} does not fit the model of the configuration: {error}"
        ) from None
    for variable, value in zip(states, checkpoint.seeds, strict=True):
        variable.assign(value)


def random_states(model: keras.Model) -> list[Any]:
    """Returns the states of dropout and other random layers, which weights do not include."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _epoch(path: Path) -> int:
    return int(path.name.removeprefix("epoch-"))
