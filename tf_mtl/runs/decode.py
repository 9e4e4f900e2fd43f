"""Outputs of heads → columns that people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..heads import BaseHead, ClassLabels


def columns(
    outputs: Mapping[str, np.ndarray], heads: Mapping[str, BaseHead], probabilities: bool
) -> dict[str, list[Any]]:
    """Returns one column for each task: class names, class numbers or numbers.

    Several labels or numbers of one task are a list in each row.

    Args:
        outputs: `{task: [rows, ...]}`, what `model.predict` returned.
        heads: `{task: head}`.
        probabilities: Whether to add `TASK_probability`, or `TASK_probability_CLASS` for each
            class where there are more than two.

    >>> from tf_mtl.heads import BinaryClassification
    >>> columns({"odd": np.array([[0.2], [0.9]])},
    ...         {"odd": BinaryClassification(class_names=["even", "odd"])}, False)
    {'odd': ['even', 'odd']}
    """
    found: dict[str, list[Any]] = {}
    for task, output in outputs.items():
        head = heads.get(task)
        kind = head.kind if head else "custom"
        names = head.class_names if head else None
        if kind == "binary":
            chosen = (output.reshape(len(output)) > 0.5).astype(int)
            found[task] = [names[one] if names else int(one) for one in chosen]
            probability = {"": output.reshape(len(output))}
        elif kind == "segmentation":
            found[task] = output.argmax(axis=-1).tolist()
            probability = {}
        elif kind == "tagging":
            there = np.asarray(output.any(axis=-1))  # padding is 0 throughout
            found[task] = [
                [names[tag] if names else int(tag) for tag in row[known]]
                for row, known in zip(output.argmax(axis=-1), there, strict=True)
            ]
            probability = {}
        elif kind == "multilabel":
            labels = names or [str(place) for place in range(output.shape[-1])]
            found[task] = [
                [label for label, value in zip(labels, row, strict=True) if value > 0.5]
                for row in output
            ]
            probability = {f"_{label}": output[:, place] for place, label in enumerate(labels)}
        elif head is not None and _is_one_class(head, output):
            labels = names or [str(place) for place in range(output.shape[-1])]
            chosen = output.argmax(axis=-1)
            found[task] = [names[one] if names else int(one) for one in chosen]
            probability = {f"_{label}": output[:, place] for place, label in enumerate(labels)}
        else:
            flat = output.reshape(len(output)) if output.size == len(output) else output
            found[task] = flat.tolist()
            probability = {}
        if probabilities:
            for suffix, values in probability.items():
                found[f"{task}_probability{suffix}"] = values.tolist()
    return found


def _is_one_class(head: BaseHead, output: np.ndarray) -> bool:
    return isinstance(head.label_rule, ClassLabels) and output.ndim == 2 and output.shape[-1] > 1
