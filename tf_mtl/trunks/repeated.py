"""Layers that run a second time in one training step, on features that were shifted."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

_REPEATED = contextvars.ContextVar("repeated", default=False)


@contextlib.contextmanager
def repeated_run() -> Iterator[None]:
    """Lets layers know, while it is open, that they have run in this training step before.

    >>> with repeated_run():
    ...     is_repeated()
    True
    >>> is_repeated()
    False
    """
    before = _REPEATED.set(True)
    try:
        yield
    finally:
        _REPEATED.reset(before)


def is_repeated() -> bool:
    """Whether a layer has run in this step before: what counts steps counts it once."""
    return _REPEATED.get()
