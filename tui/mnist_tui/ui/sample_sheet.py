"""A sheet of labelled digits as lines of text: pure functions of the samples and the size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import ceil

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mnist_tui.text.digits import Pictures
from mnist_tui.text.visible_text import class_name, shorten
from mnist_tui.ui.picture_album import SentPictures
from mnist_tui.ui.pixels import bare_paper, full_ink

Predictions = NDArray[np.uint8] | NDArray[np.uint16]

Trade = tuple[tuple[int, int], ...]
_TRADE: Trade = ((4, 2), (5, 4), (6, 12), (7, 10_000))
"""(lines, digits): pictures may be as small as so many lines until so many digits fit.

Below 4 lines a handwritten digit is a smudge, below 6 its characters are read with some care; from
7 on more room means more digits.
"""
_COLUMN_GAP = 2
_SHORT_NAME = 2
"""Cells of a class name up to which both labels stand on one line: 6 → 5 ✗."""
_SHORT_SIGNS = " →  ✗"
_LONG_SIGNS = "→  ✗"
_CONFIDENCE = " 100 %"
_NAME_COLUMNS = 9
"""Cells that a longer class name is given before it is shortened."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The examples to show, in order of preference."""

    images: NDArray[np.uint8]
    """(samples, height, width), full ink = 255."""
    true_labels: NDArray[np.uint16]
    """(samples,), indices into `class_names`."""
    class_names: tuple[str, ...]
    """Without control characters."""

    @property
    def longest_name(self) -> int:
        """In terminal cells."""
        return max(map(cell_len, self.class_names), default=1)

    def name(self, label: int) -> str:
        """The class name, or the number of a class that has none."""
        return class_name(label, self.class_names)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where the digits stand: a grid of equal pictures, spread evenly over the whole size."""

    width: int
    height: int
    across: int
    down: int
    columns: int
    """Cells of a picture from left to right."""
    rows: int
    """Cells of a picture from top to bottom."""
    label_rows: int

    @property
    def count(self) -> int:
        """Places for pictures; the last row of the grid may have more than there are samples."""
        return self.across * self.down

    def left(self, column: int) -> int:
        """The first cell of a column of the grid; `left(across)` is the width."""
        return column * self.width // self.across

    def top(self, row: int) -> int:
        """The first line of a row of the grid; `top(down)` is the height."""
        return row * self.height // self.down

    def position(self, x: int, y: int) -> int:
        """Which picture, from 0, is nearest to the cell (x, y)."""
        column = next(c for c in range(self.across) if x < self.left(c + 1))
        row = next(r for r in range(self.down) if y < self.top(r + 1))
        return row * self.across + column


@dataclass(frozen=True, slots=True)
class SheetStyles:
    """How the parts are drawn."""

    ink: Style
    """A digit; half-blocks blend from its background to its foreground."""
    label: Style
    wrong: Style
    """A wrong digit and its labels. The sign ✗ says the same without colour."""
    cursor: Style
    """The labels of the digit under the cursor."""


def arrange(
    width: int,
    height: int,
    image_shape: tuple[int, int],
    count: int,
    longest_name: int = 1,
    *,
    confidences: bool = False,
    trade: Trade = _TRADE,
) -> Sheet | None:
    """Spread at most `count` pictures over width x height cells.

    Small pictures are traded for more of them as `trade` says; then all grow into the room that
    is left. None when not even one fits. `image_shape` is (height, width) in pixels,
    `longest_name` in cells; with `confidences` there is room for one beside each label.
    """
    longer = len(_CONFIDENCE) if confidences else 0
    sheets = [
        sheet
        for rows in range(1, height)
        if (sheet := _sheet_of(rows, width, height, image_shape, count, longest_name, longer))
    ]
    if not sheets:
        return None

    def places(rows: int) -> int:
        return max((sheet.count for sheet in sheets if sheet.rows >= rows), default=0)

    wanted = min(count, max(min(digits, places(rows)) for rows, digits in trade))
    enough = (sheet for sheet in sheets if sheet.count >= wanted)
    return max(enough, key=lambda sheet: sheet.rows)


def _sheet_of(
    rows: int,
    width: int,
    height: int,
    image_shape: tuple[int, int],
    count: int,
    longest_name: int,
    longer: int,
) -> Sheet | None:
    """The sheet with pictures `rows` tall, or None when not one of them fits.

    Labels have `longer` more cells than the names need.
    """
    pixels_down, pixels_across = image_shape
    columns = max(1, round(2 * rows * pixels_across / pixels_down))
    if rows == 1:
        # An image that is wider than a line can be is drawn in one all the same, and thicker.
        columns = min(columns, width)
    if longest_name <= _SHORT_NAME:
        label_rows, row_gap = 1, 1
        label_columns = 2 * longest_name + len(_SHORT_SIGNS) + longer
    else:
        # The second line is blank under right digits and sets the rows apart by itself.
        label_rows, row_gap = 2, 0
        label_columns = min(longest_name, _NAME_COLUMNS) + len(_LONG_SIGNS) + longer
    across = (width + _COLUMN_GAP) // (max(columns, label_columns) + _COLUMN_GAP)
    down = (height + row_gap) // (rows + label_rows + row_gap)
    used = min(count, across * down)
    if used == 0:
        return None
    down = ceil(used / across)
    return Sheet(width, height, ceil(used / down), down, columns, rows, label_rows)


def draw(
    samples: Samples,
    pictures: Pictures,
    predictions: Predictions | None,
    sheet: Sheet,
    styles: SheetStyles,
    cursor: int | None = None,
) -> list[Strip]:
    """The lines of the sheet. `pictures` holds the samples' images at the sheet's size.

    The sample at `cursor` is marked, also without colour.
    """
    lines: list[list[Segment]] = [[] for _ in range(sheet.height)]
    for row in range(sheet.down):
        top, bottom = sheet.top(row), sheet.top(row + 1)
        top += (bottom - top - sheet.rows - sheet.label_rows) // 2
        for column in range(sheet.across):
            index = row * sheet.across + column
            if index >= len(pictures.lines):
                break
            width = sheet.left(column + 1) - sheet.left(column)
            at_cursor = index == cursor
            tile = _tile(samples, pictures, predictions, index, sheet, width, styles, at_cursor)
            for line, segments in zip(lines[top:], tile, strict=False):
                line += segments
    paper = Style(bgcolor=styles.ink.bgcolor)
    return [Strip(line).adjust_cell_length(sheet.width).apply_style(paper) for line in lines]


def _tile(
    samples: Samples,
    pictures: Pictures,
    predictions: Predictions | None,
    index: int,
    sheet: Sheet,
    width: int,
    styles: SheetStyles,
    at_cursor: bool,
) -> Iterator[list[Segment]]:
    """One picture above its labels, line by line, centred in `width` cells."""
    true = int(samples.true_labels[index])
    predicted = true if predictions is None else int(predictions[index])
    ink, label = (styles.ink, styles.label) if predicted == true else (styles.wrong, styles.wrong)
    for segments in picture_lines(pictures, index, ink, styles.ink):
        yield centred(segments, sheet.columns, width)
    room = width - 1 if sheet.across > 1 else width
    lines = label_lines(samples.name(true), samples.name(predicted), sheet.label_rows, room)
    if at_cursor:
        lines[0], label = shorten(f"▸{lines[0]}", room), label + styles.cursor
    for text in lines:
        yield centred([Segment(text, label)], cell_len(text), width)


def picture_lines(
    pictures: Pictures, index: int, ink: Style, paper: Style
) -> Iterator[list[Segment]]:
    """The rows of one picture; half-blocks blend from paper's background to ink's foreground."""
    if isinstance(pictures, SentPictures):
        background = Style(bgcolor=paper.bgcolor)
        for segment in pictures.painted(index, ink.color):
            yield list(Segment.apply_style([segment], background))
        return
    for row, text in enumerate(pictures.lines[index]):
        if pictures.shades is None:
            yield [Segment(text, ink)]
        else:
            coarse = (pictures.shades[index, row] >> 3).tobytes()
            yield list(_half_blocks(coarse, ink.color, paper.bgcolor))


def label_lines(
    true: str, predicted: str, rows: int, width: int, confidence: str = ""
) -> list[str]:
    """What stands in `rows` (1 or 2) lines under a picture, none wider than `width` cells.

    The true name, when it differs the predicted one, and, where it fits, the confidence.
    """
    wrong = predicted != true
    if rows == 1:
        label = shorten(f"{true} → {predicted} ✗" if wrong else true, width)
        return [_joined(label, " " if wrong else " · ", confidence, width)]
    signs = cell_len(_LONG_SIGNS) + (cell_len(confidence) + 1 if confidence else 0)
    second = f"→ {shorten(predicted, max(width - signs, 1))} ✗" if wrong else ""
    return [shorten(true, width), _joined(second, " " if second else "", confidence, width)]


def _joined(label: str, gap: str, confidence: str, width: int) -> str:
    whole = f"{label}{gap}{confidence}" if confidence else label
    return whole if cell_len(whole) <= width else shorten(label, width)


def centred(segments: Sequence[Segment], columns: int, width: int) -> list[Segment]:
    """`segments`, `columns` cells wide together, with blanks on both sides up to `width`."""
    left = max(0, (width - columns) // 2)
    right = max(0, width - columns - left)
    return [Segment(" " * left), *segments, Segment(" " * right)]


@lru_cache(maxsize=1024)
def _half_blocks(coarse: bytes, ink: Color | None, paper: Color | None) -> tuple[Segment, ...]:
    """One row of cells, runs of equal ones joined, from an upper and a lower byte for each: parts
    of ink out of 31.

    Cached, since live screens draw the same digits again.
    """
    cells = zip(coarse[::2], coarse[1::2], strict=True)
    return tuple(
        Segment("▀" * len(list(run)), _half_block_style(ink, paper, upper, lower))
        for (upper, lower), run in groupby(cells)
    )


@lru_cache(maxsize=4096)
def _half_block_style(ink: Color | None, paper: Color | None, upper: int, lower: int) -> Style:
    """The style of one ▀ whose halves have `upper` and `lower` of 31 parts of ink."""
    full, none = full_ink(ink), bare_paper(paper)

    def blend(parts: int) -> Color:
        mixed = (round(n + (f - n) * parts / 31) for f, n in zip(full, none, strict=True))
        return Color.from_rgb(*mixed)

    return Style(color=blend(upper), bgcolor=blend(lower))


def title_text(
    run_name: str,
    epoch: int | None,
    true_labels: NDArray[np.uint16],
    predictions: Predictions | None,
    width: int,
) -> str:
    """What is shown and as of when: `Samples · run 7 · epoch 3 · 22 of 24 right`, or less if that
    is too wide; of none that are shown nothing is counted.
    """
    parts = ["Samples"]
    if predictions is not None:
        if run_name:
            parts.append(run_name)
        if epoch is not None:
            parts.append(f"epoch {epoch}")
        if len(true_labels):
            right = int((predictions == true_labels).sum())
            parts.append(f"{right} of {len(true_labels)} right")
    while len(" · ".join(parts)) > width and len(parts) > 1:
        del parts[0]
    return " · ".join(parts)
