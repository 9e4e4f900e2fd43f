"""From one recorded step to the gradients of all variables: summed, exact, or at the features."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ..aggregators import Aggregator, GramianAggregator
from ..aggregators.gramian import Rows, from_gramian
from .feature_gradients import as_row, feature_gradients, linear_uses
from .features import CutRun
from .replicas import global_sum, num_replicas


@dataclasses.dataclass(frozen=True)
class RecordedStep:
    """What a tape has seen of one step.

    Attributes:
        tape: Tape of the forward pass; persistent where several gradients are taken.
        terms: The tasks' losses in order: this replica's share, weighted and times `scale`; None
            for a task without labels in the data.
        extra: Regularisation losses, this replica's share times `scale`, or None.
        losses: `[T]` weighted losses of the global batch.
        scale: What a loss is multiplied by for float16, a scalar.
        variables: The trainable variables.
        shared: Those that several tasks share, in the same order.
    """

    tape: tf.GradientTape
    terms: Sequence[tf.Tensor | None]
    extra: tf.Tensor | None
    losses: tf.Tensor
    scale: tf.Tensor
    variables: Sequence[Any]
    shared: Sequence[Any]

    @property
    def sources(self) -> list[Any]:
        """The variables as the tape knows them."""
        return [variable.value for variable in self.variables]

    def is_shared(self) -> list[bool]:
        """Returns for each variable whether several tasks share it."""
        identities = {id(variable) for variable in self.shared}
        return [id(variable) in identities for variable in self.variables]


class Gradients(NamedTuple):
    """The gradients of a step, times the loss scale.

    Attributes:
        values: One for each variable, None where nothing depends on it.
        weights: `[T]` weights of the tasks' gradients, if they were weighed.
        rows: Norms and cosines of the tasks' gradients, if they were looked at.
        combined: Whether the tasks' gradients were combined, not only summed.
    """

    values: list[tf.Tensor | None]
    weights: tf.Tensor | None = None
    rows: Rows | None = None
    combined: bool = True


class Jacobian(NamedTuple):
    """The gradients of T tasks, taken one by one.

    Attributes:
        blocks: `[T, n_i]` for each shared variable: the sum over the replicas, without the scale.
        others: For each other variable what the tasks give, None where they do not reach it: this
            replica's share, times the scale.
    """

    blocks: list[tf.Tensor]
    others: list[list[Any]]

    def weighted(self, weights: tf.Tensor) -> Jacobian:
        """Returns the gradients of the losses times `[T]` weights."""
        factors = tf.unstack(weights)
        return Jacobian(
            [block * tf.cast(weights, block.dtype)[:, None] for block in self.blocks],
            [list(map(_times, parts, factors)) for parts in self.others],
        )

    def summed_others(self) -> list[Any]:
        """Returns the gradients of the variables that are not shared."""
        return [_sum(*parts) for parts in self.others]


def summed(step: RecordedStep) -> Gradients:
    """Returns the gradients of the sum of all losses, as Keras takes them."""
    terms = [term for term in (*step.terms, step.extra) if term is not None]
    return Gradients(step.tape.gradient(terms, step.sources), combined=False)


def exact(step: RecordedStep, aggregator: Aggregator) -> Gradients:
    """Returns gradients of which the shared variables' are aggregated: T backward passes.

    Each task's gradient is summed over the replicas before they are combined, so that all
    replicas take the step of one; the optimizer sums once more, hence the division.
    """
    is_shared = step.is_shared()
    # The replicas have to meet in every step: they cannot skip a sum.
    sparing = isinstance(aggregator, GramianAggregator) and aggregator.every != 1
    if not sparing or aggregator.groups != "all" or num_replicas() > 1:
        return aggregated(step, jacobian(step, is_shared), aggregator)

    answer = aggregator.spare(
        lambda: jacobian(step, is_shared).blocks,
        lambda weights: _combination(step, weights, is_shared),
        step.losses,
    )
    others = _of_others(step, is_shared)
    return Gradients(_assembled(step, answer.gradient, others), answer.weights)


def aggregated(step: RecordedStep, rows: Jacobian, aggregator: Aggregator | None) -> Gradients:
    """Returns gradients of which the shared variables' are combined, or summed without a method.

    Args:
        step: What the tape has seen; its losses are those that `rows` are the gradients of.
        rows: The gradients of the tasks.
        aggregator: Combines them, or None.
    """
    if aggregator is None:
        total = [tf.reduce_sum(block, axis=0) for block in rows.blocks]
        return Gradients(_assembled(step, total, rows.summed_others()), combined=False)
    layers = layer_numbers(step.shared)
    combined, weights, found = aggregator.answer(rows.blocks, step.losses, layers=layers)
    return Gradients(_assembled(step, combined, rows.summed_others()), weights, found)


def at_features(step: RecordedStep, aggregator: GramianAggregator, cut: CutRun) -> Gradients:
    """Returns gradients combined at the shared features: one backward pass through the trunk.

    The weights come from the Gramian of the tasks' gradients at the features, a sum over the
    examples and so over the replicas. They weigh the gradients of all that tasks share.
    """
    uses = [linear_uses(copy, len(step.terms)) for copy in cut.copies]
    asked = [
        [use.outputs[0] for use in several] or [copy]
        for several, copy in zip(uses, cut.copies, strict=True)
    ]
    nothing = [[None] * len(each) for each in (*asked, step.sources)]
    found = [
        nothing if term is None else step.tape.gradient(term, [*asked, step.sources])
        for term in step.terms
    ]
    at = [
        feature_gradients(copy, several, [row[i] for row in found])
        for i, (copy, several) in enumerate(zip(cut.copies, uses, strict=True))
    ]
    gramian = global_sum(tf.add_n([each.gramian for each in at]))
    gramian /= tf.cast(step.scale, gramian.dtype) ** 2
    precision = max((each.precision for each in at if each.precision is not None), default=None)
    weights = aggregator.weights(gramian, step.losses, precision)
    seeds = [each.combine(weights) for each in at]
    values = []
    for i, several in enumerate(step.is_shared()):
        factors = tf.unstack(weights) if several else [None] * len(found)
        parts = [_times(row[-1][i], factor) for row, factor in zip(found, factors, strict=True)]
        values.append(_sum(*parts))
    if step.extra is not None:
        copies = len(cut.copies)
        more = step.tape.gradient(step.extra, [*cut.copies, *step.sources])
        seeds = [_sum(seed, part) for seed, part in zip(seeds, more[:copies], strict=True)]
        values = [_sum(value, part) for value, part in zip(values, more[copies:], strict=True)]
    through = step.tape.gradient(cut.features, step.sources, output_gradients=seeds)
    values = [_sum(value, part) for value, part in zip(values, through, strict=True)]
    return Gradients(values, weights, from_gramian(gramian, precision))


def layer_numbers(variables: Sequence[Any]) -> list[int]:
    """Returns the number of the layer that each variable belongs to.

    The variables of a layer follow each other. Layers within two copies of one network may have
    equal paths; another layer begins where a path comes a second time.
    """
    numbers: list[int] = []
    paths: set[str] = set()
    layer = None
    for variable in variables:
        owner = variable.path.rpartition("/")[0]
        if owner != layer or variable.path in paths:
            layer, paths = owner, set()
            numbers.append(numbers[-1] + 1 if numbers else 0)
        else:
            numbers.append(numbers[-1])
        paths.add(variable.path)
    return numbers


def jacobian_shapes(variables: Sequence[Any], tasks: int, groups: str) -> list[Any]:
    """Returns what `Aggregator.build` needs: shapes of the blocks, or of each layer's blocks."""
    shapes = [(tasks, math.prod(variable.shape)) for variable in variables]
    if groups != "layer":
        return shapes
    numbers = layer_numbers(variables)
    return [
        [shape for shape, number in zip(shapes, numbers, strict=True) if number == layer]
        for layer in sorted(set(numbers))
    ]


