"""Options of the command line → keys of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

_YAML = (".yaml", ".yml")


class Overrides:
    """The keys that options were given for."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def put(self, key: str, value: Any) -> None:
        """Notes a value under a key such as "data.batch_size", unless it is None."""
        if value is not None:
            self.given[key] = value

    def put_trunk(self, name: str | None, units: str | None, dropout: float | None) -> None:
        """Notes the trunk and its arguments."""
        arguments: dict[str, Any] = {} if name in (None, "auto") else {"type": name}
        if units is not None:
            try:
                arguments["units"] = [int(part) for part in units.split(",")]
            except ValueError:
                raise typer.BadParameter(
                    f"--units is {units!r}, but should be whole numbers with commas between them, "
                    "such as 128,64."
                ) from None
        if dropout is not None:
            arguments["dropout"] = dropout
        if arguments:
            self.given["trunk"] = arguments

    def refuse_all_but(self, key: str, source: str | None, no_export: bool, option: str) -> None:
        """Raises `typer.BadParameter` if any other key, or a source, is given beside an option."""
        others = [f"--{_option(other)}" for other in self.given if other != key]
        others += ["--no-export"] if no_export else []
        others += [repr(source)] if source is not None else []
        if others:
            raise typer.BadParameter(
                f"{option} goes on with a run as it was configured; leave out {', '.join(others)}. "
                f"Only --{key} may change."
            )

    def over(self, source: str) -> tuple[dict[str, Any], str]:
        """Returns a configuration and its name for errors.

        Args:
            source: Data, or a YAML file that these options win over.
        """
        content: dict[str, Any] = {}
        where = "Options"
        if Path(source).suffix.lower() in _YAML:
            from ..runs import read_yaml

            content, where = read_yaml(source), source
        else:
            content["data"] = {"source": source}
        for key, value in self.given.items():
            *sections, last = key.split(".")
            place = content
            for section in sections:
                if place.get(section) is None:
                    place[section] = {}
                place = place[section]
            if isinstance(place, dict):  # else the check of the configuration complains
                place[last] = value
        return content, where


def _option(key: str) -> str:
    names = {"data.targets": "target", "data.test_path": "test-file", "loss_weights": "loss-weight",
             "data.missing_values": "missing-value", "optimizer.type": "optimizer"}  # fmt: skip
    return names.get(key, key.rpartition(".")[2].replace("_", "-"))


def key_values(
    given: list[str] | None, option: str, default: str | None = None, number: bool = False
) -> dict[str, Any] | None:
    """Reads options such as `income=binary`.

    Args:
        given: The values of the option.
        option: Its name, for errors.
        default: Value where "=" and the rest are left out; None if they may not be.
        number: Whether the values are numbers.

    >>> key_values(["income=2"], "--loss-weight", number=True)
    {'income': 2.0}
    """
    if given is None:
        return None
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.rpartition("=")
        if not equals:
            key, value = text, default or ""
        if not key or not value:
            raise typer.BadParameter(f"{option} {text!r} should look like NAME=VALUE.")
        if key in found:
            raise typer.BadParameter(f"{option} names {key!r} twice.")
        try:
            found[key] = float(value) if number else value
        except ValueError:
            raise typer.BadParameter(f"{option} {text!r}: {value!r} should be a number.") from None
    return found
