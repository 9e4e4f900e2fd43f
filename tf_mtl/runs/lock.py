"""A run is trained by one process at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from .errors import InputError
from .folder import RunFolder

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def held(run: RunFolder) -> Iterator[None]:
    """Keeps other processes from training a run; the system lets go of it when this one ends.

    Two at a time would write each other's checkpoints. Windows and some network file systems have
    no such locks.

    Raises:
        InputError: If another process holds the run.
    """
    if fcntl is None:
        yield
        return
    folder = os.open(run.path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise InputError(
            f"Another process is training the run {run.path}. Wait until it has ended, or end it."
        ) from None
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        os.close(folder)
