"""What every way of sharing is: inputs → features for each task."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

from .recipe import Recipe


class Trunk(Recipe, abc.ABC):
    """Abstract way in which tasks share layers, built in the functional API."""

    @abc.abstractmethod
    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns the features of the tasks.

        Args:
            inputs: Keras tensor, or a dictionary or list of them.
            tasks: Names of the tasks.

        Returns:
            One tensor of features for all tasks, or `{task: tensor}`.
        """