def jacobian(step: RecordedStep, is_shared: Sequence[bool]) -> Jacobian:
    """Returns the tasks' gradients: T backward passes.

    Args:
        step: What the tape has seen.
        is_shared: For each variable, whether it is.
    """
    rows = [
        [None] * len(step.variables) if term is None else step.tape.gradient(term, step.sources)
        for term in step.terms
    ]
    blocks, others = [], []
    for i, (variable, several) in enumerate(zip(step.variables, is_shared, strict=True)):
        column = [row[i] for row in rows]
        if several:
            block = tf.stack([as_row(part, variable, math.prod(variable.shape)) for part in column])
            blocks.append(global_sum(block) / tf.cast(step.scale, block.dtype))
        else:
            others.append(column)
    return Jacobian(blocks, others)


def _combination(
    step: RecordedStep, weights: tf.Tensor, is_shared: Sequence[bool]
) -> list[tf.Tensor]:
    """Returns the shared variables' gradient for given weights: one backward pass."""
    chosen = [
        variable for variable, several in zip(step.variables, is_shared, strict=True) if several
    ]
    pairs = [
        (term, tf.cast(weight, term.dtype))
        for term, weight in zip(step.terms, tf.unstack(weights), strict=True)
        if term is not None
    ]
    found = step.tape.gradient(
        [term for term, _ in pairs],
        [variable.value for variable in chosen],
        output_gradients=[weight for _, weight in pairs],
    )
    rows = [
        as_row(part, variable, math.prod(variable.shape))
        for part, variable in zip(found, chosen, strict=True)
    ]
    return [row / tf.cast(step.scale, row.dtype) for row in rows]


def _of_others(step: RecordedStep, is_shared: Sequence[bool]) -> list[Any]:
    """Returns the gradients of the variables that are not shared: a pass through the heads."""
    sources = [each for each, several in zip(step.sources, is_shared, strict=True) if not several]
    return step.tape.gradient([term for term in step.terms if term is not None], sources)


def _assembled(step: RecordedStep, combined: list[Any], others: list[Any]) -> list[Any]:
    """Returns the gradients of all variables from those of the shared ones and of the others."""
    factor = step.scale / num_replicas()
    of_shared = iter(
        tf.reshape(gradient * tf.cast(factor, gradient.dtype), variable.shape)
        for gradient, variable in zip(combined, step.shared, strict=True)
    )
    of_others = iter(others)
    values = [next(of_shared) if several else next(of_others) for several in step.is_shared()]
    return _with_extra(values, step)


def _with_extra(values: list[Any], step: RecordedStep) -> list[Any]:
    if step.extra is None:
        return values
    more = step.tape.gradient(step.extra, step.sources)
    return [_sum(value, part) for value, part in zip(values, more, strict=True)]


def _times(gradient: Any, factor: Any) -> Any:
    if gradient is None or factor is None:
        return gradient
    gradient = tf.convert_to_tensor(gradient)
    return gradient * tf.cast(factor, gradient.dtype)


def _sum(*parts: Any) -> Any:
    present = [part for part in parts if part is not None]
    if len(present) < 2:
        return present[0] if present else None
    return tf.add_n([tf.convert_to_tensor(part) for part in present])
