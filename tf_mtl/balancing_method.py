"""What weightings and aggregators have in common: they know the tasks, and are saved with them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .names import check_known, unknown_name

# An argument with one number for each task: by name, or in the order of the tasks.
PerTask = Sequence[float] | Mapping[str, float]


class BalancingMethod(keras.layers.Layer):
    """What weightings and aggregators have in common: tasks known by name, and a memory of its own.

    Arguments with one value for each task are given by name, or in the order of the outputs.

    Attributes:
        built: Whether the method has its variables.
        task_names: The tasks in order, or None as long as nobody has told.
    """

    built: bool
    task_names: tuple[str, ...] | None = None

    def name_tasks(self, names: Sequence[str]) -> None:
        """Tells the names of the tasks in order, before the method is built.

        Raises:
            ValueError: If the method was built for tasks of other names.
        """
        if self.built and self.task_names not in (None, tuple(names)):
            raise ValueError(
                f"This {type(self).__name__} was built for the tasks {list(self.task_names or ())} "
                f"and remembers them. Received: {list(names)}. Make a new one."
            )
        self.task_names = tuple(names)

    def checked_config(self) -> dict[str, Any]:
        """Returns the config, of which a file or a copy is made.

        Raises:
            ValueError: If it lacks an argument, which would come back as its default.
        """
        config = self.get_config()
        arguments = list(inspect.signature(type(self).__init__).parameters.values())[1:]
        lacking = [
            one.name
            for one in arguments
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
            and one.name not in (*config, "trainable")
        ]
        if lacking:
            raise ValueError(
                f"get_config() of {type(self).__name__} lacks the argument {lacking[0]!r} of its "
                "constructor, so that a copy or a saved model would not have its value. Received "
                f"a config of {sorted(config)}. Define get_config(self): return "
                f"{{**super().get_config(), {lacking[0]!r}: self.{lacking[0]}}}."
            )
        return config

    def get_build_config(self) -> dict[str, Any] | None:
        """Returns what a saved layer needs to be built again: shapes, and the names."""
        self.checked_config()  # Keras calls `get_config` by itself; both are called for a file
        config = super().get_build_config()
        return config and {**config, "task_names": self.task_names and list(self.task_names)}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds a loaded layer, which knows the names again."""
        names = config.get("task_names")
        self.task_names = names and tuple(names)
        super().build_from_config(config)

    def load_own_variables(self, store: Any) -> None:
        """Reads what the method remembers; what is another method's is left alone, with a warning.

        So the weights of a network can be loaded whatever it was trained with, as Keras does it
        for optimizers.
        """
        own: dict[str, Any] = {}
        self.save_own_variables(own)
        expected = {key: tuple(value.shape) for key, value in own.items()}
        found = {key: tuple(store[key].shape) for key in store.keys()}  # noqa: SIM118
        if self.built and found != expected:
            warnings.warn(
                f"{type(self).__name__} starts anew: what the file remembers of balancing, "
                f"variables of the shapes {list(found.values())}, is not its own, "
                f"{list(expected.values())}. The weights of the network are not affected.",
                stacklevel=2,
            )
            return
        super().load_own_variables(store)

    def _add_weights(self, first: dict[str, np.ndarray], trainable: bool) -> dict[str, Any]:
        """Makes variables, which do not follow the global policy, of their first values."""
        return {
            key: self.add_weight(
                shape=value.shape,
                dtype=str(value.dtype),
                initializer=_constant(value),
                trainable=trainable,
                autocast=False,
                aggregation="mean" if value.dtype.kind == "f" else "only_first_replica",
                name=key,
            )
            for key, value in first.items()
        }

    def _given(self) -> dict[str, Any]:
        """Returns the arguments with one value for each task, in order, or None: a hook."""
        return {}

    def _in_order(self, argument: str, values: Any, default: Any = None) -> Any:
        """Returns what an argument holds for each task as a list, in the order of the tasks."""
        return in_order(argument, values, self.task_names, default)

    def _check_given(self, tasks: int) -> None:
        """Raises `ValueError` where an argument does not fit the tasks or their number."""
        for argument, values in self._given().items():
            if isinstance(values, list) and len(values) != tasks:
                raise ValueError(
                    f"`{argument}` has {len(values)} values for {tasks} tasks. Received: "
                    f"{argument}={list(values)!r}. Give {{task: value}}, or a list in the order of "
                    "the model's outputs."
                )


