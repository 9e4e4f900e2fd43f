"""NPZ files, opened with errors that name the file."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def opened_npz(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file for `numpy.load` or `zipfile`.

    NumPy takes what does not begin as an archive for something else, so this is looked at before.

    Raises:
        ValueError: If it is no NPZ file, or turns out to be damaged while it is read.
    """
    with path.open("rb") as file:
        start = file.read(6)
        file.seek(0)
        reason = ""
        if start == b"\x93NUMPY":
            reason = "it holds a single array, as numpy.save writes it"
        elif not start.startswith(b"PK"):
            reason = "it does not begin as one" if start else "it is empty"
        if reason:
            raise ValueError(f"{path} cannot be read as NPZ: {reason}. Write it with numpy.savez.")
        try:
            yield file
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise ValueError(
                f"{path} cannot be read as NPZ: it is cut off or damaged ({error}). Copy or write "
                "it again."
            ) from None
