"""Files that must be there."""

from __future__ import annotations

from pathlib import Path

from ..names import nearest


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
