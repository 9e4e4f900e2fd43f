"""What the rooms hold: their classes by name."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from typing import Any

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

    Raises:
        InputError: If there is none, naming the choices and the nearest.

    >>> find("trunks", "mlp").__name__
    'MLP'
    """
    found = choices(room)
    what = room.removesuffix("s")
    if not found:
        raise InputError(f"There are no {room} in this version of tf_mtl: {what} {name!r}.")
    by_plain_name = {key.lower(): value for key, value in found.items()}
    plain = name.lower().replace("_", "").replace("-", "")
    if plain not in by_plain_name:
        raise InputError(unknown_name(name, list(found), what))
    return by_plain_name[plain]
