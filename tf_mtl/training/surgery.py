"""Heads on and off a trained model, and the heads of two models on one trunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import keras

from ..heads import BaseHead
from ..keras_internals import (
    Functional,
    input_structure,
    is_made_of_tensors,
    layers_of,
    node_of,
    place_of,
)
from ..names import check_known, check_task_names
from ..trunks.freezing import train_layers
from ..trunks.graph import nodes_before
from ..trunks.soft_sharing import Tie
from .build_model import check_head
from .model import MultiTaskModel
from .recompile import compile_like


def add_head(
    model: MultiTaskModel,
    task: str,
    head: Any,
    features: str | None = None,
    freeze: bool = False,
    compile: bool = True,
) -> MultiTaskModel:
    """Returns a model with one task more, on the layers and weights of a trained one.

    The given model stays usable; the two share their layers, and predict the same. A subclass stays
    one, with its `train_step`, if its constructor takes inputs and outputs (or `*args, **kwargs`).

    Args:
        model: Trained model.
        task: Name of the new task.
        head: One of `tf_mtl.heads` or a Keras layer, not used yet.
        features: Name of a task whose head reads the features that the new one is to read, or of
            a layer whose output it is to read. It may be left out where all heads read the same.
        freeze: Whether all but the new head is frozen (`train_only`), in both models.
        compile: Whether the new model is compiled as the given one was, with a new optimizer of
            the same settings, and with the loss and the metrics of the head.

    Raises:
        TypeError: If it is no multi-task model.
        ValueError: If the task is there already, its head is none or has the name of a layer, or it
            is not clear what the head is to read.

    >>> from tf_mtl import build_model, heads, trunks
    >>> model = build_model(keras.Input((4,)), trunks.MLP([8]), {"price": heads.Regression()})
    >>> add_head(model, "sold", heads.BinaryClassification()).tasks
    ['price', 'sold']
    """
    _check_models(model)
    outputs = model.task_outputs
    check_task_names([task])
    check_head(task, head)
    if task in outputs:
        raise ValueError(
            f"The model has a task {task!r} already. Its tasks are {model.tasks}. Choose another "
            "name, or take the old head off first: tf_mtl.training.remove_head(model, task)."
        )
    tensor = _features(model) if features is None else _named_features(model, features)
    if isinstance(head, BaseHead) and not head.named_by_user and not head.built:
        head.name = task
    if getattr(head, "name", None) in {layer.name for layer in model.layers}:
        raise ValueError(
            f"The head of task {task!r} is called {head.name!r}, as is an input or a layer of the "
            "model. Choose another name for the task, or give a new head one: name='...'."
        )
    inputs = {each.name: each for each in model.inputs}
    reads = head.reads if isinstance(head, BaseHead) else ()
    check_known(reads, [*outputs, *inputs], f"task or input that the head of {task!r} reads:")
    output = head(tensor, *(outputs.get(name, inputs.get(name)) for name in reads))
    extended = _like(model, input_structure(model), {**outputs, task: output})
    if freeze:
        train_only(extended, task)
    if compile:
        compile_like(extended, model, {task: "auto"} if isinstance(head, BaseHead) else {})
    return extended


def remove_head(model: MultiTaskModel, task: str, compile: bool = True) -> MultiTaskModel:
    """Returns a model without one of the tasks, on the layers and weights of a trained one.

    Layers that only this task used go with it, and so do inputs, if they are a dictionary.

    Args:
        model: Trained model, which stays as it is.
        task: Name of the task.
        compile: Whether the new model is compiled as the given one was, with a new optimizer of
            the same settings.

    Raises:
        ValueError: If there is no such task, or no other.

    >>> from tf_mtl import build_model, heads, trunks
    >>> tasks = {"price": heads.Regression(), "sold": heads.BinaryClassification()}
    >>> model = build_model(keras.Input((4,)), trunks.MLP([8]), tasks)
    >>> remove_head(model, "sold").tasks
    ['price']
    """
    _check_models(model)
    check_known([task], model.tasks, "task of the model:")
    outputs = {name: output for name, output in model.task_outputs.items() if name != task}
    if not outputs:
        raise ValueError(f"{task!r} is the only task of the model. A model needs one output.")
    inputs = input_structure(model)
    if isinstance(inputs, Mapping):
        used = {id(each) for node in nodes_before(list(outputs.values())) for each in node.outputs}
        inputs = {name: tensor for name, tensor in inputs.items() if id(tensor) in used}
    reduced = _like(model, inputs, outputs)
    if any(isinstance(layer, Tie) for layer in reduced.layers):
        # The given model's tie still counts all tasks; one that is called anew counts those left.
        reduced = keras.models.clone_model(reduced, clone_function=_but_ties)
    if compile:
        compile_like(reduced, model, {})
    return reduced


def merge_heads(
    first: MultiTaskModel, second: MultiTaskModel, trunk: str = "first", compile: bool = True
) -> MultiTaskModel:
    """Returns a model with the heads of two trained models on the trunk of one of them.

    The trunks must be built alike; names do not count. The model whose trunk it is predicts as
    before. The other's heads have their weights, but see features they were not trained on: train
    on, the heads first (`train_only`).

    Args:
        first: Trained model; its tasks come first.
        second: Trained model with other tasks.
        trunk: Whose trunk is kept, with its weights: "first" or "second".
        compile: Whether the result is compiled as the model whose trunk it has, with a new
            optimizer of the same settings, and for the other's tasks as the other was.

    Raises:
        ValueError: If the models have a task in common, their trunks differ, or the heads of one
            of them do not all read the same features.

    >>> from tf_mtl import build_model, heads, trunks
    >>> models = [build_model(keras.Input((4,)), trunks.MLP([8]), {task: heads.Regression()})
    ...     for task in ("price", "age")]
    >>> merge_heads(*models).tasks
    ['price', 'age']
    """
    if trunk not in ("first", "second"):
        raise ValueError(f"`trunk` must be 'first' or 'second'. Received: trunk={trunk!r}.")
    _check_models(first, second)
    both = [task for task in first.tasks if task in second.tasks]
    if both:
        raise ValueError(
            f"Both models have the tasks {both}. Take one of the heads off first: "
            "tf_mtl.training.remove_head(model, task)."
        )
    kept, other = (first, second) if trunk == "first" else (second, first)
    features = _features(kept)
    _check_alike(features, _features(other))
    moved = _moved(other, features, kept)
    outputs = {**kept.task_outputs, **moved}
    ordered = {task: outputs[task] for task in (*first.tasks, *second.tasks)}
    merged = _like(kept, input_structure(kept), ordered)
    if compile:
        compile_like(merged, kept, dict.fromkeys(other.heads, "auto"), other)
    return merged


def train_only(model: MultiTaskModel, tasks: str | Iterable[str]) -> None:
    """Freezes all layers but those that only the named tasks use. Compile afterwards.

    `tf_mtl.trunks.set_trainable(model, True)` frees them again.

    Args:
        model: Multi-task model.
        tasks: Name of a task, or several.

    Raises:
        ValueError: If a task is unknown, or the named tasks have no layer with weights of their
            own.

    >>> from tf_mtl import build_model, heads, trunks
    >>> tasks = {"price": heads.Regression(), "sold": heads.BinaryClassification()}
    >>> model = build_model(keras.Input((4,)), trunks.MLP([8]), tasks)
    >>> train_only(model, "sold")
    >>> len(model.trainable_variables), len(model.non_trainable_variables)
    (2, 4)
    """
    _check_models(model)
    trained = [tasks] if isinstance(tasks, str) else list(tasks)
    check_known(trained, model.tasks, "task of the model:")
    operations = {
        task: {
            id(node.operation): node.operation
            for node in nodes_before([output], inside=True)
            if isinstance(node.operation, keras.layers.Layer) and node.operation.weights
        }
        for task, output in model.task_outputs.items()
    }
    others = {key for task in operations if task not in trained for key in operations[task]}
    own = {key: each for task in trained for key, each in operations[task].items()}
    freed = [layer for key, layer in own.items() if key not in others]
    if not freed:
        raise ValueError(f"The tasks {trained} have no layer with weights of their own to train.")
    train_layers(model, freed)


def _check_models(*models: Any) -> None:
    for model in models:
        if not isinstance(model, MultiTaskModel) or not model.tasks:
            raise TypeError(
                f"Expected a MultiTaskModel with tasks. Received: {model!r}. Make one of a Keras "
                "model, on its layers: MultiTaskModel(model.input, {'task': model.output})."
            )


def _like(model: MultiTaskModel, inputs: Any, outputs: Mapping[str, Any]) -> MultiTaskModel:
    """Returns a model of the same class, unless that cannot be made of inputs and outputs."""
    made = type(model) if is_made_of_tensors(type(model)) else MultiTaskModel
    return made(inputs, outputs, name=model.name)


def _features(model: MultiTaskModel) -> keras.KerasTensor:
    """Returns the one tensor that all heads read first."""
    tensors = {id(tensor): tensor for tensor in map(_first_input, model.task_outputs.values())}
    if len(tensors) != 1:
        raise ValueError(
            f"The heads of {model.tasks} read {len(tensors)} different features, so it is not "
            "clear what another head is to read. In `add_head`, name a task or layer: "
            "features='...'. `merge_heads` needs models in which all heads read the same."
        )
    return next(iter(tensors.values()))


def _named_features(model: MultiTaskModel, name: str) -> keras.KerasTensor:
    if name in model.task_outputs:
        return _first_input(model.task_outputs[name])
    outputs_of: dict[str, list[Any]] = {}
    for node in nodes_before(list(model.task_outputs.values())):
        outputs_of.setdefault(node.operation.name, []).extend(node.outputs)
    check_known([name], [*model.tasks, *outputs_of], "task or layer in `features`:")
    outputs = outputs_of[name]
    if len(outputs) != 1:
        raise ValueError(
            f"Layer {name!r} has {len(outputs)} outputs, of one call or several. Name a layer with "
            "one, or a task."
        )
    return outputs[0]


def _but_ties(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a copy of a tie, and every other layer itself."""
    return Tie.from_config(layer.get_config()) if isinstance(layer, Tie) else layer


