"""What the classes of a task are, and which of them a label belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..heads import BinaryLabels, ClassLabels, CrossentropyLabels, LabelRule
from ..keras_internals import resolve_loss
from ..losses import averages_last_axis

if TYPE_CHECKING:
    from .model import MultiTaskModel


@dataclass(frozen=True)
class TaskClasses:
    """The classes of a task.

    Args:
        rule: Which labels are missing.
        size: Number of classes.
        one_hot: Whether labels that are no numbers of classes are shares of all of them, one-hot
            for instance, and not shares of class 1.
        names: Names of the classes, or None.
        labels: Number of labels of a row, where there are several, or None.
        label_names: Their names, or None.
    """

    rule: LabelRule
    size: int
    one_hot: bool = False
    names: list[str] | None = None
    labels: int | None = None
    label_names: list[str] | None = None

    @classmethod
    def of(cls, model: MultiTaskModel, task: str) -> TaskClasses:
        """Returns the classes of a task of a compiled model.

        Raises:
            ValueError: If the task has none.
        """
        rule = model.label_rules.get(task)
        size = model.task_outputs[task].shape[-1]
        head = model.heads.get(task)
        names = head.class_names if head is not None else None
        if isinstance(rule, ClassLabels):
            names = rule.class_names or names
            size = rule.num_classes or (len(names) if names else size)
            return cls(rule, size, names=names)
        if isinstance(rule, CrossentropyLabels):
            return cls(rule, size, one_hot=True, names=names)
        if isinstance(rule, BinaryLabels):
            if size == 1:
                return cls(rule, 2, names=rule.classes.class_names or names)
            if averages_last_axis(resolve_loss(model._compile_loss.losses[task].identifier)):
                return cls(rule, 2, labels=size, label_names=names)
            return cls(rule, size, one_hot=True, names=names)
        raise ValueError(
            f"Task {task!r} has no classes to weigh: its labels are numbers"
            f"{'' if rule else ', or it has no loss'}. Weigh its rows, sample_weight={{{task!r}: "
            "weights}."
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a table of class weights."""
        return (self.size,) if self.labels is None else (self.labels, self.size)

    def shares(self, labels: Any) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns how much of each label is of each class.

        Args:
            labels: `[B, ...]`.

        Returns:
            Float `[B, ..., size]`, each row of which adds up to 1, and which labels are there,
            `[B, ...]`, or None for all.
        """
        labels = tf.convert_to_tensor(labels)
        rule = self.rule
        if isinstance(rule, CrossentropyLabels):
            rule = rule.rule_for(labels.shape)
        encoded, labelled = rule.encode(labels)
        if isinstance(rule, ClassLabels):
            return tf.one_hot(tf.cast(encoded, tf.int32), self.size), labelled
        share = tf.cast(encoded, tf.float32)
        if self.one_hot:
            return share, None if labelled is None else tf.reduce_all(labelled, axis=-1)
        return tf.stack([1 - share, share], axis=-1), labelled
