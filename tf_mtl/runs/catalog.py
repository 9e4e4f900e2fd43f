"""What the rooms hold: their classes by name."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from typing import Any

import keras

from ..names import unknown_name
from .errors import InputError

# Room → the abstract classes whose concrete subclasses one can choose.
_BASES = {
    "trunks": ("Body", "Trunk"),
    "heads": ("BaseHead",),
    "weightings": ("LossWeighting",),
    "aggregators": ("Aggregator",),
}


def rooms() -> list[str]:
    """Returns the rooms that exist and hold something to choose.

    >>> "trunks" in rooms()
    True
    """
    return [room for room in _BASES if choices(room)]


def choices(room: str) -> dict[str, type]:
    """Returns `{class name: class}` of what a room offers; empty if there is no such room.

    >>> "MLP" in choices("trunks")
    True
    """
    name = f"{__package__.rpartition('.')[0]}.{room}"
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return {}
    module = importlib.import_module(name)
    bases = tuple(getattr(module, base) for base in _BASES[room] if hasattr(module, base))
    found = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, bases) and not inspect.isabstract(value)
    }
    return {key: found[key] for key in sorted(found, key=str.lower) if not key.startswith("_")}


def summary(thing: Any) -> str:
    """Returns the first line of a docstring.

    >>> summary(summary)
    'Returns the first line of a docstring.'
    """
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def find(room: str, name: str) -> type:
    """Returns a class by its name, in any case, underscores and hyphens ignored.

    Classes of the user's own that are registered with Keras are found too, by their names or, where
    the room has one of that name, as "package>Name".

    Raises:
        InputError: If there is none, naming the choices and the nearest.

    >>> find("trunks", "mlp").__name__
    'MLP'
    """
    found = choices(room)
    what = room.removesuffix("s")
    if not found:
        raise InputError(f"There are no {room} in this version of tf_mtl: {what} {name!r}.")
    own = _registered(room)
    known = {**{key.rpartition(">")[2]: value for key, value in own.items()}, **found}
    by_plain_name = {_plain(key): value for key, value in {**known, **own}.items()}
    if _plain(name) not in by_plain_name:
        raise InputError(unknown_name(name, list(known), what))
    return by_plain_name[_plain(name)]


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _registered(room: str) -> dict[str, type]:
    """Returns `{"package>Name": class}` of the classes of others that suit a room."""
    package = __package__.partition(".")[0]
    module = importlib.import_module(f"{package}.{room}")
    bases = tuple(getattr(module, base) for base in _BASES[room])
    return {
        key: value
        for key, value in keras.saving.get_custom_objects().items()
        if inspect.isclass(value)
        and issubclass(value, bases)
        and value.__module__.partition(".")[0] != package
    }