def in_order(argument: str, values: Any, tasks: Sequence[str] | None, default: Any = None) -> Any:
    """Returns what an argument holds for each task as a list; other values as they are.

    Args:
        argument: Name of the argument, for the messages.
        values: `{task: value}`, or anything else.
        tasks: The tasks in order, or None where their names are not known.
        default: Value of the tasks that are left out (default: none may be).

    Raises:
        ValueError: If the names are not known, or do not fit.

    >>> in_order("preference", {"odd": 2.0, "digit": 1.0}, ["digit", "odd"])
    [1.0, 2.0]
    >>> in_order("preference", {"digt": 1.0, "odd": 2.0}, ["digit", "odd"])
    Traceback (most recent call last):
    ...
    ValueError: Unknown task in `preference`: 'digt'. ... Did you mean 'digit'?
    """
    if not isinstance(values, Mapping):
        return values
    if tasks is None:
        raise ValueError(
            f"`{argument}` names tasks, but nobody has said which they are and in what order. "
            f"Received: {argument}={dict(values)!r}. `compile` tells the names; without a model, "
            "call `name_tasks([...])` first, or pass a list in the order of the losses."
        )
    check_known(values, tasks, f"task in `{argument}`:")
    missing = [task for task in tasks if task not in values]
    if missing and default is None:
        raise ValueError(
            f"`{argument}` has no value for task {missing[0]!r}. Received: "
            f"{argument}={dict(values)!r}. Give one for each task: "
            f"{', '.join(map(repr, tasks))}."
        )
    return [values.get(task, default) for task in tasks]


def _constant(value: np.ndarray) -> Any:
    return lambda shape, dtype=None: keras.ops.convert_to_tensor(value, dtype)


def get_method(identifier: Any, base: type, public: Iterable[Any], what: str, example: str) -> Any:
    """Returns a method from its name, its config or itself: `get` of weightings and aggregators.

    A name is that of the class in any case, underscores and hyphens ignored. So is `class_name` of
    a config that a person has written; one that Keras has written also names the module.

    Args:
        identifier: what was passed.
        base: the class that methods derive from.
        public: what the room exports; the classes that can be made are its methods.
        what: what a method is called in messages.
        example: name of a method.

    Raises:
        ValueError: if there is no such method.
    """
    concrete = [each for each in public if isinstance(each, type) and not inspect.isabstract(each)]
    methods: dict[str, Any] = {each.__name__.lower(): each for each in concrete}
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, str):
        if _plain(identifier) not in methods:
            raise ValueError(unknown_name(identifier, sorted(methods), what))
        return methods[_plain(identifier)]()
    if isinstance(identifier, Mapping) and isinstance(identifier.get("class_name"), str):
        name = identifier["class_name"]
        if "module" not in identifier and _plain(name) in methods:
            return methods[_plain(name)].from_config(dict(identifier.get("config") or {}))
        try:
            found = keras.saving.deserialize_keras_object(dict(identifier))
        except TypeError as error:
            if "module" in identifier:
                raise
            raise ValueError(unknown_name(name, sorted(methods), what)) from error
        if isinstance(found, base):
            return found
    raise ValueError(
        "Expected a name, a config {'class_name': name, 'config': {argument: value}}, or an "
        f"instance of `{base.__name__}`. Received: {identifier!r}. Try {example!r}."
    )


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
