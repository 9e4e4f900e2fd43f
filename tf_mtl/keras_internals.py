"""The few things that Keras does not export and that must be exactly Keras' own.

A loss or metric given by name must resolve to the object, with the name in the logs, that
`keras.Model.compile` would make of it. Everything private is imported here and nowhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common.masking import set_keras_mask
from keras.src.backend.common.stateless_scope import in_stateless_scope
from keras.src.models import functional
from keras.src.trainers import compile_utils
from keras.src.trainers.data_adapters.array_slicing import train_validation_split as _split_arrays
from keras.src.utils import tracking
from tensorflow.python.ops.resource_variable_ops import default_variable_creator_v2

CompileMetrics = compile_utils.CompileMetrics
Functional = functional.Functional
is_made_of_tensors = functional.functional_like_constructor
untracked = tracking.no_automatic_dependency_tracking


def resolve_loss(identifier: Any, y_true: Any = None, y_pred: Any = None) -> Any:
    """Returns the loss object that `compile` makes of an identifier.

    Args:
        identifier: Name, function, config or instance.
        y_true: Labels, needed for the shapes when the identifier is "crossentropy".
        y_pred: Output, likewise.

    >>> resolve_loss("mse").name
    'mse'
    """
    return compile_utils.get_loss(identifier, y_true, y_pred)


def resolve_metric(identifier: Any, y_true: Any = None, y_pred: Any = None) -> keras.Metric:
    """Returns the metric object that `compile` makes of an identifier.

    Args:
        identifier: Name, function, config or instance.
        y_true: Labels, needed for the shapes when the identifier is "accuracy".
        y_pred: Output, likewise.

    >>> resolve_metric("mae").name
    'mae'
    """
    return compile_utils.get_metric(identifier, y_true, y_pred)


def is_one_number(metric: keras.Metric, y_true: Any, y_pred: Any) -> bool:
    """Returns whether a metric is the mean of what a function returns for a batch: one number.

    >>> def of_batch(y_true, y_pred):
    ...     return keras.ops.mean(y_true * y_pred)
    >>> ones = keras.ops.ones((4, 2))
    >>> is_one_number(resolve_metric(of_batch), ones, ones)
    True
    >>> is_one_number(resolve_metric("mae"), ones, ones)
    False
    """
    if not isinstance(metric, keras.metrics.MeanMetricWrapper):
        return False
    return len(keras.ops.shape(metric._fn(y_true, y_pred, **metric._fn_kwargs))) == 0


def function_of(metric: keras.Metric) -> Any:
    """Returns the function of labels and predictions that a metric is the mean of, or None.

    >>> function_of(resolve_metric("categorical_accuracy")).__name__
    'categorical_accuracy'
    """
    return getattr(metric, "_fn", None)


def build_metric(metric: keras.Metric, y_true: Any, y_pred: Any) -> None:
    """Makes the variables of Keras' metrics that otherwise make them in their first update.

    Args:
        metric: A metric of any kind.
        y_true: Labels, for their shape.
        y_pred: Output, likewise.

    >>> metric = keras.metrics.R2Score()
    >>> build_metric(metric, keras.ops.ones((2, 3)), keras.ops.ones((2, 3)))
    >>> len(metric.variables)
    5
    """
    if getattr(metric, "_built", True):
        return
    if isinstance(metric, keras.metrics.AUC):
        metric._build(y_pred.shape)
    elif isinstance(metric, keras.metrics.R2Score):  # labels [B] are as [B, 1] to it
        metric._build(y_pred.shape, y_pred.shape)
    elif isinstance(metric, keras.metrics.FBetaScore):
        metric._build(y_true.shape, y_pred.shape)


@contextlib.contextmanager
def outside_of_functions() -> Iterator[None]:
    """Lets variables be made while a step is traced again, which it refuses for its own."""
    with tf.init_scope(), tf.variable_creator_scope(_plain_variable):
        yield


def _plain_variable(next_creator: Any, **arguments: Any) -> Any:
    """Makes a variable without the creators of the functions that are traced."""
    return default_variable_creator_v2(None, **arguments)


def train_validation_split(arrays: Any, share: float) -> tuple[Any, Any]:
    """Returns arrays for training and the last rows for validation, as `validation_split` does.

    Args:
        arrays: Arrays in any structure, None among them.
        share: Share of the rows that is for validation.

    >>> import numpy as np
    >>> train_validation_split((np.arange(4), None), 0.25)
    ((array([0, 1, 2]), None), (array([3]), None))
    """
    return _split_arrays(arrays, share)


def is_symbolic(tensor: Any) -> bool:
    """Whether something is a Keras tensor that an operation computed, or an input."""
    return hasattr(tensor, "_keras_history")


def node_of(tensor: keras.KerasTensor) -> Any:
    """Returns the node of the graph that computes a Keras tensor: operation, inputs and outputs.

    >>> inputs = keras.Input((4,), name="x")
    >>> node = node_of(keras.layers.Dense(3, name="y")(inputs))
    >>> node.operation.name, [each.name for each in node.input_tensors]
    ('y', ['x'])
    """
    operation, node_index, _ = tensor._keras_history
    return operation._inbound_nodes[node_index]


def place_of(tensor: keras.KerasTensor) -> int:
    """Returns which of the outputs of its node a Keras tensor is."""
    return tensor._keras_history.tensor_index


def keras_mask(tensor: Any) -> Any:
    """Returns the mask that Keras layers attached to a tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


