"""Numbered folders `directory/1`, `directory/2`, … that appear complete or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..whole_numbers import check_whole


def check_version(version: int | None) -> None:
    """Raises `ValueError` unless `version` is None or a positive integer."""
    if version is not None:
        check_whole(version, "version", hint="None takes the next free number.")


def local_path(directory: str | os.PathLike[str]) -> Path:
    """Returns the path of a folder on this machine, there or not; `~` is the home folder.

    Raises:
        ValueError: For an address such as `gs://bucket/model`.

    >>> local_path("saved_models/digits").name
    'digits'
    """
    text = os.fspath(directory)
    if "://" in text:
        # pathlib would take it for a local folder called "gs:", without a word.
        raise ValueError(
            f"Expected a folder on this machine, not the address {text!r}. Write to a local "
            "folder and copy it."
        )
    return Path(text).expanduser()


def local_folder(directory: str | os.PathLike[str]) -> Path:
    """Returns `local_path(directory)`.

    Raises:
        ValueError: For an address such as `gs://bucket/model`.
        NotADirectoryError: If it is a file.
    """
    path = local_path(directory)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(
            f"{str(path)!r} is a file. Pass the folder that is to hold the numbered versions."
        )
    return path


def next_version(directory: Path) -> int:
    """Returns the number behind the highest version in a folder, 1 if there is none.

    >>> next_version(Path("no/such/folder"))
    1
    """
    if not directory.is_dir():
        return 1
    numbers = [int(entry.name) for entry in directory.iterdir() if _is_number(entry.name)]
    return max(numbers, default=0) + 1


@contextlib.contextmanager
def unfinished_folder(directory: Path) -> Iterator[Path]:
    """Gives a path in a temporary folder beside the versions; what is left there is removed.

    The temporary folder's name is no number, so TF Serving overlooks it, and it lies on the same
    disk as the versions, so that renaming is one step.

    Raises:
        OSError: If `directory` cannot be made or written to; of the kind that the system reports.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        holder = tempfile.mkdtemp(prefix=".unfinished-", dir=directory)
    except OSError as error:
        raise type(error)(
            f"Cannot write to {str(directory)!r} ({error.strerror}). Pass a folder that you may "
            "write to."
        ) from error
    try:
        # A folder of its own inside: mkdtemp keeps others from reading what it makes.
        yield Path(holder, "version")
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def publish(finished: Path, directory: Path, version: int | None) -> Path:
    """Moves a finished folder to `directory/<version>` and returns that path.

    Raises:
        FileExistsError: If a version given explicitly exists.
    """
    while True:
        target = directory / str(next_version(directory) if version is None else version)
        if version is not None:
            check_free(directory, version)
        try:
            return finished.rename(target)
        except OSError:
            # Somebody else may have taken the number meanwhile: the next one, or the error above.
            if not target.exists():
                raise


def check_free(directory: Path, version: int | None) -> None:
    """Raises `FileExistsError` if there is such a version already."""
    if version is not None and (directory / str(version)).exists():
        raise FileExistsError(
            f"Version {version} exists in {str(directory)!r}, and a served version is never "
            f"overwritten. Pass version={next_version(directory)}, or leave `version` out for the "
            "next free number."
        )


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()
