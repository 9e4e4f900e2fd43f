"""Columns of lists in an Arrow table → arrays of numbers, numbers of tokens, and texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tables.tensor_columns import Arrays, TensorColumn, Tokens

_LEAVE_OUT = "Or leave the column out with `ignore`."


def list_column(cells: Any, tokens: int | None, what: str) -> str | TensorColumn:
    """Returns what a column of lists is: "text" if they hold words, `Arrays` or `Tokens`.

    Args:
        cells: A `pyarrow.Array` of lists.
        tokens: Tokens kept of a list; None for those of the longest.
        what: The column, for errors.

    Raises:
        ValueError: If the lists hold something else, or differ in shape, naming the row.

    >>> import pyarrow
    >>> list_column(pyarrow.array([[1.0, 2.0], [3.0, 4.0]]), None, "column 'x'")
    Arrays(shape=(2,), dtype='float32')
    >>> list_column(pyarrow.array([[7, 4], [9, 2, 3]]), None, "column 'x'")
    Tokens(shape=(3,), dtype='int32')
    """
    import pyarrow as pa

    values, shape, odd = _unpacked(cells)
    held = values.type
    is_float = pa.types.is_floating(held) or pa.types.is_boolean(held) or pa.types.is_uint8(held)
    if len(shape) == 1 and (pa.types.is_string(held) or pa.types.is_large_string(held)):
        return "text"
    if not is_float and not pa.types.is_integer(held):
        raise ValueError(
            f"{what} holds lists of {held}. Lists may hold numbers or words: convert them with "
            f"dataset.map(…). {_LEAVE_OUT}"
        )
    if len(shape) == 1 and not is_float and (tokens or odd is not None):
        return Tokens((tokens or max(shape[0], 1),))
    if odd is not None:
        _check_all_there(cells, what)
        raise ValueError(
            f"{what} holds lists of numbers that differ in length, first in row {odd + 1}. Bring "
            f"them to one shape with dataset.map(…). {_LEAVE_OUT}"
        )
    # As for arrays: whole numbers stay whole, but for small ones that are mostly pixels.
    return Arrays(tuple(shape), "float32" if is_float else "int32")


def numbers_of_lists(cells: Any, kind: TensorColumn, what: str) -> np.ndarray:
    """Returns a column of lists of numbers as `[rows, *shape]`.

    Args:
        cells: A `pyarrow.Array` of lists.
        kind: What those of the training rows are.
        what: The column, for errors.

    Raises:
        ValueError: If a row is missing or of another shape, or a number cannot be taken, naming
            the row.
    """
    _check_all_there(cells, what)
    values, shape, odd = _unpacked(cells)
    numbers = values.to_numpy(zero_copy_only=False)
    if isinstance(kind, Tokens):
        _check_numbers(numbers, kind.dtype, np.repeat(np.arange(len(cells)), _lengths(cells)), what)
        return _filled_up(numbers, _lengths(cells), kind.shape[0], what)
    if odd is not None or tuple(shape) != kind.shape:
        raise ValueError(
            f"{what} holds lists of the shape {tuple(shape)} in row {(odd or 0) + 1}, where "
            f"{kind.shape} is expected. Bring all rows to one shape with dataset.map(…)."
        )
    _check_numbers(numbers, kind.dtype, np.arange(len(numbers)) * len(cells) // len(numbers), what)
    return numbers.astype(kind.dtype).reshape(len(cells), *shape)


def texts_of_lists(cells: Any, tokens: int | None, what: str) -> list[str | None]:
    """Returns lists of words as texts, a space between the words; None where a row has none.

    Text encoders split texts at white space, and so the words are found again.

    Raises:
        ValueError: If a word is empty or has white space in it, naming the row.

    >>> import pyarrow
    >>> texts_of_lists(pyarrow.array([["EU", "rejects"], None]), None, "column 'tokens'")
    ['EU rejects', None]
    """
    found: list[str | None] = []
    for row, words in enumerate(cells.to_pylist()):
        kept = None if words is None else words[:tokens]
        wrong = [word for word in kept or () if word is None or len(word.encode().split()) != 1
                 or word.encode().strip() != word.encode()]  # fmt: skip
        if wrong:
            raise ValueError(
                f"{what} holds the word {wrong[0]!r} in row {row + 1}. A word is neither empty nor "
                "has white space in it: replace it with dataset.map(…)."
            )
        found.append(None if kept is None else " ".join(kept))
    return found


def _unpacked(cells: Any) -> tuple[Any, list[int], int | None]:
    """Returns what is in the lists of lists, their longest lengths, and the first odd row."""
    import pyarrow as pa

    rows, shape, odd = len(cells), [], None
    while isinstance(cells, (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray)):
        lengths = _lengths(cells)
        shape.append(int(lengths.max(initial=0)))
        different = lengths != lengths[:1]
        if odd is None and different.any():
            odd = int(different.argmax()) * rows // len(lengths)
        cells = cells.flatten()
    return cells, shape, odd


def _lengths(cells: Any) -> np.ndarray:
    """Returns the length of each list, 0 where there is none."""
    import pyarrow.compute as pc

    return pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False).astype("int64")


def _check_numbers(numbers: np.ndarray, dtype: str, rows: np.ndarray, what: str) -> None:
    """Raises `ValueError` for what is no number of this type; `rows` has the row of each."""
    values = numbers.astype("float64")
    problem, wrong = "no number", np.isnan(values)
    if not wrong.any():
        limits = np.finfo("float32") if dtype == "float32" else np.iinfo("int32")
        problem = f"a number beyond {dtype}"
        wrong = (values < float(limits.min)) | (values > float(limits.max))
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(
            f"{what} holds {problem} in row {rows[place] + 1}: {values[place]}. Correct it, or "
            "leave the row out."
        )


def _filled_up(numbers: np.ndarray, lengths: np.ndarray, width: int, what: str) -> np.ndarray:
    """Returns the first `width` tokens of each row, filled up with 0."""
    found = np.zeros((len(lengths), width), "int32")
    places = np.arange(len(numbers)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found[np.arange(width) < lengths[:, None]] = numbers[places < width]
    followed = (found[:, :-1] == 0) & (found[:, 1:] != 0)
    if followed.any():
        row = int(followed.any(axis=1).argmax()) + 1
        raise ValueError(
            f"{what} holds the token 0 in row {row}, but 0 fills up shorter rows. "
            f"Number the tokens from 1 with dataset.map(…). {_LEAVE_OUT}"
        )
    return found


def _check_all_there(cells: Any, what: str) -> None:
    if cells.null_count:
        row = int(cells.is_null().to_numpy(zero_copy_only=False).argmax()) + 1
        raise ValueError(f"{what} has no list in row {row}. Leave the row out.")
