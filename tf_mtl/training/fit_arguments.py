"""What `fit` and `evaluate` were given, looked at and made ready for Keras."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from ..keras_internals import has_its_data
from ..whole_numbers import is_number
from .callbacks import Epochs, FirstBatch
from .checks import check_arrays, complete_weights
from .class_numbers import numbered, numbered_data
from .class_weights import weighted_by_class
from .first_batches import FirstBatches
from .series import as_arrays
from .texts import as_strings

if TYPE_CHECKING:
    from .model import MultiTaskModel


def fit_arguments(
    model: MultiTaskModel, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Returns the arguments of `keras.Model.fit` for a call of the multi-task model's `fit`.

    Args:
        model: A compiled model.
        args: Arguments by position.
        kwargs: Arguments by name, `class_weight` by task among them.

    Raises:
        ValueError: For what is wrong with labels, inputs or class weights.
    """
    given = _by_name(keras.Model.fit, args, kwargs)
    _check_split(given.get("validation_split"))
    data = given.get("x")
    class_weight = given.pop("class_weight", None)
    given = _looked_at(model, given, "training")
    if class_weight is not None:
        given = weighted_by_class(model, class_weight, given)
        given["y"] = as_strings(given.get("y"))
    given = _numbered(model, given)
    if isinstance(given.get("x"), tf.data.Dataset):
        given["shuffle"] = False  # a data set is shuffled where it is made; Keras would warn
    validation = given.get("validation_data")
    if validation is not None:
        given["validation_data"] = numbered_data(model, _validation(model, validation))
    has_validation = validation is not None or bool(given.get("validation_split"))
    given["callbacks"] = _callbacks(model, given.get("callbacks"), data, has_validation)
    return given


def evaluate_arguments(
    model: MultiTaskModel, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Returns the arguments of `keras.Model.evaluate`, likewise."""
    given = _by_name(keras.Model.evaluate, args, kwargs)
    if has_its_data(given):  # looked at before training, and no longer used
        return given
    return _numbered(model, _looked_at(model, given, "test"))


def _check_split(share: Any) -> None:
    if share is not None and not (is_number(share) and 0 <= share < 1):
        raise ValueError(
            "`validation_split` is the share of the rows that is for validation, from 0 to below "
            f"1. Received: validation_split={share!r}. For 20 % write 0.2."
        )


def _by_name(method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    given = dict(inspect.signature(method).bind(None, *args, **kwargs).arguments)
    del given["self"]
    given.update(given.pop("kwargs", {}))
    return given


def _looked_at(model: MultiTaskModel, given: dict[str, Any], where: str) -> dict[str, Any]:
    """Looks at labels, weights and inputs, and completes the weights."""
    if given.get("y") is not None:
        given["y"] = as_arrays(given["y"])
        weight = as_arrays(given.get("sample_weight"))
        check_arrays(model, given.get("x"), given["y"], weight, where)
        given["sample_weight"] = complete_weights(given["y"], weight)
    else:
        given["x"] = FirstBatches(model, where).over(given.get("x"))
    return {**given, **as_strings({key: given[key] for key in ("x", "y") if key in given})}


def _numbered(model: MultiTaskModel, given: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments with labels as XLA takes them."""
    if given.get("y") is not None:
        return {**given, "y": numbered(model, given["y"])}
    return {**given, "x": numbered_data(model, given.get("x"))}


def _validation(model: MultiTaskModel, validation: Any) -> Any:
    if not (isinstance(validation, (tuple, list)) and len(validation) >= 2):
        return FirstBatches(model, "validation").over(validation)
    x, y, weight = keras.utils.unpack_x_y_sample_weight(validation)
    y, weight = as_arrays(y), as_arrays(weight)
    check_arrays(model, x, y, weight, "validation")
    return (*as_strings((x, y)), complete_weights(y, weight))


def _callbacks(model: MultiTaskModel, callbacks: Any, data: Any, has_validation: bool) -> Any:
    """Returns those that every `fit` has and the callbacks of the user, which may add logs."""
    watched = [
        callback
        for callback in keras.tree.flatten(getattr(callbacks, "callbacks", callbacks) or [])
        if not isinstance(callback, (Epochs, FirstBatch))  # of an earlier call with this list
    ]
    own: list[keras.callbacks.Callback] = [Epochs(data), FirstBatch(watched, has_validation)]
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        return [*own, *watched]
    for callback in own:
        callback.set_model(model)
    callbacks.callbacks[:] = [*own, *watched]
    return callbacks
