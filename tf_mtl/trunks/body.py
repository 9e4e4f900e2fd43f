"""What every body is: a recipe for a stack of Keras layers."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from .recipe import Recipe


class Body(Recipe, abc.ABC):
    """Abstract recipe from one tensor to features `[B, d]`.

    Each call makes new layers, so that one body can serve as the recipe of many experts. The layers
    become part of the functional model: they are seen in `summary()`, frozen one by one, and a
    saved model does not need the recipe.
    """

    @abc.abstractmethod
    def __call__(self, inputs: Any, name: str | None = None) -> Any:
        """Returns features made from `inputs` by new layers.

        Args:
            inputs: Keras tensor, or a dictionary or list of them.
            name: Prefix of the layers' names.
        """


class StackedBody(Body):
    """Abstract body that consists of blocks, between which tasks can exchange features."""

    @abc.abstractmethod
    def blocks(self) -> list[Callable[..., Any]]:
        """Returns callables `block(inputs, name)` that, one behind the other, are the body."""
