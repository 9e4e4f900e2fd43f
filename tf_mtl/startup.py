"""Whether this process is the command `tf-mtl`."""

from __future__ import annotations

import sys
from pathlib import Path


def is_command() -> bool:
    """Returns whether Python was started as `tf-mtl` or `python -m tf_mtl`.

    Keras takes seconds to import. The command shows its help without it, and loads the rooms of
    the package when it needs them; everybody else gets them at once, so that `import tf_mtl` is
    enough for `keras.models.load_model` to know the heads.

    >>> is_command()
    False
    """
    if not sys.argv:
        return False
    if sys.argv[0] == "-m":  # so it is while Python looks for the module to run
        return sys.orig_argv[1:3] == ["-m", "tf_mtl"]
    return Path(sys.argv[0]).stem == "tf-mtl"