def copy_mask(tensor: Any, copy: Any) -> Any:
    """Returns `copy` with the mask of `tensor`, if that has one."""
    mask = keras_mask(tensor)
    if mask is not None:
        set_keras_mask(copy, mask)
    return copy


def keras_logits(probabilities: Any) -> Any:
    """Returns the logits that Keras keeps with the output of a softmax or sigmoid, or None.

    >>> keras_logits(keras.ops.softmax(keras.ops.array([[0.0, 80.0]]))).numpy().tolist()
    [[0.0, 80.0]]
    """
    return getattr(probabilities, "_keras_logits", None)


def set_keras_logits(probabilities: Any, logits: Any) -> Any:
    """Returns probabilities with their logits (none if None), which slices and products lose.

    Keras' cross-entropies take these. From probabilities alone they are cut off at 1e-7, and a
    label that is less likely than that has no gradient.
    """
    if logits is not None:
        probabilities._keras_logits = logits
    return probabilities


def flat_inputs(model: keras.Model, inputs: Any) -> list[Any]:
    """Returns a functional model's inputs as it takes them: a list in order, of its dtypes."""
    return list(model._standardize_inputs(inputs))


def run_graph(function: keras.Function, inputs: list[Any], training: Any) -> Any:
    """Returns the outputs of a graph, run as a functional model runs its own.

    To call the function would repeat what the layers were told when the graph was made: not to
    train.

    >>> ones = keras.Input((1000,))
    >>> half = keras.Function(ones, keras.layers.Dropout(0.5)(ones))
    >>> dropped = run_graph(half, [keras.ops.ones((1, 1000))], training=True)
    >>> bool(keras.ops.any(dropped == 0.0))
    True
    """
    return function._run_through_graph(
        inputs, operation_fn=lambda layer: functional.operation_fn(layer, training=training)
    )


def run_unnested(model: keras.Model, inputs: list[Any], training: Any = None) -> list[Any]:
    """Returns the outputs of a functional model, with layers in place of models within it.

    Args:
        model: Functional or sequential model.
        inputs: Keras tensors in place of `model.inputs`.
        training: What the model within another was called with.

    >>> inside = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="y")])
    >>> outside = keras.Sequential([keras.Input((2,)), inside])
    >>> node_of(run_unnested(outside, [keras.Input((2,))])[0]).operation.name
    'y'
    """

    def called(operation: Any) -> Any:
        if getattr(type(operation), "call", None) in (Functional.call, keras.Sequential.call):
            return lambda given, training=training, mask=None: run_unnested(
                operation, keras.tree.flatten(given), training
            )
        return functional.operation_fn(operation, training=training)

    graph = keras.Function(model.inputs, model.outputs)
    return list(graph._run_through_graph(inputs, called))


def forget_validation_data(model: keras.Model) -> None:
    """Lets go of the iterator that `fit` keeps for validation, as it does itself at its end."""
    if getattr(model, "_eval_epoch_iterator", None) is not None:
        del model._eval_epoch_iterator


def has_its_data(arguments: dict[str, Any]) -> bool:
    """Tells whether `evaluate` is called within `fit`, which has read the data it is given."""
    return bool(arguments.get("_use_cached_eval_dataset"))


def infers_shapes() -> bool:
    """Tells whether Keras only infers shapes now; variables then take no values."""
    return bool(in_stateless_scope())


def sublayers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns a layer and all layers within it at any depth, each behind the one it is in."""
    return list(layer._flatten_layers())


def layers_of(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layers that a layer holds itself, in the order in which it came by them."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def compile_arguments(model: keras.Model) -> dict[str, Any]:
    """Returns the arguments that a model was compiled with, as they were given."""
    return dict(model._compile_config.config)


def input_structure(model: keras.Model) -> Any:
    """Returns the Keras tensors a functional model was made from, in the structure given."""
    return model._inputs_struct
