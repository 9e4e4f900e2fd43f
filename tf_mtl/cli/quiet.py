"""TensorFlow without its start-up messages."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def start_tensorflow() -> None:
    """Imports TensorFlow and Keras; their start-up messages do not reach the terminal.

    The messages say which instructions the processor has and that there is no GPU. Errors of the
    import are shown as they are.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with _silent_stderr():
        import keras  # noqa: F401 - it brings TensorFlow along


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Holds back what is written to the standard error, and shows it after an exception.

    The level of log messages is not enough: TensorFlow's libraries write before they read it.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        before = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(before, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)
