"""Weights from another model, layer by layer."""

from __future__ import annotations

import collections
import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras

from ..keras_internals import sublayers

_WITH_VOCABULARY = (
    keras.layers.TextVectorization,
    keras.layers.StringLookup,
    keras.layers.IntegerLookup,
)


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """What `warm_start` did, by names of layers.

    Attributes:
        copied: Layers that have the weights of the source now.
        other_shapes: `{layer: (its shapes, those of the source)}`; left as they were.
        missing: Layers with weights that the source has not; left as they were.
        unused: Layers of the source that the model has not.
    """

    copied: list[str]
    other_shapes: dict[str, tuple[list[Any], list[Any]]]
    missing: list[str]
    unused: list[str]


def warm_start(model: keras.Model, source: keras.Model | str | Path) -> WarmStart:
    """Copies weights from another model, a single-task one for instance, and reports which.

    Layers are matched by name, those within a backbone by theirs, and copied whole where all
    shapes agree. Where several have one name (in experts that are copies of a model), the names of
    the models that they are in come before it: "expert_0/conv". Weights that a subclassed model
    holds beside its layers go by its name, those of the whole model by "(model)". The optimizer is
    not touched, nor are vocabularies: where those of a layer differ, a warning says so.

    Args:
        model: Built model, whose weights are changed.
        source: Model, or file of one that `model.save` wrote (`.keras`).

    Raises:
        TypeError: If the source is neither a model nor a path.
        ValueError: If no layer could be copied, several layers with weights have the same name, or
            the file is none that holds a model.

    >>> from tf_mtl import build_model, heads, trunks
    >>> single, both = (build_model(keras.Input((4,)), trunks.MLP([8]), tasks) for tasks in (
    ...     {"a": heads.Regression()}, {"a": heads.Regression(), "b": heads.Regression()}))
    >>> report = warm_start(both, single)
    >>> report.copied, report.missing
    (['mlp_dense_0', 'a'], ['b'])
    """
    source = _loaded(source)
    theirs = _weighted(source, "source")
    own = _weighted(model, "model")
    copied: list[str] = []
    other_shapes: dict[str, tuple[list[Any], list[Any]]] = {}
    for name, weights in own.items():
        if name not in theirs:
            continue
        shapes = _shapes(weights), _shapes(theirs[name])
        if shapes[0] == shapes[1]:
            for weight, value in zip(weights, theirs[name], strict=True):
                weight.assign(value)
            copied.append(name)
        else:
            other_shapes[name] = shapes
    if not copied:
        raise ValueError(
            "No layer of the source has the name and the shapes of one of the model. The model has "
            f"{list(own)}, the source {list(theirs)}. Build both with the same trunk; names of "
            f"layers are `layer.name`. Of other shapes: {other_shapes}."
        )
    for layer in sublayers(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with constants made of its weights
    _warn_of_vocabularies(model, source)
    missing = [name for name in own if name not in theirs]
    return WarmStart(copied, other_shapes, missing, [name for name in theirs if name not in own])


def _warn_of_vocabularies(model: keras.Model, source: keras.Model) -> None:
    """Warns where a layer numbers its words otherwise than the source's of the same name."""
    theirs, own = (
        {
            layer.name: layer.get_vocabulary()
            for layer in sublayers(each)
            if isinstance(layer, _WITH_VOCABULARY)
        }
        for each in (source, model)
    )
    others = [name for name, words in own.items() if theirs.get(name, words) != words]
    if others:
        warnings.warn(
            f"The layers {others} have other vocabularies in the source, so what was copied of the "
            "layers behind them, such as an embedding, is about other words. Build the model with "
            "those of the source: layer.set_vocabulary(other.get_vocabulary()).",
            stacklevel=3,
        )


def _loaded(source: keras.Model | str | Path) -> keras.Model:
    if isinstance(source, keras.Model):
        return source
    if not isinstance(source, (str, Path)):
        raise TypeError(
            f"`source` is a Keras model or a .keras file. Received: {type(source).__name__}."
        )
    if not Path(source).is_file() or Path(source).suffix != ".keras":
        raise ValueError(
            "`source` is a Keras model or a .keras file, which has the names of the layers "
            f"(.weights.h5 has not). Received: {str(source)!r}, "
            f"{'another kind of file' if Path(source).is_file() else 'which is no file'}."
        )
    return keras.models.load_model(source, compile=False)


class _Holder(NamedTuple):
    """What holds weights: a layer, or a model that has some beside its layers.

    Attributes:
        name: Its name.
        path: The same behind the names of the models that it is in.
        weights: The weights.
    """

    name: str
    path: str
    weights: list[Any]


def _weighted(model: keras.Model, what: str) -> dict[str, list[Any]]:
    """Returns `{name: weights}`, with the names of models before one that several layers have."""
    unique = {id(each.weights[0]): each for each in _holders(model, "(model)", "") if each.weights}
    times = collections.Counter(each.name for each in unique.values())
    found: dict[str, list[Any]] = {}
    for name, path, weights in unique.values():
        key = name if times[name] == 1 else path
        if key in found:
            raise ValueError(
                f"The {what} has several layers with weights called {key!r}, so it is not "
                "clear which is which. Give them names of their own."
            )
        found[key] = weights
    return found


def _holders(model: keras.Model, name: str, above: str) -> Iterator[_Holder]:
    """Yields what holds weights in a model: itself, and its layers at any depth of models."""
    of_layers = {id(weight) for layer in model.layers for weight in layer.weights}
    beside = [weight for weight in model.weights if id(weight) not in of_layers]
    yield _Holder(name, above.removesuffix("/") or name, beside)
    for layer in model.layers:
        path = f"{above}{layer.name}"
        if isinstance(layer, keras.Model):
            yield from _holders(layer, layer.name, f"{path}/")
        else:
            yield _Holder(layer.name, path, layer.weights)


def _shapes(weights: list[Any]) -> list[Any]:
    return [tuple(weight.shape) for weight in weights]
