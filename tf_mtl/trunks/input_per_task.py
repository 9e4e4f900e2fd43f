"""An input of each task's own, and shared layers on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..names import check_known
from .copies import copy_of
from .multi_input import check_inputs
from .reused import reusable
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class InputPerTask(Trunk):
    """Each task sees an input of its own, through its encoder and then layers shared by all.

    Tasks in different domains (photographs and drawings, several languages, several sensors) thus
    share the upper layers. Tasks that see the same input also share its encoder.

    Args:
        encoders: `{input: body}`, with outputs of one shape.
        upper: What all tasks share: a list of units, a body, a Keras layer or model, or a callable.
        inputs_of: `{task: input}`; None if the inputs are named as the tasks.

    Raises:
        ValueError: If inputs, encoders and tasks do not match, or the encoders' outputs differ in
            shape.

    >>> inputs = {"photo": keras.Input((8,)), "sketch": keras.Input((3,))}
    >>> trunk = InputPerTask({"photo": [4], "sketch": [4]}, upper=[5])
    >>> features = trunk(inputs, ["photo", "sketch"])
    >>> features["photo"].shape, features["sketch"].shape
    ((None, 5), (None, 5))
    """

    def __init__(
        self,
        encoders: Mapping[str, Any],
        upper: Any,
        inputs_of: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(encoders, Mapping) or not encoders:
            raise ValueError(
                "InputPerTask needs `encoders` as {input: body}, at least one. "
                f"Received: {encoders!r}."
            )
        self.encoders = dict(encoders)
        self.upper = upper
        self.inputs_of = None if inputs_of is None else dict(inputs_of)

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        inputs_of = self.inputs_of or {task: task for task in tasks}
        check_inputs(inputs, self.encoders)
        check_known(inputs_of, tasks, "task in `inputs_of`:")
        check_known(tasks, list(inputs_of), "task without an input:")
        check_known(inputs_of.values(), list(self.encoders), "input of a task:")
        encoded = {
            each: copy_of(encoder, inputs[each], f"{each}_encoder")
            for each, encoder in self.encoders.items()
        }
        shapes = {each: tuple(features.shape) for each, features in encoded.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(
                "The shared upper layers need features of one shape from all encoders. Received "
                f"the shapes {shapes}."
            )
        upper = reusable(self.upper, next(iter(encoded.values())), "shared")
        return {task: upper(encoded[inputs_of[task]]) for task in tasks}