def _first_input(output: keras.KerasTensor) -> keras.KerasTensor:
    return node_of(output).input_tensors[0]


def _moved(other: MultiTaskModel, features: Any, kept: MultiTaskModel) -> dict[str, Any]:
    """Returns `{task: output}` of another model's heads on these features."""
    names = {layer.name for layer in kept.layers}
    inputs = {each.name: each for each in kept.inputs}
    moved: dict[str, Any] = {}
    for task, output in other.task_outputs.items():  # a task that another reads comes before it
        head = node_of(output).operation
        reads = head.reads if isinstance(head, BaseHead) else ()
        if len(node_of(output).input_tensors) != 1 + len(reads):
            raise ValueError(f"The output of task {task!r} is made of several tensors by no head.")
        if head.name in names:
            raise ValueError(
                f"Both models have a layer {head.name!r}, and one of them makes the output of "
                f"task {task!r}. Give it a name of its own: layer.name = {task!r}."
            )
        names.add(head.name)
        check_known(reads, [*moved, *inputs], f"task or input that the head of {task!r} reads:")
        moved[task] = head(features, *(moved.get(name, inputs.get(name)) for name in reads))
    return moved


def _check_alike(first: keras.KerasTensor, second: keras.KerasTensor) -> None:
    """Raises unless two tensors are computed by graphs of the same layers, but for their names."""
    partners: dict[int, int] = {}
    waiting, seen = [(first, second)], set()
    while waiting:
        one, two = waiting.pop()
        if (id(one), id(two)) in seen:
            continue
        seen.add((id(one), id(two)))
        nodes = node_of(one), node_of(two)
        layers = [node.operation for node in nodes]
        same = all(
            partners.setdefault(id(layer), id(partner)) == id(partner)
            for layer, partner in (layers, layers[::-1])
        )
        places = [place_of(tensor) for tensor in (one, two)]
        inputs = [node.input_tensors for node in nodes]
        descriptions = [_description(layer) for layer in layers]
        if (
            not same
            or places[0] != places[1]
            or len(inputs[0]) != len(inputs[1])
            or descriptions[0] != descriptions[1]
        ):
            raise ValueError(
                "The trunks are not built alike: layer "
                f"{layers[0].name!r} ({descriptions[0][0]}, output {one.shape}) of the trunk to "
                f"keep stands where the other model has {layers[1].name!r} ({descriptions[1][0]}, "
                f"output {two.shape}). Heads can be merged only where their features mean the same."
            )
        waiting.extend(zip(*inputs, strict=True))


