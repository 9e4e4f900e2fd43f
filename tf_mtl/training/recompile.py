"""The arguments of `compile` of one model, for another with some of its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from ..balancing_method import BalancingMethod
from ..keras_internals import compile_arguments
from ..weightings import GradientWeighting
from .arguments import is_auto, loss_weighting
from .layerwise_optimizer import LayerwiseOptimizer
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

    The optimizer, a weighting, an aggregator and metrics are new ones of the same settings, since
    what they remember is about other variables and tasks. Where nothing is shared that is trained,
    no aggregator and no adversary are used.

    Args:
        model: Model to be compiled.
        source: Compiled model.
        added: `{task: value}` of `loss` and `metrics` for tasks that are new.
        other: Model that other tasks come from. What it was compiled with for them counts before
            `added`; a weighting of its own is left out.

    Raises:
        ValueError: If the settings cannot be copied, or do not fit the tasks; with the way to
            compile otherwise.
    """
    if not source.compiled:
        return
    try:
        arguments = _arguments(source, model)
        others = {} if other is None or not other.compiled else _arguments(other, model)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"The new model cannot be compiled as the given one, whose settings cannot be copied: "
            f"{error} Pass compile=False, and compile it yourself."
        ) from error
    for name in _BY_TASK:
        value = arguments.get(name)
        if name == "loss_weights" and loss_weighting(value, source.tasks)[0] is not None:
            continue
        known = _by_task(name, value, source)
        if name == "loss" and _is_for_all(value):
            known = dict.fromkeys(model.tasks, value)
        if name in ("loss", "metrics") and value is not None:
            known.update(added)
        if other is not None:
            known.update(_by_task(name, others.get(name), other))
        if name == "loss" and is_auto(value) and model.heads and set(model.tasks) - set(known):
            return  # a layer that is no head has no loss of its own
        if is_auto(value) and all(map(is_auto, known.values())):
            continue
        arguments[name] = {task: known[task] for task in model.tasks if task in known} or None
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


def _arguments(source: MultiTaskModel, model: MultiTaskModel) -> dict[str, Any]:
    """Returns the arguments of `compile` as they were given, with what has a state made anew."""
    given = compile_arguments(source)
    optimizer = given.pop("optimizer")
    arguments = keras.tree.map_structure(_anew, given)
    return {**arguments, "optimizer": _new_optimizer(optimizer, source, model)}


def _new_optimizer(optimizer: Any, source: MultiTaskModel, model: MultiTaskModel) -> Any:
    if isinstance(optimizer, LayerwiseOptimizer):
        return optimizer.for_model(model, source.variables)
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        config = optimizer.get_config()
        config["inner_optimizer"] = _new_optimizer(optimizer.inner_optimizer, source, model)
        return type(optimizer)(**config)
    return _anew(optimizer)


def _anew(value: Any) -> Any:
    if isinstance(value, BalancingMethod):
        return type(value).from_config(value.checked_config())
    if isinstance(value, keras.Metric | keras.Optimizer):
        return type(value).from_config(value.get_config())
    return value


def _is_for_all(loss: Any) -> bool:
    return loss is not None and not is_auto(loss) and not isinstance(loss, Mapping)


def _by_task(name: str, value: Any, model: MultiTaskModel) -> dict[str, Any]:
    """Returns an argument of `compile` by task, for the tasks of the model compiled with it."""
    if value is None:
        return {}
    if name == "loss_weights":
        return loss_weighting(value, model.tasks)[1]
    if is_auto(value):
        return dict.fromkeys(model.heads, value)
    return dict(value) if isinstance(value, Mapping) else dict.fromkeys(model.tasks, value)
