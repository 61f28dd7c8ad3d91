"""The nearest training examples as a sheet of digits, each with its label and distance."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mnist_tui.mistakes.explanation import Nearby
from mnist_tui.mistakes.sample_text import SampleDetail
from mnist_tui.text.cropping import cropped, cropped_shape
from mnist_tui.text.digits import Pictures
from mnist_tui.text.styled_text import Tone
from mnist_tui.text.visible_text import shorten
from mnist_tui.ui.sample_sheet import Sheet, Trade, arrange, centred, label_lines, picture_lines

_TRADE: Trade = ((4, 3), (5, 4), (7, 6), (10, 10_000))
"""(lines, digits), as for other sheets: a few that can be compared say more than many."""


def neighbour_lines(
    nearby: Nearby,
    detail: SampleDetail,
    width: int,
    height: int,
    render: Callable[[NDArray[np.uint8], int, int], Pictures],
    ink_style: Style,
    tone_style: Callable[[Tone], Style],
) -> list[list[Segment]]:
    """As many as have room in width x height cells, without their margins, the nearest first.

    `render` draws images (n, height, width), full ink = 255, in so many columns and rows. A label
    has the colour of right where it is the sample's, and of wrong where it is what the model said.
    """
    examples = nearby.examples
    shape = cropped_shape(examples.images, detail.dark_on_light)
    names = [detail.name(int(label)) for label in examples.labels]
    longest = max(map(cell_len, names), default=1)
    sheet = arrange(width, height, shape, len(examples), longest, confidences=True, trade=_TRADE)
    lines: list[list[Segment]] = [[] for _ in range(height)]
    if sheet is None:
        return lines
    images = cropped(examples.images[: sheet.count], shape, detail.dark_on_light)
    pictures = render(images, sheet.columns, sheet.rows)
    for place, label in enumerate(examples.labels[: sheet.count].tolist()):
        row, column = divmod(place, sheet.across)
        cells = sheet.left(column + 1) - sheet.left(column)
        style = tone_style(_tone(label, detail))
        distance = _distance(float(nearby.distances[place]))
        labels = label_lines(names[place], names[place], sheet.label_rows, cells - 1, distance)
        tile = _tile(pictures, place, labels, sheet, cells, ink_style, style)
        for line, segments in zip(lines[sheet.top(row) :], tile, strict=False):
            line += segments
    return lines


def _tile(
    pictures: Pictures,
    place: int,
    labels: list[str],
    sheet: Sheet,
    cells: int,
    ink_style: Style,
    label_style: Style,
) -> Iterator[list[Segment]]:
    for segments in picture_lines(pictures, place, ink_style, ink_style):
        yield centred(segments, sheet.columns, cells)
    for label in labels:
        text = shorten(label, max(1, cells - 1))
        yield centred([Segment(text, label_style)], cell_len(text), cells)


def _tone(label: int, detail: SampleDetail) -> Tone:
    if label == detail.true:
        return Tone.RIGHT
    return Tone.WRONG if label == detail.predicted else Tone.QUIET


def _distance(distance: float) -> str:
    return f"{distance:.2f}" if distance < 99.995 else f"{distance:.0f}"
