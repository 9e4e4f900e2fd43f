"""A configuration and its data → a compiled model."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator
from typing import Any

import keras

from ..data import Splits, Target
from ..names import check_known, unknown_name
from ..training import MultiTaskModel, build_model
from .automatic_trunk import automatic_trunk, text_inputs, words_of
from .config import OptimizerConfig, RunConfig
from .errors import InputError, refusing
from .imports import import_modules
from .recipe import make

_HEADS = {
    "classification": "Classification",
    "binary": "BinaryClassification",
    "multilabel": "MultiLabel",
    "regression": "Regression",
    "box": "BoundingBox",
    "segmentation": "Segmentation",
    "tagging": "TokenTagging",
}


def assemble(config: RunConfig, splits: Splits) -> MultiTaskModel:
    """Builds and compiles the model of a run.

    Args:
        config: The run.
        splits: Its data.

    Raises:
        InputError: For an unknown module, trunk, head, task, weighting, aggregator or optimizer, or
            arguments that do not suit them.
    """
    import_modules(config.imports)
    with refusing("heads"):
        check_known(config.heads, splits.targets, "task")
    heads = {
        task: _head(config.heads.get(task), target, task) for task, target in splits.targets.items()
    }
    given = {"words": words_of(splits)} if text_inputs(splits) else {}
    trunk = make("trunks", resolved_trunk(config, splits), "trunk", **given)
    with dtype_policy(config), refusing("trunk"):
        model = build_model(splits.features, trunk, heads, name=_layer_name(config.run_name))
    arguments: dict[str, Any] = {"loss_weights": _loss_weights(config)}
    if config.aggregator is not None:
        arguments["aggregator"] = make("aggregators", config.aggregator, "aggregator")
    optimizer = make_optimizer(config.optimizer, config.epochs * steps_per_epoch(config, splits))
    with refusing("compile"):
        model.compile(optimizer, **arguments)
    return model


def steps_per_epoch(config: RunConfig, splits: Splits) -> int:
    """Returns the number of batches; the last one may be smaller."""
    return math.ceil(splits.sizes["train"] / config.data.batch_size)


def resolved_trunk(config: RunConfig, splits: Splits) -> Any:
    """Returns the trunk asked for; arguments without a type are those of the automatic trunk."""
    spec = config.trunk
    if spec != "auto" and (isinstance(spec, str) or "type" in spec):
        return spec
    return {**automatic_trunk(splits), **(spec if isinstance(spec, dict) else {})}


def make_optimizer(config: OptimizerConfig, steps: int) -> keras.optimizers.Optimizer:
    """Returns a Keras optimizer.

    Args:
        config: Type, learning rate and schedule.
        steps: Number of steps in which a schedule ends at 0.

    Raises:
        InputError: For an unknown type or option.

    >>> type(make_optimizer(OptimizerConfig(type="sgd", schedule="constant"), 10)).__name__
    'SGD'
    """
    classes: dict[str, Any] = {
        name: value
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and name not in ("Optimizer", "LossScaleOptimizer")
    }
    by_name = {name.lower(): value for name, value in classes.items()}
    if config.type.lower() not in by_name:
        raise InputError(f"optimizer.type: {unknown_name(config.type, classes, 'optimizer')}")
    cls = by_name[config.type.lower()]
    parameters = inspect.signature(cls).parameters.values()
    valid = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
    with refusing("optimizer.options"):
        check_known(config.options, valid[1:], f"option of {cls.__name__}")
        rate: Any = config.learning_rate
        if config.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        return cls(rate, **config.options)


def _head(spec: Any, target: Target, task: str) -> Any:
    """Returns the head that suits a target, or the one asked for with what the target knows."""
    known = {
        "num_classes": target.num_classes,
        "class_names": target.class_names,
        "num_labels": target.units if target.kind == "multilabel" else None,
        "units": target.units,
        "mean": target.mean,
        "std": target.std,
    }
    defaults = {key: value for key, value in known.items() if value is not None}
    if isinstance(spec, dict) and "type" not in spec:
        spec = {"type": _HEADS[target.kind], **spec}
    if isinstance(spec, dict) and isinstance(spec.get("class_names"), list):
        _check_order(spec["class_names"], target, task)
    return make("heads", spec or _HEADS[target.kind], f"heads.{task}", **defaults)


def _check_order(names: list[Any], target: Target, task: str) -> None:
    """Refuses names of a head that give a class the name of another one.

    The labels are numbers by then, places among the classes of the target.
    """
    known = target.class_names or ()
    given = [str(name) for name in names]
    if any(a != b and a in known for a, b in zip(given, known, strict=False)):
        raise InputError(
            f"heads.{task}.class_names is {names}, but the labels are numbered in the order "
            f"{list(known)}. Number them in the other order in the data; for a table write, in the "
            f"data section, targets: {{{task}: {{class_names: [{', '.join(given)}]}}}}."
        )


def _loss_weights(config: RunConfig) -> Any:
    spec = config.loss_weights
    if isinstance(spec, str) or (isinstance(spec, dict) and isinstance(spec.get("type"), str)):
        return make("weightings", spec, "loss_weights")
    for task, weight in (spec or {}).items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not _counts(weight):
            raise InputError(
                f"loss_weights.{task} is {weight!r}, but should be a number from 0 up."
            )
    return spec


def _counts(weight: float) -> bool:
    return math.isfinite(weight) and weight >= 0


@contextlib.contextmanager
def dtype_policy(config: RunConfig) -> Iterator[None]:
    """Makes layers under the policy of a run, and puts that of the process back."""
    before = keras.config.dtype_policy()
    if config.mixed_precision:
        keras.config.set_dtype_policy(f"mixed_{config.mixed_precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _layer_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
