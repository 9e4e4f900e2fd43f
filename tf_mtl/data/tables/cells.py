"""What the cells of a column are, told piece by piece: its content, its dtype and its kind."""

from __future__ import annotations

import re
import reprlib
import warnings
from typing import Any

import numpy as np

from .frames import content_of, row_name

_ISO_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?"
)
# What people read as a number or a date, and what pandas may leave as text.
# \s has the spaces that keep a number in one line; \u2212 is the minus of typesetters.
_SIGN = "[-+\u2212]?"
_NUMBER = rf"{_SIGN}\d+([.,]\d+)?|{_SIGN}\d{{1,3}}([.,\s'\u2019]\d{{3}})+([.,]\d+)?"
_TIME = r"(,?[ T]\d{1,2}[:.]\d{2}([:.]\d{2}([.,]\d+)?)?(\s?[AaPp]\.?[Mm]\.?)?)?"
_DAY = r"\d{1,2}(?P<mark>[./-])\d{1,2}(?P=mark)\d{2,4}|\d{4}(?P<sign>[./-])\d{1,2}(?P=sign)\d{1,2}"
_DATE = rf"({_DAY}){_TIME}"
_WRITTEN = re.compile(rf"{_SIGN}[$€£¥]?\s?({_NUMBER})\s?[$€£¥%]?|{_DATE}")
# A column of text with at least this share of numbers is taken for numbers with stray cells.
MOSTLY = 0.9
# Numbers that float32 cannot divide into so many steps are hardly told apart.
_STEPS = 256


def is_written(text: str) -> bool:
    """Whether text looks like a number or a date, as people or other programs write them."""
    text = text.strip()
    return bool(_WRITTEN.fullmatch(text) or _ISO_DATE.fullmatch(text))


def coarse_step(least: float, greatest: float) -> float:
    """Returns how far numbers in a range lie apart as float32 if they become equal, otherwise 0."""
    if least == greatest:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        step = float(np.spacing(np.float32(max(abs(least), abs(greatest)))))
    return step if (greatest - least) / step < _STEPS else 0.0


