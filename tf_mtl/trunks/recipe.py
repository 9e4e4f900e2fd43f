"""What trunks and bodies have in common: a configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras


class Recipe:
    """Abstract recipe of layers: its configuration is the arguments of its constructor.

    Every argument is an attribute of the same name. Layers, models and other recipes among them
    are serialized as Keras does; a function must be registered with Keras, or be passed to
    `from_config` within `keras.saving.custom_object_scope`.
    """

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, as JSON takes them."""
        return {
            name: _lists(keras.saving.serialize_keras_object(getattr(self, name)))
            for name in self._arguments()
        }

    def __repr__(self) -> str:
        # While the constructor checks, some of the attributes are not there yet.
        values = {name: getattr(self, name) for name in self._arguments() if hasattr(self, name)}
        given = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return f"{type(self).__name__}({given})"

    def _arguments(self) -> list[str]:
        return list(inspect.signature(type(self).__init__).parameters)[1:]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Returns a recipe made with the arguments in `config`."""
        return cls(
            **{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()}
        )


def _lists(value: Any) -> Any:
    """Returns `value` with lists for tuples, as it comes back from JSON."""
    if isinstance(value, dict):
        return {key: _lists(each) for key, each in value.items()}
    return [_lists(each) for each in value] if isinstance(value, (list, tuple)) else value
