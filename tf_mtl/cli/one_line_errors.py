"""Errors about what the user gave end in one line and exit code 2; all others in a traceback.

Warnings are one line too.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

DEBUG = "--debug"
_PACKAGE = __name__.partition(".")[0]


class OneLineErrors(TyperGroup):
    """The group of commands, with errors for people.

    A traceback is shown for every error with `--debug` before the command, or `TF_MTL_DEBUG=1` in
    the environment.
    """

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; Typer would end without a word where it is interrupted."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Abort from None

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs a command and ends the process with its exit code."""

        def call() -> Any:
            return super(OneLineErrors, self).main(
                args, prog_name, complete_var, False, windows_expand_args, **extra
            )

        if not standalone_mode:
            return call()
        given = sys.argv[1:] if args is None else args
        debug = DEBUG in given or os.environ.get("TF_MTL_DEBUG", "") not in ("", "0")
        try:
            code = call()
        except typer.Abort:
            typer.echo("Interrupted.", err=True)
            sys.exit(130)
        except Exception as error:
            message = _message(error)
            if message is None or debug:
                raise
            typer.echo(f"Error: {' '.join(message.split())}", err=True)
            sys.exit(2)
        sys.exit(code if isinstance(code, int) else 0)


def warn_in_one_line() -> None:
    """Shows warnings to people: without the file and line of a program that is not theirs."""
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, UserWarning):
            typer.echo(f"Warning: {' '.join(str(message).split())}", err=True)
        else:
            shown(message, category, *where, **more)

    warnings.showwarning = show


def _message(error: Exception) -> str | None:
    """Returns what to tell the user, or None where the fault is not theirs."""
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        # A wrong command, option or argument; newer versions of Typer quote pydantic.
        return str(error.format_message()).replace("Value error, ", "")
    if isinstance(error, (ValueError, ConnectionError)) and _raised_here(error):
        return str(error)
    if isinstance(error, OSError) and (error.filename is not None or _raised_here(error)):
        return str(error)
    return None


def _raised_here(error: Exception) -> bool:
    """Whether this package raised the error on purpose, and not a library in its depths."""
    frames = list(traceback.walk_tb(error.__traceback__))
    module = str(frames[-1][0].f_globals.get("__name__", "")) if frames else ""
    return module.partition(".")[0] == _PACKAGE