class Cells:
    """The cells of one column, of which no more is kept than tells its kind.

    A table in memory is one piece. Of a table that is read in pieces, pandas chooses the dtype of a
    column for each piece; `dtype` is what it would have chosen for the whole.

    >>> import pandas
    >>> cells = Cells()
    >>> for piece in ([1, 2], [3.5, None], ["old"]):
    ...     _ = cells.add(pandas.Series(piece))
    >>> cells.content, cells.dtype() is str
    ('text', True)
    """

    def __init__(self) -> None:
        self._contents: set[str] = set()
        self._samples: dict[str, Any] = {}
        self._typed: set[str] = set()
        self._has_text = False
        self._only_dates = True
        self._present = 0
        self._stray = 0
        self._first_stray = ("", "")
        self._odd = 0
        self._first_odd = ""
        self._written = ("", "")
        self._refused = ""
        self._least, self._greatest = np.inf, -np.inf
        self._rounded = False

    def add(self, series: Any) -> str:
        """Takes note of the next rows of the column, and returns their content."""
        import pandas as pd

        content = content_of(series)
        if content:
            self._contents.add(content)
        self._samples.setdefault(str(series.dtype), series.iloc[:1])
        if series.dtype.kind == "M" or isinstance(series.dtype, pd.DatetimeTZDtype):
            self._typed.add("date")
        elif isinstance(series.dtype, pd.CategoricalDtype):
            self._typed.add("category")
        elif series.dtype.kind in "biuf":
            self._look_at_numbers(series)
            self._count(series, series.notna() if series.dtype.kind == "b" else None)
        else:
            self._add_objects(series)
        return content

    @property
    def content(self) -> str:
        """What `content_of` says of all cells: whatever is mixed is text."""
        return "text" if len(self._contents) > 1 else next(iter(self._contents), "")

    def dtype(self) -> Any:
        """Returns the dtype of the whole column: `str` for text, None for dates and categories."""
        import pandas as pd

        if self._typed:
            return None
        if self.content == "text":
            return str
        samples = list(self._samples.values())
        return samples[0].dtype if len(samples) == 1 else pd.concat(samples).dtype

    def kind(self, what: str) -> str:
        """Returns "number", "category" or "date".

        Args:
            what: The column, for errors.

        Raises:
            ValueError: If the cells cannot be an input, or are almost but not all numbers.

        Warns:
            UserWarning: If text looks like numbers or dates, or numbers become equal in float32.
        """
        if self._refused:
            raise ValueError(
                f"{what} holds {self._refused}. Inputs are numbers, bools, text, categories or "
                "dates: convert the column, or leave it out with `ignore`."
            )
        if self._typed:
            return "category" if "category" in self._typed else "date"
        if not self._has_text and len(self._contents) < 2:
            self._check_steps(what)
            return "number"
        if self._only_dates:
            return "date"
        if MOSTLY <= 1 - self._stray / max(self._present, 1) < 1:
            cell, row = self._first_stray
            raise ValueError(
                f"{what} holds numbers but for {self._stray} cells, the first of them {cell} in "
                f"{row}. Declare it a missing value (from_csv: missing_values=[{cell}]), or list "
                "the column in `categorical` of the encoding. Numbers such as 1,5 need decimal=','."
            )
        if any(self._written) and 1 - self._odd / self._present >= MOSTLY:
            cell, row = self._written
            warnings.warn(
                f"{what} holds text that looks like numbers or dates, such as {cell} in {row}, and "
                f"becomes categories{self._first_odd}. Convert it (pandas.to_numeric, "
                "pandas.to_datetime; from_csv: decimal=','), or list the column in `categorical` "
                "of the encoding if it is right.",
                stacklevel=2,
            )
        return "category"

    def _look_at_numbers(self, series: Any) -> None:
        """Takes note of the range, and whether float32 holds the numbers as they are."""
        numbers = series.to_numpy("float64", na_value=np.nan)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            return
        least, greatest = float(numbers.min()), float(numbers.max())
        if series.dtype.kind in "iu" and max(-least, greatest) >= 2**53:
            # float64 has rounded them already, and they may be equal there.
            least, greatest, self._rounded = int(series.min()), int(series.max()), True
        self._least, self._greatest = min(self._least, least), max(self._greatest, greatest)
        with np.errstate(over="ignore"):
            self._rounded |= bool((numbers.astype("float32") != numbers).any())

    def _look_at_large_numbers(self, values: Any) -> None:
        """Does so with Python's numbers, which may be beyond all dtypes."""
        numbers = [value for value in values if abs(value) < np.inf]
        if numbers:
            self._least = min(self._least, *numbers)
            self._greatest = max(self._greatest, *numbers)
            with np.errstate(over="ignore"):
                self._rounded |= any(float(np.float32(value)) != value for value in numbers)

    def _check_steps(self, what: str) -> None:
        """Warns of numbers that lie too close to each other for float32, such as large ones."""
        step = coarse_step(self._least, self._greatest) if self._rounded else 0.0
        if step:
            warnings.warn(
                f"{what} holds numbers from {self._least:.17g} to {self._greatest:.17g}, which as "
                f"float32 lie {step:.3g} apart and become equal. Subtract a number from them, list "
                "them in `categorical` of the encoding, or leave the column out with `ignore`.",
                stacklevel=2,
            )

    def _add_objects(self, series: Any) -> None:
        import pandas as pd

        values = series.dropna()
        if not isinstance(series.dtype, pd.StringDtype):
            known = (str, bool, int, float, np.bool_, np.integer, np.floating)
            odd = next((value for value in values if not isinstance(value, known)), None)
            if odd is not None or series.dtype.kind not in "OUT":
                shown = (
                    f"dtype {series.dtype}"
                    if odd is None
                    else f"{type(odd).__name__} {reprlib.repr(odd)}"
                )
                self._refused = self._refused or shown
                return
        different = pd.Series(values.unique(), dtype=object)
        self._has_text |= any(isinstance(value, str) for value in different)
        if not self._has_text:
            self._look_at_large_numbers(different)
        stray = different[pd.to_numeric(different, errors="coerce").isna()]
        self._only_dates = self._only_dates and all(
            _ISO_DATE.fullmatch(str(value).strip()) for value in different
        )
        self._count(series, series.isin(stray) if len(stray) else None, dates=True)
        self._look_at_text(series, different)

    def _look_at_text(self, series: Any, different: Any) -> None:
        """Counts cells that do not look like numbers or dates, and finds one that does."""
        like = [value for value in different if is_written(str(value))]
        odd = (series.notna() & ~series.isin(like)).to_numpy()
        self._odd += int(odd.sum())
        if odd.any() and not self._first_odd:
            place = int(odd.argmax())
            where = row_name(series.index, place)
            self._first_odd = f" ({reprlib.repr(series.iloc[place])} in {where} does not)"
        # Digits alone may be a code: it is text because somebody wanted it to be.
        sure = [value for value in like if not str(value).strip().isdigit()]
        if sure and not any(self._written):
            place = int(series.isin(sure).to_numpy().argmax())
            self._written = (repr(series.iloc[place]), row_name(series.index, place))

    def _count(self, series: Any, stray: Any, dates: bool = False) -> None:
        """Counts cells, and those that are no number in text."""
        present = int(series.notna().sum())
        self._present += present
        self._only_dates = self._only_dates and (dates or not present)
        if stray is None or not stray.any():
            return
        self._stray += int(stray.sum())
        if not any(self._first_stray):
            place = int(stray.to_numpy().argmax())
            self._first_stray = (repr(series.iloc[place]), row_name(series.index, place))
