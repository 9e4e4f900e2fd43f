"""The names of classes and labels, for those who have only the exported model."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ..heads import BaseHead, ClassLabels


def label_names(heads: dict[str, BaseHead]) -> dict[str, list[str]]:
    """Returns `{task: names in the order of the output}` for the heads that have names.

    >>> from tf_mtl.heads import BinaryClassification, Regression
    >>> label_names({"odd": BinaryClassification(["even", "odd"]), "ink": Regression()})
    {'odd': ['even', 'odd']}
    """
    return {task: list(head.class_names) for task, head in heads.items() if head.class_names}


def names_one_class(head: BaseHead) -> bool:
    """Whether each row belongs to one named class, so that there is a most likely one.

    A multi-label head has names too, but any number of them may hold at once.
    """
    if not head.class_names:
        return False
    return head.kind == "binary" or isinstance(head.label_rule, ClassLabels)


def most_likely(head: BaseHead, prediction: Any) -> Any:
    """Returns the names of the most likely classes, a string tensor.

    Args:
        head: A head for which `names_one_class` holds.
        prediction: Its output: `[B, 1]` if binary, otherwise `[B, ..., classes]`.

    Returns:
        `[B]` if binary, otherwise `[B, ...]`; "" where the output is all 0: padding.

    >>> from tf_mtl.heads import BinaryClassification
    >>> head = BinaryClassification(["even", "odd"])
    >>> most_likely(head, tf.constant([[0.2], [0.9]])).numpy().tolist()
    [b'even', b'odd']
    """
    names = tf.constant(head.class_names)
    if prediction.shape[-1] == 1:
        index = tf.cast(prediction[..., 0] > 0.5, tf.int32)  # the threshold of BinaryAccuracy
    else:
        index = tf.argmax(prediction, axis=-1, output_type=tf.int32)
        # Not the largest: a logarithm of probabilities has 0 where the class is certain.
        padding = tf.reduce_all(prediction == 0, axis=-1)
        return tf.where(padding, "", tf.gather(names, index))
    return tf.gather(names, index)