def _description(layer: Any) -> tuple[Any, ...]:
    """Returns what a layer is, without its name and whether it is trained."""
    if isinstance(layer, (Functional, keras.Sequential)):
        inside = [_description(each) for each in layer.layers]
        return (type(layer).__name__, inside)
    if isinstance(layer, keras.layers.InputLayer):
        return (type(layer).__name__, layer.batch_shape, layer.dtype)
    shapes = [tuple(weight.shape) for weight in getattr(layer, "weights", [])]
    is_layer = isinstance(layer, keras.layers.Layer)
    inside = [_description(each) for each in layers_of(layer)] if is_layer else []
    config = layer.get_config() if is_layer else {}
    left_out = {"name", "trainable", "seed"} | {key for key in config if "_initializer" in key}
    kept = {key: _but_layers(value) for key, value in config.items() if key not in left_out}
    return (type(layer).__name__, shapes, str(kept), inside)


def _but_layers(value: Any) -> Any:
    """Returns part of a config without layers in it, which have names."""
    if isinstance(value, Mapping):
        is_layer = isinstance(value.get("config"), Mapping) and "trainable" in value["config"]
        return {} if is_layer else {key: _but_layers(each) for key, each in value.items()}
    return [_but_layers(each) for each in value] if isinstance(value, (list, tuple)) else value
