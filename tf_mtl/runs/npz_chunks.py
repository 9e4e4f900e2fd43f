"""Arrays of an NPZ file, read a few rows at a time."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from ..data.files import existing_file
from ..data.npz_file import opened_npz
from ..names import check_known
from .errors import InputError


def npz_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Returns `{array: shape}` without reading the arrays.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no NPZ file, or a damaged one.
    """
    with _opened(path) as file:
        return {name: _header(file, name)[1][0] for name in _names(file)}


def npz_chunks(
    path: str | Path, names: Sequence[str], chunk_rows: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yields `{array: [rows, ...]}` with at most `chunk_rows` rows at a time.

    NumPy reads an array as a whole; this reads a file that is larger than the memory.

    Args:
        path: File written by `numpy.savez` or `numpy.savez_compressed`.
        names: Arrays to read; they have the same number of rows.
        chunk_rows: Rows at a time.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: For an unknown array, unequal numbers of rows, objects or Fortran order.
    """
    with _opened(path) as file, contextlib.ExitStack() as stack:
        check_known(names, _names(file), f"array of {path}")
        streams, headers = {}, {}
        for name in names:
            stream, headers[name] = _header(file, name)
            streams[name] = stack.enter_context(stream)
            _check(headers[name], name, path)
        counts = {name: header[0][0] for name, header in headers.items()}
        if len(set(counts.values())) > 1:
            raise InputError(f"The arrays of {path} have different numbers of rows: {counts}.")
        total = next(iter(counts.values()))
        for start in range(0, total, chunk_rows):
            rows = min(chunk_rows, total - start)
            yield {name: _read(streams[name], headers[name], rows) for name in names}


Header = tuple[tuple[int, ...], bool, np.dtype]


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[zipfile.ZipFile]:
    with opened_npz(existing_file(path)) as opened, zipfile.ZipFile(opened) as file:
        yield file


def _names(file: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in file.namelist()]


def _header(file: zipfile.ZipFile, name: str) -> tuple[IO[bytes], Header]:
    stream = file.open(f"{name}.npy")
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return stream, np.lib.format.read_array_header_1_0(stream)
    return stream, np.lib.format.read_array_header_2_0(stream)


def _check(header: Header, name: str, path: str | Path) -> None:
    shape, fortran, dtype = header
    if dtype.hasobject or not shape:
        what = "a single value" if not shape else "Python objects"
        raise InputError(f"The array {name!r} of {path} holds {what}, not rows.")
    if fortran and len(shape) > 1:
        raise InputError(
            f"The array {name!r} of {path} is stored column by column and cannot be read in parts. "
            "Save numpy.ascontiguousarray(array)."
        )


def _read(stream: IO[bytes], header: Header, rows: int) -> np.ndarray:
    shape, _, dtype = header
    row = shape[1:]
    data = stream.read(rows * math.prod(row) * dtype.itemsize)
    return np.frombuffer(data, dtype).reshape(rows, *row)
