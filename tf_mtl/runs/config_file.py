"""Configurations from and to YAML files, with errors that name the key and the nearest one."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic
import yaml

from ..names import nearest, unknown_name
from .config import RunConfig
from .errors import InputError


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as the number that it is in YAML 1.2, and refuses a key that is there twice.

    PyYAML takes the number for text, and the last one of the keys without a word.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Returns a mapping with keys that differ."""
        keys: set[str] = set()
        for key, _ in node.value:
            if key.value in keys and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark
                )
            keys.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


_SECTION = "lines `key: value` below it, or {key: value}"
_WORDS = {
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "string_pattern_mismatch": (
        "letters, digits, '_', '.' and '-', the first a letter, digit or '_'"
    ),
}


def read_config(path: str | Path) -> RunConfig:
    """Reads a configuration.

    Args:
        path: YAML file.

    Raises:
        InputError: If there is no such file, it is not YAML, or a key or value is wrong; with the
            path of the key in the file.
    """
    return check_config(read_yaml(path), str(path))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Reads a YAML file with keys at its top."""
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        folder = path.absolute().parent
        names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        guess = nearest(path.name, names)
        hint = f" Did you mean {guess!r}?" if guess else " `tf-mtl new FILE.yaml` writes one."
        raise InputError(f"There is no file {path}.{hint}") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{path}{line} is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise InputError(f"{path} is not YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold `key: value` lines. Found a {type(content).__name__}.")
    return content


def write_config(config: RunConfig, path: Path) -> None:
    """Writes a configuration with its defaults, so that it can be read again."""
    content = config.model_dump()
    # Options of the data that were not given are null by default; most are for other sources.
    content["data"] = {key: value for key, value in content["data"].items() if value is not None}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")


def check_config(content: Mapping[str, Any], where: str) -> RunConfig:
    """Returns the configuration of a dictionary.

    Args:
        content: As read from YAML.
        where: Name of the file, for errors.

    Raises:
        InputError: For an unknown key or a wrong value, with its path.

    >>> check_config({"data": {"sorce": "digits"}}, "run.yaml")
    Traceback (most recent call last):
    ...
    tf_mtl.runs.errors.InputError: run.yaml: Unknown key 'data.sorce'. ... Did you mean 'source'?
    """
    try:
        return RunConfig.model_validate(dict(content))
    except pydantic.ValidationError as error:
        raise InputError(f"{where}: {_explain(error)}") from None


def _explain(error: pydantic.ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    location = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        *above, key = location
        valid = list(_section(above).model_fields)
        return unknown_name(key, valid, "key").replace(repr(key), repr(".".join(location)), 1)
    # Where one of several types would do, pydantic adds the type to the path.
    place = ".".join(_keys(location))
    expected = "; or ".join(
        _WORDS.get(one["type"], one["msg"])
        .removeprefix("Input should be ")
        .removeprefix("Value error, ")
        for one in error.errors(include_url=False)
        if ".".join(_keys([str(part) for part in one["loc"]])) == place
    )
    return f"{place!r} is {first['input']!r}, but should be {expected}."


def _section(keys: Sequence[str]) -> type[pydantic.BaseModel]:
    """Returns the class of the section at a path of keys."""
    section: type[pydantic.BaseModel] = RunConfig
    for key in keys:
        annotation = section.model_fields[key].annotation
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            section = annotation
    return section


def _keys(location: Sequence[str]) -> list[str]:
    """Drops from a path what is no key: the names of types in a union."""
    section: type[pydantic.BaseModel] | None = RunConfig
    kept: list[str] = []
    for part in location:
        if section is None:
            break
        kept.append(part)
        annotation = section.model_fields[part].annotation
        section = None
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            section = annotation
        elif typing.get_origin(annotation) is dict:
            kept.extend(location[len(kept) : len(kept) + 1])
    return kept
