"""Modules of the user's own, whose registered classes a configuration may name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from ..data.files import existing_file
from .errors import InputError

FILE_ENDING = ".py"


def import_modules(modules: Sequence[str]) -> None:
    """Imports modules, each once, so that Keras knows the classes that they register.

    Args:
        modules: Names of modules that are installed ("my_project.heads"), or Python files.

    Raises:
        InputError: If there is no such module or file, or it is not Python.
    """
    for module in modules:
        try:
            if module.endswith(FILE_ENDING):
                _import_file(existing_file(module).absolute())
            else:
                importlib.import_module(module)
        except (ImportError, FileNotFoundError, SyntaxError) as error:
            raise InputError(
                f"imports: {module!r} cannot be imported: {str(error).rstrip('.')}. Give the name "
                "of a module that is installed, such as my_project.heads, or a Python file."
            ) from error


def _import_file(path: Path) -> None:
    name = str(path)  # which no module that is installed has
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Python has no loader for {name}")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[name])
    except BaseException:
        del sys.modules[name]
        raise
