"""A name, or a dictionary with `type` and arguments → an object of a room."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from typing import Any

import pydantic

from ..names import unknown_name
from . import catalog
from .errors import InputError, refusing

_NOT_FOR_RECIPES = ("self", "name", "dtype")


def make(room: str, spec: Any, where: str, **defaults: Any) -> Any:
    """Returns an object made to a recipe.

    Args:
        room: "trunks", "heads", "weightings" or "aggregators".
        spec: Name of a class, or `{"type": name, argument: value, …}`. An argument may itself be
            a recipe, or a dictionary of them.
        where: Key in the configuration, for errors.
        **defaults: Arguments for those of these names that the class has and the recipe lacks.

    Raises:
        InputError: For an unknown class or argument, or a value that does not suit it.

    >>> make("trunks", {"type": "mlp", "units": [8]}, "trunk").units
    [8]
    """
    if isinstance(spec, str):
        spec = {"type": spec}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("type"), str):
        raise InputError(f"{where}: expected a name, or a `type` and arguments, not {spec!r}.")
    cls = catalog.find(room, spec["type"])
    given = {
        key: _made(room, value, f"{where}.{key}", defaults)
        for key, value in spec.items()
        if key != "type"
    }
    valid = arguments(cls)
    for key in given:
        if key not in valid:
            raise InputError(f"{where}: {unknown_name(key, valid, f'argument of {cls.__name__}')}")
    _check_types(cls, given, where)
    known = {key: value for key, value in defaults.items() if key in valid}
    with refusing(where):
        return cls(**{**known, **given})


def arguments(cls: type) -> list[str]:
    """Returns the names of a class's arguments that a recipe may give.

    >>> from tf_mtl.trunks import HardSharing
    >>> arguments(HardSharing)
    ['body', 'towers']
    """
    parameters: dict[str, None] = {}
    for base in cls.__mro__:  # arguments that go on to the base class count
        init = vars(base).get("__init__")
        if init is None:
            continue
        own = inspect.signature(init).parameters.values()
        named = (
            one.name for one in own if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        )
        parameters |= dict.fromkeys(named)
        if not any(one.kind is one.VAR_KEYWORD for one in own):
            break
    return [name for name in parameters if name not in _NOT_FOR_RECIPES]


def _made(room: str, value: Any, where: str, defaults: Mapping[str, Any]) -> Any:
    """Returns the value of an argument, in which recipes have become objects."""
    if not isinstance(value, Mapping):
        return value
    if "type" in value:
        return make(room, value, where, **defaults)
    return {key: _made(room, each, f"{where}.{key}", defaults) for key, each in value.items()}


def _check_types(cls: type, given: Mapping[str, Any], where: str) -> None:
    """Checks the values against the type hints, so that errors name the argument."""
    hints = typing.get_type_hints(vars(cls).get("__init__", object.__init__))
    config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    for key, value in given.items():
        hint = hints.get(key, Any)
        if hint is Any or not isinstance(value, (str, int, float, bool, list, dict, type(None))):
            continue
        try:
            pydantic.TypeAdapter(hint, config=config).validate_python(value)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False)[0]
            wanted = first["msg"].removeprefix("Input should be ")
            if first["type"] == "sequence_str":  # pydantic has a longer story for it
                wanted = "a list"
            raise InputError(f"{where}.{key} is {value!r}, but should be {wanted}.") from None
