"""The multi-task model: `keras.Model` with tasks that are known by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from ..heads import BaseHead
from ..keras_internals import untracked
from ..names import check_task_names
from .arguments import losses_by_task, metrics_by_task, rules_by_task, static_weights
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        outputs = kwargs.get("outputs", args[1] if len(args) > 1 else None)
        _check_outputs(outputs)
        super().__init__(*args, **kwargs)

    @property
    def tasks(self) -> list[str]:
        """The tasks in the order of the outputs; empty for a model of a single tensor."""
        outputs = self._outputs_struct
        return list(outputs) if isinstance(outputs, Mapping) else []

    @property
    def heads(self) -> dict[str, BaseHead]:
        """The heads of this package that end the tasks, by task."""
        outputs = self._outputs_struct if self.tasks else {}
        operations = {task: output._keras_history.operation for task, output in outputs.items()}
        return {
            task: operation
            for task, operation in operations.items()
            if isinstance(operation, BaseHead)
        }

    @untracked
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = "auto",
        loss_weights: Any = None,
        metrics: Any = "auto",
        weighted_metrics: Any = None,
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
        if not self.tasks:
            plain = {name: None if _is_auto(value) else value for name, value in arguments.items()}
            super().compile(optimizer, **plain, **kwargs)
            return
        losses = losses_by_task(loss, self.tasks, self.heads)
        weights = static_weights(loss_weights, self.tasks)
        rules = rules_by_task(losses, self.tasks, self.heads)
        by_task = metrics_by_task(metrics, self.tasks, self.heads)
        weighted = metrics_by_task(weighted_metrics, self.tasks, {}, "weighted_metrics")
        super().compile(optimizer, loss=losses or None, **kwargs)
        self._compile_config.config.update(arguments)
        with self.distribute_strategy.scope():
            if losses:
                task_losses = {task: TaskLoss(value, rules[task]) for task, value in losses.items()}
                self._compile_loss = TaskLosses(task_losses, weights, self.tasks)
            if by_task or weighted:
                self._compile_metrics = TaskMetrics(by_task, weighted, rules, sorted(self.tasks))

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns the arguments of `compile`, as they were given."""
        return super().get_compile_config()

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


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"
