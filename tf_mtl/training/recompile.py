"""The arguments of `compile` of one model, for another with some of its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from ..aggregators import Aggregator
from ..weightings import GradientWeighting, LossWeighting
from .model import MultiTaskModel
from .sharing import shared_variables

_BY_TASK = ("loss", "loss_weights", "metrics", "weighted_metrics")


def compile_like(
    model: MultiTaskModel,
    source: MultiTaskModel,
    added: Mapping[str, Any],
    other: MultiTaskModel | None = None,
) -> None:
    """Compiles a model as another was compiled: nothing where that was not compiled.

    The optimizer, a weighting and an aggregator are new ones of the same settings, since what they
    remember is about other variables and tasks. Values by task are taken over for the tasks that
    are there. Where nothing is shared that is trained, no aggregator and no adversary are used.

    Args:
        model: Model to be compiled.
        source: Compiled model.
        added: `{task: value}` of `loss` and `metrics`, where these are given by task.
        other: Model that other tasks come from, whose values by task count before `added`.

    Raises:
        ValueError: If the settings do not fit the tasks; with the way to compile otherwise.
    """
    if not source.compiled:
        return
    arguments = _arguments(source)
    others = {} if other is None or not other.compiled else _arguments(other)
    for name in _BY_TASK:
        value, more = arguments.get(name), others.get(name)
        if not _is_by_task(value):
            continue
        extra = {**(added if name in ("loss", "metrics") else {}), **_by_task(more)}
        known = {**extra, **_by_task(value)}
        arguments[name] = {task: known[task] for task in model.tasks if task in known}
    if arguments.get("loss") == "auto" and len(model.heads) not in (0, len(model.tasks)):
        return  # a layer that is no head has no loss of its own
    nothing_shared = not shared_variables(model, model.tasks)
    if nothing_shared:
        arguments.pop("aggregator", None)
        arguments.pop("adversary", None)
        if isinstance(source.weighting, GradientWeighting):
            arguments.pop("loss_weights")
    try:
        model.compile(**arguments)
    except ValueError as error:
        raise ValueError(
            f"The new model cannot be compiled as the given one: {error} Pass compile=False, and "
            "compile it yourself."
        ) from error


def _arguments(model: MultiTaskModel) -> dict[str, Any]:
    arguments = dict(keras.saving.deserialize_keras_object(model.get_compile_config()))
    for name, value in arguments.items():
        if isinstance(value, LossWeighting | Aggregator):  # built, as it was saved
            arguments[name] = type(value).from_config(value.checked_config())
    return arguments


def _is_by_task(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_name" not in value


def _by_task(value: Any) -> Mapping[str, Any]:
    return value if _is_by_task(value) else {}
