"""What went wrong with what the user gave."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class InputError(ValueError):
    """A wrong name, value, file or label, in words for whoever gave it."""


@contextlib.contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turns the errors of code that checks what the user gave into `InputError`.

    Libraries raise the same kinds of errors for wrong arguments and for their own faults; only
    the caller knows that nothing but arguments is looked at.

    Args:
        what: Put before the message.

    >>> with refusing("epochs"):
    ...     int("many")
    Traceback (most recent call last):
    ...
    tf_mtl.runs.errors.InputError: epochs: invalid literal for int() with base 10: 'many'
    """
    try:
        yield
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{what}: {error}") from error
