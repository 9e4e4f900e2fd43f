"""What heads of exclusive classes have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..whole_numbers import check_whole
from .base import BaseHead
from .labels import ClassLabels, LabelRule


class ClassesHead(BaseHead):
    """Abstract head whose output ends in an axis of probabilities of classes.

    Args:
        num_classes: Number of classes, at least 2. May be left out when `class_names` is given.
        class_names: Names in the order of the classes. They go into the SavedModel.
        name: Name of the layer.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If there are fewer than two classes, or their number and names disagree.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        names = names_in_order(class_names)
        if num_classes is None and names is not None:
            num_classes = len(names)
        hint = "Or give `class_names`. For a yes-or-no task use BinaryClassification."
        self.num_classes = check_whole(num_classes, "num_classes", 2, hint)
        check_names(names, self.num_classes)
        self._class_names = names

    @property
    def default_loss(self) -> str:
        """Sparse categorical cross-entropy."""
        return "sparse_categorical_crossentropy"

    @property
    def label_rule(self) -> LabelRule:
        """Class numbers or names."""
        return ClassLabels(self.num_classes, self._class_names)

    @property
    def class_names(self) -> list[str] | None:
        """Names of the classes in the order of the output, or None."""
        return self._class_names

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = {"num_classes": self.num_classes, "class_names": self._class_names}
        return {**super().get_config(), **config}


def names_in_order(names: Any, argument: str = "class_names") -> list[Any] | None:
    """Returns names as a list, or None as it is.

    Args:
        names: A list, array or series of names.
        argument: Name of the argument, for the message.

    Raises:
        ValueError: For a single text, whose letters would be the names, and for what has no order
            (a set) or two of them (a dictionary).

    >>> names_in_order(("even", "odd")), names_in_order({"even": 0, "odd": 1}.keys())
    (['even', 'odd'], ['even', 'odd'])
    """
    if names is None:
        return None
    if isinstance(names, (str, bytes, Mapping, set, frozenset)) or not isinstance(names, Iterable):
        raise ValueError(
            f"`{argument}` must be a list of names, in the order of the output. Received: "
            f"{argument}={names!r}."
        )
    return list(names)


def check_names(names: Sequence[str] | None, number: int) -> None:
    """Raises `ValueError` unless there are as many different names as classes, or none."""
    if names is not None and (len(names) != number or len(set(names)) != number):
        raise ValueError(
            f"`class_names` must hold {number} different names, in the order of the output. "
            f"Received {len(names)} names, {len(set(names))} different: {names}."
        )
