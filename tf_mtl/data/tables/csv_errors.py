"""What is wrong with a CSV file, in place of what pandas says of it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def readable(path: Path, separator: str) -> Iterator[None]:
    """Says in one line why pandas cannot read a file."""
    import lzma
    import zipfile
    import zlib

    import pandas as pd

    try:
        with warnings.catch_warnings():
            # A row with too many cells would otherwise be cut with a mere warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty. It needs a line with column names, and rows.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8: {error}. Convert it to UTF-8.") from None
    except pd.errors.ParserWarning:
        raise ValueError(
            f"{path} has more cells in its rows than column names in its first line. Give each "
            "column a name there, also that of the row numbers, which R leaves out (or read it "
            "with pandas.read_csv, and pass the frame to from_dataframe); lines above the names "
            "must go."
        ) from None
    except pd.errors.ParserError as error:
        raise ValueError(
            f"{path} is not a table with {separator!r} between cells: {str(error).strip()}. Check "
            "the separator and quotes of that line."
        ) from None
    except (EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, OSError) as error:
        raise ValueError(
            f"{path} cannot be read: {error}. Is it whole, and compressed as its ending says?"
        ) from None
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from None
