"""The multi-task model: `keras.Model` with tasks that are known by name."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from ..aggregators import Aggregator
from ..aggregators import get as get_aggregator
from ..heads import BaseHead, LabelRule
from ..keras_internals import untracked
from ..names import check_task_names
from .arguments import is_auto, losses_by_task, metrics_by_task, rules_by_task, static_weights
from .callbacks import FirstBatch
from .checks import check_arrays, check_in_graph, complete_weights, wrong_label
from .gradients import combined_gradients, jacobian_shapes
from .replicas import num_replicas
from .sharing import shared_variables
from .task_losses import TaskLoss, TaskLosses
from .task_metrics import TaskMetrics


@keras.saving.register_keras_serializable(package="tf_mtl")
class MultiTaskModel(keras.Model):
    """A functional Keras model whose outputs are a dictionary `{task: tensor}`.

    A drop-in for `keras.Model(inputs, outputs)`: with fixed loss weights and complete labels it
    trains, logs and saves exactly as Keras does. On top of that, labels may be missing, names
    are checked, and `compile` takes losses and metrics from the heads.

    Args:
        inputs: Keras inputs: a tensor, a list or a dictionary of them.
        outputs: `{task: tensor}`. A single tensor makes a plain Keras model of one output.
        name: Name of the model.

    Raises:
        ValueError: If `outputs` is a list, holds anything but tensors, or a task's name is
            unsuitable.

    >>> inputs = keras.Input((8,))
    >>> model = MultiTaskModel(
    ...     inputs, {"a": keras.layers.Dense(1)(inputs), "b": keras.layers.Dense(3)(inputs)}
    ... )
    >>> model.tasks
    ['a', 'b']
    """

    label_rules: dict[str, LabelRule] = {}
    aggregator: Aggregator | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        outputs = kwargs.get("outputs", args[1] if len(args) > 1 else None)
        if outputs is None:
            raise TypeError(
                "MultiTaskModel is built from inputs and outputs, MultiTaskModel(inputs, {task: "
                "tensor}), in a subclass as well. For a model that defines call(), use keras.Model."
            )
        _check_outputs(outputs)
        super().__init__(*args, **kwargs)

    @property
    def task_outputs(self) -> dict[str, keras.KerasTensor]:
        """`{task: Keras tensor}`; empty for a model of a single tensor."""
        outputs = getattr(self, "_outputs_struct", None)  # a subclass may have none
        return dict(outputs) if isinstance(outputs, Mapping) else {}

    @property
    def tasks(self) -> list[str]:
        """The tasks in the order of the outputs."""
        return list(self.task_outputs)

    @property
    def heads(self) -> dict[str, BaseHead]:
        """`{task: head}` for the tasks that end in a head of this package."""
        ends = {task: output._keras_history.operation for task, output in self.task_outputs.items()}
        return {task: end for task, end in ends.items() if isinstance(end, BaseHead)}

    @untracked
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = "auto",
        loss_weights: Any = None,
        metrics: Any = "auto",
        weighted_metrics: Any = None,
        aggregator: Any = None,
        **kwargs: Any,
    ) -> None:
        """Configures training.

        Args:
            optimizer: As in `keras.Model.compile`.
            loss: "auto" takes the losses from the heads; or `{task: loss}`. A task without
                an entry is not trained.
            loss_weights: None, or `{task: number}` for any of the tasks.
            metrics: "auto" takes the metrics from the heads; or `{task: metrics}`, or None.
            weighted_metrics: `{task: metrics}`, evaluated with sample weights.
            aggregator: None (the gradients are summed, as in Keras), or what combines the tasks'
                gradients of the shared variables: a name ("upgrad"), a config, or an instance of
                `tf_mtl.aggregators.Aggregator`.
            **kwargs: Everything else that `keras.Model.compile` takes.

        Raises:
            ValueError: For a list where names are needed, or a name that is not a task.
        """
        arguments = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        object.__setattr__(self, "aggregator", None)
        if not self.tasks:
            if aggregator is not None:
                raise ValueError(
                    "An aggregator combines the gradients of several tasks, but the model has "
                    "a single tensor as output. Give the outputs as {task: tensor}."
                )
            plain = {name: None if is_auto(value) else value for name, value in arguments.items()}
            super().compile(optimizer, **plain, **kwargs)
            return
        losses = losses_by_task(loss, self.tasks, self.heads)
        weights = static_weights(loss_weights, self.tasks)
        rules = rules_by_task(losses, self.task_outputs, self.heads)
        self.label_rules = {task: rules[task] for task in self.tasks if task in losses}
        by_task = metrics_by_task(metrics, self.tasks, self.heads)
        weighted = metrics_by_task(weighted_metrics, self.tasks, {}, "weighted_metrics")
        if aggregator is not None:
            aggregator = self._built_aggregator(aggregator, losses)
            arguments["aggregator"] = aggregator
        super().compile(optimizer, loss=losses or None, **kwargs)
        # Not tracked: a layer assigned here would stay among the model's layers for ever.
        object.__setattr__(self, "aggregator", aggregator)
        # The optimizer as it is: a reloaded model does not know that its policy was mixed_float16.
        self._compile_config.config.update(arguments, optimizer=self.optimizer)
        with self.distribute_strategy.scope():
            self._unchecked = tf.Variable(False, trainable=False, name="unchecked")
            if losses:
                task_losses = {task: TaskLoss(value, rules[task]) for task, value in losses.items()}
                self._compile_loss = TaskLosses(task_losses, weights, self.tasks)
            if by_task or weighted:
                self._compile_metrics = TaskMetrics(by_task, weighted, rules, sorted(self.tasks))

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains the model: the arguments, the logs and the result are those of `keras.Model.fit`.

        Labels are `{task: array}` for any of the tasks. Arrays are looked at before training, the
        first batch of a stream as it passes.

        Raises:
            ValueError: For a wrong label (with task, value and row), an unknown task, inputs
                with NaN that reach the outputs, or a callback whose monitor does not exist.
        """
        if not self.tasks or not self.compiled:
            return super().fit(*args, **kwargs)
        given = self._checked(keras.Model.fit, "training", args, kwargs)
        if isinstance(given.get("x"), tf.data.Dataset):
            given["shuffle"] = False  # a data set is shuffled where it is made; Keras would warn
        validation = given.get("validation_data")
        if isinstance(validation, tuple) and len(validation) >= 2:
            check_arrays(self, validation[0], validation[1], None, "validation")
            weights = [complete_weights(validation[1], weight) for weight in validation[2:]]
            given["validation_data"] = (*validation[:2], *weights)
        callbacks = given.get("callbacks")
        watched = keras.tree.flatten(getattr(callbacks, "callbacks", callbacks) or [])
        has_validation = validation is not None or bool(given.get("validation_split"))
        first_batch = FirstBatch(watched, has_validation)
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks.append(first_batch)
        else:
            given["callbacks"] = [first_batch, *watched]
        try:
            return super().fit(**given)
        except tf.errors.OpError as error:
            raise wrong_label(error, self.label_rules) or error from None

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates the model: arguments and results are those of `keras.Model.evaluate`.

        Labels are `{task: array}` for any of the tasks; the others are left out of the logs.

        Raises:
            ValueError: As `fit`, for arrays.
        """
        if not self.tasks or not self.compiled:
            return super().evaluate(*args, **kwargs)
        try:
            return super().evaluate(**self._checked(keras.Model.evaluate, "test", args, kwargs))
        except tf.errors.OpError as error:
            raise wrong_label(error, self.label_rules) or error from None

    def _checked(
        self, method: Any, where: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Returns the arguments of a call by name, after a look at labels, weights and inputs."""
        given = dict(inspect.signature(method).bind(self, *args, **kwargs).arguments)
        del given["self"]
        given.update(given.pop("kwargs", {}))
        if given.get("y") is not None:
            weight = given.get("sample_weight")
            check_arrays(self, given.get("x"), given["y"], weight, where)
            given["sample_weight"] = complete_weights(given["y"], weight)
        return given

    def look_at_labels(self, value: bool) -> None:
        """Lets the next step look at the values of the labels, or not."""
        self._unchecked.assign(value)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns the total loss, as `keras.Model.compute_loss` does."""
        if training and isinstance(y, Mapping) and not self.jit_compile and self.label_rules:
            y = check_in_graph(self, y, self._unchecked)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Takes one step, as `keras.Model.train_step` does, or the aggregator's.

        Heads without labels in the data have no gradient; Keras would warn about it.
        """
        with warnings.catch_warnings():
            if self._absent_tasks(keras.utils.unpack_x_y_sample_weight(data)[1]):
                warnings.filterwarnings("ignore", "Gradients do not exist")
            if self.aggregator is not None:
                return self._aggregated_step(data, self.aggregator)
            return super().train_step(data)

    def _built_aggregator(self, identifier: Any, losses: Mapping[str, Any]) -> Aggregator:
        aggregator = get_aggregator(identifier)
        if aggregator.wrt != "parameters":
            raise ValueError(
                f"MultiTaskModel takes wrt='parameters' only so far. Received: {aggregator.wrt!r}."
            )
        shared = shared_variables(self)
        if not shared:
            raise ValueError(
                "An aggregator combines gradients of variables that several tasks share, but no "
                "trainable variable is on the path to more than one output."
            )
        with self.distribute_strategy.scope():
            aggregator.build(jacobian_shapes(shared, len(losses), aggregator.groups))
        return aggregator

    def _aggregated_step(self, data: Any, aggregator: Aggregator) -> dict[str, Any]:
        """Takes a step in the direction that the aggregator makes of the tasks' gradients."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        scale = self.optimizer.scale_loss(tf.ones([]))
        with tf.GradientTape(persistent=True) as tape:
            y_pred = self(x, training=True)
            losses = self._task_losses(y, y_pred, sample_weight)
            scaled = {task: None if loss is None else loss * scale for task, loss in losses.items()}
            extra = tf.add_n([tf.reduce_sum(loss) for loss in self.losses]) if self.losses else None
            scaled_extra = None if extra is None else extra * scale
        total = sum(loss for loss in (*losses.values(), extra) if loss is not None)
        self._loss_tracker.update_state(
            total * num_replicas(), sample_weight=tf.shape(keras.tree.flatten(x)[0])[0]
        )
        shared = shared_variables(self)
        identities = {id(variable) for variable in shared}
        own = [each for each in self.trainable_variables if id(each) not in identities]
        gradients = combined_gradients(
            tape, scaled, scaled_extra, {"shared": shared, "own": own}, aggregator, scale
        )
        by_variable = dict(zip(map(id, (*shared, *own)), gradients, strict=True))
        self.optimizer.apply_gradients(
            [(by_variable[id(variable)], variable) for variable in self.trainable_variables]
        )
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _task_losses(self, y: Any, y_pred: Any, sample_weight: Any) -> dict[str, Any]:
        """Returns `{task: weighted loss}`, None for a task without labels in the data."""
        if isinstance(y, Mapping) and not self.jit_compile:
            y = check_in_graph(self, y, self._unchecked)
        values = self._compile_loss.task_values(y, y_pred, sample_weight)
        weights = self._compile_loss.loss_weights
        return {
            task: values[task] * weights.get(task, 1.0) if task in values else None
            for task in self._compile_loss.losses
        }

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Returns the logs, without those of tasks that have no labels in the data."""
        logs = super().compute_metrics(x, y, y_pred, sample_weight)
        absent = self._absent_tasks(y)
        hidden = {f"{task}_loss" for task in absent}
        if absent and isinstance(self._compile_metrics, TaskMetrics):
            hidden |= {name for name, task, _ in self._compile_metrics.named() if task in absent}
        return {name: value for name, value in logs.items() if name not in hidden}

    def _absent_tasks(self, y: Any) -> set[str]:
        if not isinstance(y, Mapping):
            return set()
        return {task for task in self.label_rules if y.get(task) is None}

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Lets Keras infer shapes under a strategy from one replica's values.

        Keras takes the mean over the replicas, which text and mixed structures do not have.
        """
        if self._distribute_strategy is not None and iterator is not None:
            strategy = self.distribute_strategy
            _, _, batches = next(iter(iterator))
            data_batch = keras.tree.map_structure(
                lambda values: strategy.experimental_local_results(values)[0], next(batches)
            )
        super()._maybe_symbolic_build(data_batch=data_batch)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles a loaded model as it was compiled before it was saved."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)


def _check_outputs(outputs: Any) -> None:
    if isinstance(outputs, Mapping):
        check_task_names(outputs)
        for task, output in outputs.items():
            if not isinstance(output, keras.KerasTensor):
                raise ValueError(
                    f"The output of task {task!r} must be a Keras tensor. Received: "
                    f"{type(output).__name__}. Nested outputs are not supported: give each tensor "
                    "a task of its own."
                )
    elif isinstance(outputs, (list, tuple)) and len(outputs) > 1:
        raise ValueError(
            f"MultiTaskModel expects the outputs as a dictionary {{task: tensor}}. Received a "
            f"{type(outputs).__name__} of {len(outputs)}: the outputs would have no names, and "
            "Keras would match losses and labels by position."
        )
