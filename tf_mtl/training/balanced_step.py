"""A training step that balances the tasks, by losses, gradients or both, or has an adversary."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from ..aggregators import Aggregator, GramianAggregator
from ..weightings import GradientWeighting, LossWeighting
from .adversarial_features import AdversarialFeatures
from .checks import check_some_labels
from .features import CutRun, FeatureCut
from .gradients import (
    Gradients,
    RecordedStep,
    aggregated,
    at_features,
    exact,
    jacobian,
    jacobian_shapes,
    summed,
)
from .records import Records
from .replicas import global_sum, num_replicas
from .sharing import shared_variables
from .task_losses import TaskLosses
from .weighed_losses import Weighed, weighed_by

if TYPE_CHECKING:
    from .model import MultiTaskModel


class BalancedStep:
    """Takes training steps with a loss weighting, an aggregator, an adversary, or several of these.

    A weighting is a function of the T losses of the global batch, of which each replica holds a
    share. Its derivative weighs the shares, and the sum of these is what is differentiated. A
    weighting that looks at gradients weighs those of the losses as they are.

    Args:
        model: Multi-task model; variables are made under its strategy.
        task_losses: The losses of its tasks, with their fixed weights.
        weighting: Weighs the losses before differentiation, or None.
        aggregator: Combines the gradients of the shared variables, or None.
        adversary: Shifts the shared features for a second loss of each task, or None.

    Raises:
        ValueError: If an aggregator or an adversary finds nothing that tasks share, or a method
            was built for another number of tasks.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        task_losses: TaskLosses,
        weighting: LossWeighting | None,
        aggregator: Aggregator | None,
        adversary: AdversarialFeatures | None = None,
    ) -> None:
        self.model = model
        self.task_losses = task_losses
        self.weighting = weighting
        self.aggregator = aggregator
        self.adversary = adversary
        self.tasks = task_losses.order
        self.cut: FeatureCut | None = None
        self.taken = False
        for method in (weighting, aggregator):
            if method is not None:
                method.name_tasks(self.tasks)
        if isinstance(weighting, GradientWeighting):
            self._build_looking(weighting)
        elif weighting is not None:
            weighting.build(len(self.tasks))
        if aggregator is not None:
            self._build(aggregator)
        if adversary is not None and self.cut is None:
            instead = "Compile with adversary=None, or with a trunk that is shared and not frozen."
            self.cut = FeatureCut(model, self.tasks, ("An adversary", instead))
        if self.cut is not None and not _hands_on_options(model.call):
            raise ValueError(
                f"{type(model).__name__} has a `call` of its own, within which the shared features "
                "are not found. Use wrt='parameters' and no adversary, or move what `call` does "
                "into layers of the model."
            )
        self.records = Records(self.tasks, weighting is not None)

    @property
    def trainable_variables(self) -> list[Any]:
        """What the model's optimizer trains: the model's variables, then the weighting's."""
        more = [] if self.weighting is None else self.weighting.trainable_variables
        return [*self.model.trainable_variables, *more]

    def __call__(self, data: Any) -> dict[str, Any]:
        """Takes a step and returns the logs, as `keras.Model.train_step` does."""
        self.taken = True
        model, optimizer = self.model, self.model.optimizer
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        scale = optimizer.scale_loss(tf.ones([]))
        looks = isinstance(self.weighting, GradientWeighting)
        several = looks or self.aggregator is not None or self.adversary is not None
        with tf.GradientTape(persistent=several) as tape:
            cut = None if self.cut is None else self.cut.start(tape, self._stops())
            y_pred = model(x, training=True, **({} if cut is None else {"cut": cut}))
            check_some_labels(model, y)
            extra = _regularization(model)  # before replicas meet: layers keep one's losses
            terms = self.task_losses.task_terms(y, y_pred, sample_weight)
            if self.adversary is not None and cut is not None:
                terms = self._with_adversary(self.adversary, tape, cut, terms, scale, data)
            with tape.stop_recording():
                losses, present = self.task_losses.global_losses(terms)
                weighed = _unweighted(losses) if looks else self._weigh(losses, present, terms)
            scaled = [
                tf.reduce_sum(terms[task][0]) * tf.cast(weight * scale, terms[task][0].dtype)
                if task in terms
                else None
                for task, weight in zip(self.tasks, tf.unstack(weighed.weights), strict=True)
            ]
            scaled_extra = None if extra is None else extra * tf.cast(scale, extra.dtype)
        weighted, variables = losses * weighed.weights, model.trainable_variables
        shared = shared_variables(model, self.tasks)
        step = RecordedStep(tape, scaled, scaled_extra, weighted, scale, variables, shared)
        if isinstance(self.weighting, GradientWeighting):
            rows = jacobian(step, step.is_shared())
            self.weighting.look(rows.blocks, present)
            weighed = self._weigh(losses, present, terms)
            step = dataclasses.replace(step, losses=losses * weighed.weights)
            gradients = aggregated(step, rows.weighted(weighed.weights), self.aggregator)
        else:
            gradients = self._gradients(step, cut)
        total = weighed.total
        model.show_loss(
            total if extra is None else total + tf.cast(global_sum(extra), "float32"), x
        )
        factor = scale / num_replicas()  # every replica has the same gradient, and they are summed
        values = [*gradients.values, *(gradient * factor for gradient in weighed.of_weighting)]
        optimizer.apply_gradients(list(zip(values, self.trainable_variables, strict=True)))
        if self.weighting is not None:
            self.weighting.update(losses, present)
        logs = model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        if self.weighting is None and self.aggregator is None:
            return logs
        return {**logs, **self.records.write(weighed.weights, gradients)}

    def _build_looking(self, weighting: GradientWeighting) -> None:
        name = type(weighting).__name__
        if self.aggregator is not None and self.aggregator.wrt == "features":
            raise ValueError(
                f"{name} looks at the tasks' gradients of the parameters, which an aggregator with "
                "wrt='features' avoids. Use wrt='parameters', or another weighting, such as 'famo'."
            )
        weighting.build(jacobian_shapes(self._shared(name), len(self.tasks), "all"))

    def _shared(self, what: str) -> list[Any]:
        shared = shared_variables(self.model, self.tasks)
        if not shared:
            raise ValueError(
                f"{what} needs gradients of variables that several tasks share, but no trainable "
                "variable is on the path to more than one task. Leave it out as long as what the "
                "tasks share is frozen, or if they share nothing."
            )
        return shared

    def _build(self, aggregator: Aggregator) -> None:
        shared = self._shared(type(aggregator).__name__)
        if aggregator.wrt == "parameters":
            aggregator.build(jacobian_shapes(shared, len(self.tasks), aggregator.groups))
            return
        if aggregator.groups == "layer":
            raise ValueError(
                "groups='layer' groups gradients of parameters, but wrt='features' looks at the "
                "shared features only. Use wrt='parameters', or groups='all'."
            )
        self.cut = FeatureCut(self.model, self.tasks)
        aggregator.build((len(self.tasks), None))

    def _stops(self) -> bool:
        """Whether gradients are to stop at the shared features: an aggregator goes on there."""
        return self.aggregator is not None and self.aggregator.wrt == "features"

    def _with_adversary(
        self,
        adversary: AdversarialFeatures,
        tape: tf.GradientTape,
        cut: CutRun,
        terms: Mapping[str, Any],
        scale: tf.Tensor,
        data: Any,
    ) -> dict[str, Any]:
        """Returns the terms with the losses at the shifted features added to them."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        fixed = self.task_losses.loss_weights
        targets = [
            tf.reduce_sum(value) * tf.cast(scale * fixed.get(task, 1.0), value.dtype)
            for task, (value, _) in terms.items()
        ]
        with tape.stop_recording():
            shifts = adversary.shifts(cut.copies, tape.gradient(targets, cut.copies))
        y_pred = self.model(x, training=True, cut=cut.shifted(shifts))
        more = self.task_losses.task_terms(y, y_pred, sample_weight, show=False)
        return {
            task: (value + adversary.weight * more[task][0], present)
            for task, (value, present) in terms.items()
        }

    def _gradients(self, step: RecordedStep, cut: CutRun | None) -> Gradients:
        if self.aggregator is None or not step.shared:  # all that is shared may be held back
            return summed(step)
        if cut is not None and cut.stops and isinstance(self.aggregator, GramianAggregator):
            return at_features(step, self.aggregator, cut)
        return exact(step, self.aggregator)

    def _weigh(self, losses: tf.Tensor, present: tf.Tensor, terms: Mapping[str, Any]) -> Weighed:
        if self.weighting is None:
            weights = self.task_losses.fixed_weights()
            if any(term[0].shape.rank != 0 for term in terms.values()):
                # Keras differentiates the sum of a loss without a reduction, and displays its mean.
                losses /= tf.stack([_entries(terms.get(task)) for task in self.tasks])
            return Weighed(weights, tf.reduce_sum(weights * losses), [])
        return weighed_by(self.weighting, losses, present)


def _entries(term: tuple[tf.Tensor, Any] | None) -> tf.Tensor:
    """Returns how many losses of the global batch make up one: 1 where the loss has a reduction."""
    if term is None or term[0].shape.rank == 0:
        return tf.ones([])
    return global_sum(tf.cast(tf.size(term[0]), "float32"))


def _hands_on_options(call: Any) -> bool:
    return any(
        each.kind is each.VAR_KEYWORD for each in inspect.signature(call).parameters.values()
    )


def _unweighted(losses: tf.Tensor) -> Weighed:
    return Weighed(tf.ones_like(losses), tf.reduce_sum(losses), [])


def _regularization(model: keras.Model) -> tf.Tensor | None:
    """Returns this replica's share of the regularisation losses, or None if there are none."""
    if not model.losses:
        return None
    return tf.add_n([tf.reduce_sum(loss) for loss in model.losses]) / num_replicas()
