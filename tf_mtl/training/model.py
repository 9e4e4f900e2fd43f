"""The multi-task model: `keras.Model` with tasks that are known by name."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from ..aggregators import Aggregator
from ..aggregators import get as get_aggregator
from ..heads import BaseHead, LabelRule
from ..keras_internals import flat_inputs, node_of, untracked
from ..trunks.freezing import flags_of, freeze_inside, restore_flags
from ..weightings import GradientWeighting, LossWeighting
from .adversarial_features import AdversarialFeatures, check_adversary
from .arguments import is_auto, loss_weighting, losses_by_task, metrics_by_task, rules_by_task
from .balanced_step import BalancedStep
from .by_task import check_outputs
from .checks import (
    Problem,
    batch_explained,
    check_some_labels,
    problems,
    wrong_inputs,
    wrong_label,
)
from .class_numbers import numbered
from .class_weights import weighted_batch
from .fit_arguments import evaluate_arguments, fit_arguments
from .gradual_unfreezing import HeldBack
from .inputs import inputs_by_name
from .interruption import stop_reading
from .packed_logs import with_packed_logs
from .quantized import quantization_of, quantize_again
from .replicas import MeanOfShares, check_strategy, num_replicas
from .series import as_arrays
from .task_loss import TaskLoss
from .task_losses import TaskLosses
from .task_metrics import TaskMetrics
from .texts import as_strings


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
    _balanced_step: BalancedStep | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        outputs = kwargs.get("outputs", args[1] if len(args) > 1 else None)
        if outputs is None:
            raise TypeError(
                "MultiTaskModel is built from inputs and outputs, MultiTaskModel(inputs, {task: "
                "tensor}), in a subclass as well. For a model that defines call(), use keras.Model."
            )
        check_outputs(outputs)
        super().__init__(*args, **kwargs)
        freeze_inside(self.heads.values())  # frozen before they were built, or clones

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
        ends = {task: node_of(output).operation for task, output in self.task_outputs.items()}
        return {task: end for task, end in ends.items() if isinstance(end, BaseHead)}

    @property
    def weighting(self) -> LossWeighting | None:
        """What weighs the losses in training, or None."""
        return None if self._balanced_step is None else self._balanced_step.weighting

    @property
    def aggregator(self) -> Aggregator | None:
        """What combines the tasks' gradients in training, or None."""
        return None if self._balanced_step is None else self._balanced_step.aggregator

    @property
    def adversary(self) -> AdversarialFeatures | None:
        """What shifts the shared features in training, or None."""
        return None if self._balanced_step is None else self._balanced_step.adversary

    @untracked
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = "auto",
        loss_weights: Any = None,
        metrics: Any = "auto",
        weighted_metrics: Any = None,
        aggregator: Any = None,
        adversary: AdversarialFeatures | None = None,
        **kwargs: Any,
    ) -> None:
        """Configures training.

        Args:
            optimizer: As in `keras.Model.compile`.
            loss: "auto" takes the losses from the heads; or `{task: loss}`. A task without
                an entry is not trained.
            loss_weights: None; or `{task: number}` for any of the tasks; or what weighs the
                losses anew in each step: a name ("uncertainty"), a config, or an instance of
                `tf_mtl.weightings.LossWeighting`. What it learns is trained by the optimizer.
            metrics: "auto" takes the metrics from the heads; or `{task: metrics}`, or None. In
                `loss` and `metrics` "auto" also stands for what the head of a single task brings:
                `{"digit": ["auto", "sparse_top_k_categorical_accuracy"]}`.
            weighted_metrics: The same, evaluated with sample weights.
            aggregator: None (the gradients are summed, as in Keras), or what combines the tasks'
                gradients of the shared variables: a name ("upgrad"), a config, or an instance of
                `tf_mtl.aggregators.Aggregator`.
            adversary: None, or `tf_mtl.training.AdversarialFeatures`: tasks are also trained on
                shared features that are shifted to where the losses are high.
            **kwargs: Everything else that `keras.Model.compile` takes.

        With a weighting or an aggregator, the training logs have `{task}_weight`, the weight of
        each task in the last step. `loss` is the weighted sum; in evaluation it is the plain sum
        where the weighting changes as training goes on, so that epochs can be compared. A task that
        is the only one with a loss follows its own gradient, whatever the aggregator.

        Raises:
            ValueError: For a list where names are needed, or a name that is not a task; if a
                subclass with a `compute_loss` of its own is to be balanced, or a model without a
                loss; or under a strategy of several machines.
        """
        arguments = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        check_adversary(adversary)
        check_strategy(self.distribute_strategy)
        object.__setattr__(self, "_balanced_step", None)
        if not self.tasks:
            given = aggregator is not None or adversary is not None
            if given or isinstance(loss_weights, (str, LossWeighting)):
                raise ValueError(
                    "Weightings, aggregators and adversaries are for several tasks, but the model "
                    "has a single tensor as output. Give the outputs as {task: tensor}."
                )
            plain = {name: None if is_auto(value) else value for name, value in arguments.items()}
            super().compile(optimizer, **plain, **kwargs)
            return
        losses = losses_by_task(loss, self.tasks, self.heads)
        weighting, weights = loss_weighting(loss_weights, self.tasks)
        rules = rules_by_task(losses, self.task_outputs, self.heads)
        self.label_rules = {task: rules[task] for task in self.tasks if task in losses}
        by_task = metrics_by_task(metrics, self.tasks, self.heads)
        weighted = metrics_by_task(weighted_metrics, self.tasks, self.heads, "weighted_metrics")
        if weighting is not None:
            arguments["loss_weights"] = weighting
        if aggregator is not None:
            arguments["aggregator"] = aggregator = get_aggregator(aggregator)
        if adversary is not None:
            arguments["adversary"] = adversary
        balances = any(each is not None for each in (weighting, aggregator, adversary))
        if balances and not losses:
            raise ValueError(
                "Weightings, aggregators and adversaries are for the losses of tasks, but no task "
                f"has one. Pass loss={{task: ...}} with tasks from {self.tasks}. What layers add "
                "by add_loss is of no task."
            )
        super().compile(optimizer, loss=losses or None, **kwargs)
        # The optimizer as it is: a reloaded model does not know that its policy was mixed_float16.
        self._compile_config.config.update(arguments, optimizer=self.optimizer)
        with self.distribute_strategy.scope():
            if losses:
                task_losses = {task: TaskLoss(value, rules[task]) for task, value in losses.items()}
                self._compile_loss = TaskLosses(task_losses, weights, self.tasks, weighting)
                if num_replicas() > 1:
                    self._loss_tracker = MeanOfShares(name="loss")
            if by_task or weighted:
                self._compile_metrics = TaskMetrics(by_task, weighted, rules, sorted(self.tasks))
            if balances:
                self._balance(weighting, aggregator, adversary)

    def _balance(
        self,
        weighting: LossWeighting | None,
        aggregator: Aggregator | None,
        adversary: AdversarialFeatures | None,
    ) -> None:
        """Lets training steps be balanced; what the weighting learns goes to the optimizer."""
        if type(self).compute_loss is not MultiTaskModel.compute_loss:
            raise ValueError(
                f"{type(self).__name__} defines compute_loss, which returns one sum, but "
                "weightings and aggregators balance the losses of the tasks one by one. Give what "
                "it adds as the loss of a task, or in a layer by add_loss; or leave out the method."
            )
        if len(self.label_rules) == 1:  # nothing to combine: a task alone follows its gradient
            aggregator = None
            weighting = None if isinstance(weighting, GradientWeighting) else weighting
        step = BalancedStep(self, self._compile_loss, weighting, aggregator, adversary)
        # Not tracked: its layers would stay among the model's for ever.
        object.__setattr__(self, "_balanced_step", step)
        if weighting is not None and weighting.trainable_variables:
            if self.optimizer.built:
                raise ValueError(
                    f"{type(weighting).__name__} has variables that the optimizer trains, but "
                    "this optimizer was built for other variables already. Compile with a new "
                    "optimizer."
                )
            self.optimizer.build(step.trainable_variables)
        for name, method in self._balancing_methods().items():  # of a checkpoint restored before
            self._handle_deferred_dependencies(name, method)

    def _balancing_methods(self) -> dict[str, LossWeighting | Aggregator]:
        methods = {"weighting": self.weighting, "aggregator": self.aggregator}
        return {name: method for name, method in methods.items() if method is not None}

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        """Lets `tf.train.Checkpoint(model=...)` hold what balancing remembers, as Keras' files."""
        children = super()._trackable_children(save_type, **kwargs)
        return children if save_type == "savedmodel" else {**children, **self._balancing_methods()}

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains the model: the arguments, the logs and the result are those of `keras.Model.fit`.

        Labels are `{task: array}` for any of the tasks. Arrays are looked at before training, the
        first batches of a stream as they pass; `tf_mtl.data.check` looks at all of it.
        `class_weight` is `{task: {class: weight}}` for any of the tasks with classes, or
        `{task: "balanced"}`; see `ClassWeights`. It multiplies the sample weights, if there are
        any.

        Raises:
            ValueError: For a wrong label (with task, value and row), an unknown task, inputs
                with NaN that reach the outputs, or a callback whose monitor does not exist.
        """
        if not self.tasks or not self.compiled:
            return super().fit(*args, **kwargs)
        try:
            return super().fit(**fit_arguments(self, args, kwargs))
        except KeyboardInterrupt as interrupt:
            stop_reading(self, interrupt)
            raise
        except tf.errors.OpError as error:
            raise wrong_label(error, self.label_rules) or error from None

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Takes one step, as `keras.Model.train_on_batch` does.

        `class_weight` is `{task: {class: weight}}` and multiplies the sample weights. It cannot
        be "balanced": one batch does not tell how often the classes are.
        """
        if not self.tasks or not self.compiled:
            return super().train_on_batch(x, y, sample_weight, class_weight, return_dict)
        y = as_arrays(y)
        if class_weight is not None:
            sample_weight = weighted_batch(self, class_weight, y, sample_weight)
        with batch_explained(self, x, y, sample_weight):
            batch = (x, numbered(self, y), sample_weight)
            return super().train_on_batch(*batch, return_dict=return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Evaluates one batch, as `keras.Model.test_on_batch` does."""
        if not self.tasks or not self.compiled:
            return super().test_on_batch(x, y, sample_weight, return_dict)
        y = as_arrays(y)
        with batch_explained(self, x, y, sample_weight):
            return super().test_on_batch(x, numbered(self, y), sample_weight, return_dict)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates the model: arguments and results are those of `keras.Model.evaluate`.

        Labels are `{task: array}` for any of the tasks; the others are left out of the logs.

        Raises:
            ValueError: As `fit`.
        """
        if not self.tasks or not self.compiled:
            return super().evaluate(*args, **kwargs)
        try:
            return super().evaluate(**evaluate_arguments(self, args, kwargs))
        except KeyboardInterrupt as interrupt:
            stop_reading(self, interrupt)
            raise
        except tf.errors.OpError as error:
            raise wrong_label(error, self.label_rules) or error from None

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs: arguments and results are those of `keras.Model.predict`.

        Inputs may be texts in all kinds of arrays, as in `fit`.

        Raises:
            ValueError: For texts where the model has numbers, or inputs of another shape.
        """
        for problem in wrong_inputs(self, x):
            raise ValueError(problem.message("prediction"))
        return super().predict(as_strings(x), *args, **kwargs)

    def problems(self, x: Any, y: Any, first_row: int = 0) -> Iterator[Problem]:
        """Yields what is wrong with labels and inputs, as `fit` and `data.check` look for it.

        Args:
            x: Arrays of inputs.
            y: `{task: array}` for any of the tasks.
            first_row: Number of the first row.
        """
        return problems(self, x, y, first_row)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns the total loss, as `keras.Model.compute_loss` does.

        The replicas meet when they count labels. What layers have added is taken before: a layer
        keeps the losses of one replica, and the next one to run replaces them.

        Raises:
            ValueError: If the data have labels of no task, and no layer adds a loss.
        """
        check_some_labels(self, y)
        if num_replicas() == 1 or not self.tasks or not self.label_rules:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        added = [self._aggregate_additional_loss(loss) for loss in self.losses]
        total = self._compile_loss(y, y_pred, sample_weight)
        return keras.ops.sum([*([] if total is None else [total]), *added])

    def show_loss(self, loss: tf.Tensor, x: Any) -> None:
        """Adds the loss of a batch to the displayed mean."""
        # Inputs that are optional may be None.
        given = next(each for each in keras.tree.flatten(x) if each is not None)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(given)[0])

    def call(self, inputs: Any, training: Any = None, mask: Any = None, **kwargs: Any) -> Any:
        """Returns the outputs, as a functional Keras model does.

        Args:
            inputs: As the model was built for.
            training: Whether layers behave as in training.
            mask: As in Keras.
            **kwargs: `cut`, what takes the shared features of this run; the rest as in Keras.
        """
        inputs, mask = (inputs_by_name(self.input, each) for each in (inputs, mask))
        cut = kwargs.pop("cut", None)
        if cut is not None:
            return cut(flat_inputs(self, inputs), training)
        return super().call(inputs, training=training, mask=mask, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Takes one step, as `keras.Model.train_step` does, or the aggregator's.

        Heads without labels in the data have no gradient; Keras would warn about it.
        """
        with warnings.catch_warnings():
            if self._absent_tasks(keras.utils.unpack_x_y_sample_weight(data)[1]):
                warnings.filterwarnings("ignore", "Gradients do not exist")
            if self._balanced_step is not None:
                return self._balanced_step(data)
            return super().train_step(data)

    def gradients_seen(self) -> tuple[list[str], Any, Any]:
        """Returns tasks, gradient norms `[T]` and cosines `[T, T]` of the last training step.

        Raises:
            ValueError: If there is no aggregator that computes them in each step.
        """
        if self._balanced_step is None:
            raise ValueError(
                "No norms and cosines are computed in training without an aggregator. Pass a "
                "batch: TaskGradients(data=(x, y))."
            )
        return self._balanced_step.records.read()

    @property
    def skips_balancing(self) -> bool:
        """Whether the steps taken so far left out the weighting and the aggregator."""
        return self._balanced_step is not None and not self._balanced_step.taken

    @property
    def task_losses(self) -> TaskLosses:
        """The compiled losses of the tasks."""
        return self._compile_loss

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

    def _get_metrics_result_or_logs(self, logs: Any) -> Any:
        """Returns the logs of an epoch: results over all replicas, under the names of the step.

        Keras falls back on the first replica's where the step has logs that are no metrics.
        """
        if not isinstance(logs, dict):
            return super()._get_metrics_result_or_logs(logs)
        results = {**self.get_metrics_result(), **self._results_of_nothing()}
        return {name: results.get(name, value) for name, value in logs.items()}

    def _results_of_nothing(self) -> dict[str, float]:
        """Returns NaN for each log of a task whose labels were all missing: Keras' means are 0."""
        if not self.label_rules:
            return {}
        empty = self._compile_loss.unlabelled()
        names = {f"{task}_loss" for task in empty}
        if empty == set(self.label_rules) and not self.losses:
            names.add("loss")
        if isinstance(self._compile_metrics, TaskMetrics):
            names |= {name for name, task, _ in self._compile_metrics.named() if task in empty}
        return dict.fromkeys(names, float("nan"))

    def reset_metrics(self) -> None:
        """Starts the displayed losses and metrics anew, as `keras.Model.reset_metrics` does."""
        super().reset_metrics()
        if self.label_rules:
            self._compile_loss.reset_state()

    def _absent_tasks(self, y: Any) -> set[str]:
        if not isinstance(y, Mapping):
            return set()
        return {task for task in self.label_rules if y.get(task) is None}

    def make_train_function(self, force: bool = False) -> Any:
        """Makes the function that takes training steps, unless there is one, as Keras does.

        One that holds layers back was left by a call of `fit` that was interrupted. The optimizer's
        variables are made before: Keras makes them in the step, which is traced twice for it.
        """
        if self.optimizer is not None and not self.optimizer.built and self.tasks:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force or isinstance(self.train_function, HeldBack))

    def _make_function(self, step_function: Any) -> Any:
        """Returns the function of a step that Keras calls, with many logs packed inside of it."""
        return with_packed_logs(super()._make_function, step_function)

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

    def get_config(self) -> dict[str, Any]:
        """Returns the config, as Keras does, with what is frozen or quantised inside of layers."""
        config = super().get_config()
        flags = flags_of(self)
        if "layers" in config and not all(flags):
            config["trainable_flags"] = flags
        quantization = quantization_of(self)
        if "layers" in config and any(quantization):
            config["quantization"] = quantization
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> MultiTaskModel:
        """Returns a model as `get_config` describes it: frozen and quantised where that one was."""
        rest = dict(config)
        flags, quantization = rest.pop("trainable_flags", None), rest.pop("quantization", None)
        model = super().from_config(rest, custom_objects=custom_objects)
        if quantization is not None:
            quantize_again(model, quantization)
        if flags is not None:
            restore_flags(model, flags)
        return model

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles a loaded model as it was compiled before it was saved."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
