"""Puts tests/ on the path: descriptors, matrices and properties are shared."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
