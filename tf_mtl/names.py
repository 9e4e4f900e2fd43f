"""Names that people type: checked early; an error names the valid choices and the nearest one."""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Iterable

_TASK_NAME = re.compile(r"[A-Za-z0-9_]+")


def nearest(name: object, valid: Iterable[str]) -> str | None:
    """Returns the valid name that looks most like `name` in any case, or None.

    >>> nearest("digt", ["digit", "odd"])
    'digit'
    """
    by_lower = {choice.lower(): choice for choice in valid}
    matches = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[matches[0]] if matches else None


def unknown_name(name: object, valid: Iterable[str], what: str) -> str:
    """Returns the message for a name that is not one of `valid`.

    >>> print(unknown_name("digt", ["digit", "odd"], "task"))
    Unknown task 'digt'. Valid choices: 'digit', 'odd'. Did you mean 'digit'?
    """
    valid = list(valid)
    choices = ", ".join(repr(choice) for choice in valid) or "none"
    message = f"Unknown {what} {name!r}. Valid choices: {choices}."
    guess = nearest(name, valid)
    return f"{message} Did you mean {guess!r}?" if guess else message


def check_known(names: Iterable[object], valid: Iterable[str], what: str) -> None:
    """Raises `ValueError` for the first of `names` that is not one of `valid`."""
    valid = list(valid)
    for name in names:
        if name not in valid:
            raise ValueError(unknown_name(name, valid, what))


def is_reserved(name: str) -> bool:
    """Whether no argument of a SavedModel's signature can have this name.

    >>> is_reserved("class"), is_reserved("self"), is_reserved("age")
    (True, True, False)
    """
    return keyword.iskeyword(name) or name == "self"


def check_task_names(names: Iterable[object]) -> None:
    """Raises `ValueError` unless every name can serve as a task.

    A task's name becomes part of log names (`digit_loss`) and of SavedModel signatures, so it
    consists of letters, digits and underscores and is not `loss`. The logs of validation begin with
    `val_`: those of a task `val`, or of `val_digit` beside `digit`, would take their names.

    >>> check_task_names(["digit", "odd"])
    """
    names = list(names)
    for name in names:
        if not isinstance(name, str) or not _TASK_NAME.fullmatch(name) or name == "loss":
            raise ValueError(
                f"Invalid task name {name!r}: a task's name consists of letters, digits and "
                "underscores and is not 'loss'. Rename the key."
            )
        if name == "val" or (name.startswith("val_") and name.removeprefix("val_") in names):
            raise ValueError(
                f"Invalid task name {name!r}: a log such as '{name}_loss' would be taken for one "
                "of validation, whose names begin with 'val_'. Rename the key."
            )
