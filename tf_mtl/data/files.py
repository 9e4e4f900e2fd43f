"""Files that must be there."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Sequence
from pathlib import Path

from ..names import nearest

Files = str | Path | Sequence[str | Path]


def existing_files(files: Files) -> list[Path]:
    """Returns the files that a path, a pattern such as "parts/*.csv" or a list of them names.

    The files of a pattern are sorted by name.

    Raises:
        FileNotFoundError: If a file is not there, or nothing matches a pattern.
    """
    if not isinstance(files, (str, Path)):
        found = [path for one in files for path in existing_files(one)]
        if not found:
            raise FileNotFoundError("The list of files is empty. Name one file at least.")
        return found
    if glob.has_magic(str(files)) and not Path(files).exists():
        matches = sorted(Path(name) for name in glob.glob(str(files), recursive=True))
        matches = [path for path in matches if path.is_file()]
        if not matches:
            raise FileNotFoundError(
                f"No file matches the pattern {str(files)!r} (in {Path.cwd()}). Correct the "
                "pattern; ** stands for any number of folders."
            )
        return matches
    return [existing_file(files)]


def files_below(folder: Path, endings: Sequence[str], unread: Sequence[str] = ()) -> list[str]:
    """Returns the sorted paths, below a folder, of the files with these endings in any case.

    Hidden files and folders are left out: what programs keep there is no data.

    Args:
        folder: Where they are.
        endings: Of the files that are wanted.
        unread: Of files of the same kind in other formats, which are left out.

    Raises:
        ValueError: If there are none.

    Warns:
        UserWarning: If there are files in other formats.
    """
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    visible = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    names = sorted(str(path) for path in visible if path.suffix.lower() in endings)
    others = sorted(str(path) for path in visible if path.suffix.lower() in unread)
    left = (
        f"{len(others)} files of another format, such as {others[0]}, are left out. Convert them "
        f"to {endings[0]}."
        if others
        else ""
    )
    if not names:
        message = f"There are no files {', '.join(endings)} in {folder} or its subfolders."
        raise ValueError(f"{message} {left}".rstrip())
    if left:
        warnings.warn(f"{folder}: {left}", stacklevel=3)
    return names


def named(files: Files) -> str:
    """Returns what to call files in a message."""
    if isinstance(files, (str, Path)):
        return str(files)
    return str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} other files"


def existing_file(path: str | Path) -> Path:
    """Returns the path of a file; an error names the folder and the nearest file in it.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    if path.is_file():
        return path
    folder = path.absolute().parent
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder, not a file. Name a file in it.")
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no file {path}: the folder {folder} does not exist.")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    guess = nearest(path.name, names)
    hint = f"Did you mean {guess!r}?" if guess else f"The folder holds {len(names)} files."
    raise FileNotFoundError(f"There is no file {path.name!r} in {folder}. {hint}")
