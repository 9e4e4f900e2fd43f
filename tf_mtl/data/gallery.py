"""Examples of a data set as a picture: images, texts, sounds and rows, with their labels."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .description import unchanged_order
from .inspection import count_rows
from .labels.labels import MISSING
from .splits import Splits
from .targets import Target

_WAVEFORM = 256  # numbers from which a vector is drawn as a curve
_LINES = 12
_FRAMES = 4
_NONE = "–"


def show(
    data: Any,
    targets: Mapping[str, Target] | None = None,
    *,
    examples: int = 12,
    columns: int = 4,
) -> Any:
    """Returns a figure with examples of a data set and the labels of all tasks.

    Images are drawn with their boxes and masks, videos as some of their frames, waveforms as a
    curve above its spectrogram (frequencies up to half the sampling rate), texts and rows of a
    table in words. A missing label is a dash.

    Args:
        data: `Splits`, of which training rows are shown, or batches `(x, {task: y})`: a
            `tf.data.Dataset` or any other iterable.
        targets: `{task: Target}` for batches that come without `Splits`.
        examples: How many.
        columns: Examples side by side.

    Returns:
        `matplotlib.figure.Figure`; a notebook shows it, `savefig` writes it.

    Raises:
        ValueError: If there is no row, or the labels are no dictionary.

    >>> import tf_mtl
    >>> len(show(tf_mtl.data.load("digits"), examples=6, columns=3).axes)
    6
    """
    from matplotlib.figure import Figure  # not pyplot, which keeps figures

    if examples < 1 or columns < 1:
        raise ValueError(
            f"`examples` and `columns` must be at least 1, not {examples} and {columns}."
        )
    if isinstance(data, Splits):
        targets = targets or data.targets
    rows = _rows(data, examples)
    columns = min(columns, len(rows))
    lines = math.ceil(len(rows) / columns)
    pictures = any(map(_is_picture, keras.tree.flatten(rows[0][0])))
    height = 3.1 if pictures else 0.7 + 0.16 * (_LINES + len(rows[0][1]))
    figure = Figure(figsize=(3.1 * columns, height * lines), layout="constrained")
    cells = figure.subfigures(lines, columns, squeeze=False).ravel()
    for cell, (x, y) in zip(cells, rows, strict=False):
        _draw_row(cell, x, y, targets or {})
    return figure


def _rows(data: Any, count: int) -> list[tuple[Any, dict[str, Any]]]:
    """Returns the first rows as (x, {task: y})."""
    rows: list[tuple[Any, dict[str, Any]]] = []
    with unchanged_order(data):
        for batch in data.train if isinstance(data, Splits) else data:
            x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
            if not isinstance(y, Mapping):
                raise ValueError(
                    f"The labels are a {type(y).__name__}. Give batches (x, {{task: y}})."
                )
            x = keras.tree.map_structure(np.asarray, x)
            y = {task: np.asarray(labels) for task, labels in y.items()}
            for row in range(count_rows(y)):
                rows.append(keras.tree.map_structure(lambda a, row=row: a[row], (x, y)))
                if len(rows) == count:
                    return rows
    if not rows:
        raise ValueError("The data set holds no row.")
    return rows


def _draw_row(cell: Any, x: Any, y: Mapping[str, Any], targets: Mapping[str, Target]) -> None:
    inputs = x if isinstance(x, Mapping) else {"": x}
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    drawn = next((name for name, value in inputs.items() if _is_picture(value)), None)
    words = [_input_words(name, value) for name, value in inputs.items() if name != drawn]
    titles = [
        f"{task}: {_label_words(value, targets.get(task))}"
        for task, value in y.items()
        if not (drawn is not None and _kind(targets.get(task)) in ("box", "segmentation"))
    ]
    if drawn is not None:
        titles += words
    shortened = [textwrap.shorten(title, 40, placeholder="…") for title in titles[:_LINES]]
    cell.suptitle("\n".join(shortened), fontsize=9, parse_math=False)
    if drawn is None:
        _draw_words(cell.subplots(), words)
    elif inputs[drawn].ndim == 1:
        curve, spectrum = cell.subplots(2, 1)
        _draw_waveform(curve, spectrum, inputs[drawn])
    else:
        axis = cell.subplots()
        image = _image(inputs[drawn])
        axis.imshow(image, cmap="gray", interpolation="nearest", vmin=0, vmax=1)
        axis.set_axis_off()
        for task, value in y.items():
            _draw_place(axis, np.asarray(value), targets.get(task), image.shape)


def _kind(target: Target | None) -> str:
    return target.kind if target else ""


def _is_picture(value: Any) -> bool:
    value = np.asarray(value)
    if value.dtype.kind not in "biuf":
        return False
    if value.ndim == 1:  # whole numbers of another size are those of words
        return len(value) >= _WAVEFORM and (value.dtype.kind == "f" or value.dtype == "int16")
    if value.ndim == 2:
        return min(value.shape) > 1
    return value.ndim in (3, 4)


def _image(value: np.ndarray) -> np.ndarray:
    """Returns `[height, width]` or `[height, width, 3 or 4]`, from 0 to 1."""
    if value.ndim == 4:
        chosen = np.linspace(0, len(value) - 1, min(len(value), _FRAMES)).astype(int)
        value = np.concatenate(list(value[chosen]), axis=1)
    if value.ndim == 3 and value.shape[-1] not in (3, 4):
        value = value[..., 0]
    scaled = value.dtype == "uint8" or value.ndim == 3
    value = np.nan_to_num(value.astype("float64"))  # a missing input is NaN throughout
    low, high = min(value.min(), 0), value.max()
    if low == 0 and high <= 1:
        return value
    if low == 0 and high <= 255 and scaled:
        return value / 255
    return (value - low) / (high - low or 1)  # grey ones of few shades too, as 0 … 16


def _draw_place(
    axis: Any, value: np.ndarray, target: Target | None, shape: tuple[int, ...]
) -> None:
    """Draws a box or a mask over an image."""
    from matplotlib.patches import Rectangle

    kind = _kind(target)
    if kind == "box" and not np.isnan(value).any():
        x, y, right, bottom = value * [shape[1], shape[0], shape[1], shape[0]] - 0.5
        axis.add_patch(Rectangle((x, y), right - x, bottom - y, fill=False, color="#ee7733",
                                 linewidth=1.6))  # fmt: skip
    elif kind == "segmentation":
        count = target.num_classes if target else None
        # Neither missing nor the background, nor void.
        classes = np.ma.masked_outside(value, 1, (count or np.inf) - 1)
        axis.imshow(classes % 10, cmap="tab10", alpha=0.5, interpolation="nearest", vmin=0, vmax=9,
                    extent=(-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5))  # fmt: skip


def _draw_waveform(curve: Any, spectrum: Any, value: np.ndarray) -> None:
    from matplotlib.mlab import specgram

    value = np.nan_to_num(value.astype("float64"))
    curve.plot(value, color="#4477aa", linewidth=0.6)
    curve.set_xlim(0, len(value))
    size = min(256, len(value))
    power = np.asarray(specgram(value, NFFT=size, noverlap=size // 2)[0])
    # 80 dB below the loudest; silence is one colour.
    floor = power.max() * 1e-8 or 1.0
    decibels = 10 * np.log10(np.maximum(power, floor))
    spectrum.imshow(decibels, origin="lower", aspect="auto", cmap="magma")
    for axis in (curve, spectrum):
        axis.set_xticks([])
        axis.set_yticks([])


def _draw_words(axis: Any, words: list[str]) -> None:
    more = [f"… and {len(words) - _LINES} others"] if len(words) > _LINES else []
    lines = [line for word in [*words[:_LINES], *more] for line in textwrap.wrap(word, 34) or [""]]
    axis.text(0, 1, "\n".join(lines[: _LINES + 1]), va="top", fontsize=8, parse_math=False,
              transform=axis.transAxes)  # fmt: skip
    axis.set_axis_off()


def _input_words(name: str, value: np.ndarray) -> str:
    flat = value.reshape(-1)
    words = " ".join(_word(one) for one in flat[:50])
    return f"{name}: {words}" if name else words


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace") or _NONE
    if isinstance(value, (float, np.floating)):
        return _NONE if np.isnan(value) else f"{value:.6g}"
    return str(value) or _NONE


def _label_words(value: Any, target: Target | None) -> str:
    value = np.asarray(value)
    names = target.class_names if target else None
    if target is not None and target.kind == "multilabel":
        chosen = np.flatnonzero(value == 1)
        words = [names[place] if names else str(place) for place in chosen]
        return _NONE if all(map(_is_missing, value.flat)) else ", ".join(words) or "none"
    if names and _kind(target) == "tagging":
        return " ".join(_class_word(tag, names) for tag in value)
    of_class = target.has_classes if target else value.dtype.kind in "iu"
    if of_class and value.size == 1 and value.dtype.kind in "biuf":
        return _class_word(value.flat[0], names)
    if value.size > _LINES:
        return f"{value.dtype} {value.shape}"
    return " ".join(_word(one) for one in value.reshape(-1))


def _class_word(number: Any, names: Sequence[str] | None) -> str:
    if _is_missing(number):
        return _NONE
    return names[int(number)] if names and number in range(len(names)) else _word(number)


def _is_missing(number: Any) -> bool:
    return bool(np.isnan(number)) or number == MISSING
