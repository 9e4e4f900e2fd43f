"""Column names → names that Keras layers and SavedModel signatures accept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from ...names import is_reserved


def identifier(column: object) -> str:
    """Returns a column's name as letters, digits and underscores, starting with a letter.

    Accents are dropped and every other character becomes an underscore; SavedModel signatures
    would do the same to dashes, spaces and dots, and fail on other characters. A name without a
    single letter or digit of the Latin alphabet becomes "column".

    >>> identifier("hours-per-week"), identifier("1st floor"), identifier("Größe [m²]")
    ('hours_per_week', 'column_1st_floor', 'Groe_m2')
    """
    text = unicodedata.normalize("NFKD", str(column)).encode("ascii", "ignore").decode()
    text = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    if not text:
        return "column"
    return text if text[0].isalpha() else f"column_{text}"


def input_name(column: object) -> str:
    """Returns the name of a column as an argument of a SavedModel signature.

    Words of Python cannot be arguments, and "self" is one of TensorFlow's own.

    >>> input_name("hours-per-week"), input_name("class")
    ('hours_per_week', 'column_class')
    """
    name = identifier(column)
    return f"column_{name}" if is_reserved(name) else name


def column_names(columns: Any) -> tuple[str, ...]:
    """Returns one or several columns as a tuple of text, as the tables have their names.

    >>> column_names("age"), column_names([0, "age"])
    (('age',), ('0', 'age'))
    """
    several = [columns] if isinstance(columns, (str, Integral)) else columns
    return tuple(str(column) for column in several)


def identifiers(
    columns: Iterable[object], taken: Iterable[str] = (), suffix: str = ""
) -> dict[str, str]:
    """Returns `{identifier: column}` with names that inputs of a SavedModel can have.

    A number is appended where two columns would share one: to TensorFlow "Age" and "age" are the
    same. "column_" comes before what is no name of an argument in Python.

    Args:
        columns: The columns.
        taken: Identifiers of others.
        suffix: Put behind each identifier, and behind its number.

    >>> identifiers(["a b", "a-b", "年齢"])
    {'a_b': 'a b', 'a_b_2': 'a-b', 'column': '年齢'}
    >>> identifiers(["Age", "age", "class"])
    {'Age': 'Age', 'age_2': 'age', 'column_class': 'class'}
    """
    found: dict[str, str] = {}
    used = {name.lower() for name in taken}
    for column in columns:
        base = input_name(column)
        name, count = base + suffix, 1
        while name.lower() in used:
            count += 1
            name = f"{base}_{count}{suffix}"
        used.add(name.lower())
        found[name] = str(column)
    return found
