"""Charts as lines of text, with a legend above all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.segment import Segment
from rich.style import Style

from mnist_tui.charts.plot import Ink, LineStyle, Plot
from mnist_tui.charts.renderer import PlotRenderer
from mnist_tui.lab.overlay import LOOKS, Look
from mnist_tui.lab.run_plots import is_training
from mnist_tui.text.visible_text import in_columns, shorten

_DIM = Style(dim=True)
_INKS = {
    Ink.PLAIN: Style(),
    Ink.AXIS: _DIM,
    Ink.LABEL: Style(),
    Ink.BOUNDARY: _DIM,
    Ink.CURSOR: Style(),
    Ink.GAP: Style(color="red"),
    Ink.ANNOTATION: Style(),
}
LOWEST = 8
"""Lines that a chart takes, however low the terminal is."""

Drawn = list[list[Segment]]
"""Lines from top to bottom, without line ends."""

SIZE = (100, 30)
"""Columns and rows of a picture, and of what is printed where there is no terminal."""


def look_of(index: int) -> Look:
    turn, place = divmod(index, len(LOOKS))
    # Where the colours begin again, the signs are others.
    return replace(LOOKS[place], sign=LOOKS[(place + turn) % len(LOOKS)].sign)


def legend(
    rows: Sequence[Sequence[str]], looks: Sequence[Look], width: int
) -> Iterator[list[Segment]]:
    """A line for each of what is drawn: how it looks, and what `rows` say of it."""
    for look, text in zip(looks, in_columns(rows), strict=True):
        sign = Segment(f"━{look.sign}", Style(color=look.color))
        yield [sign, Segment(shorten(f" {text}", width - 2))]


def chart_lines(plot: Plot, title: str, width: int, height: int) -> Iterator[list[Segment]]:
    """`plot` under its title, without a legend of its own."""
    # The legend above says more than the chart's own, whose line goes to the title.
    curves = [replace(curve, label="") for curve in plot.curves]
    plot = replace(plot, curves=curves, empty="These runs have no figures yet.")
    picture = PlotRenderer().render(plot, width, height)
    styles = [*_INKS.values(), *(Style(color=curve.color, dim=curve.dim) for curve in curves)]
    notes = {
        "dotted: training, smoothed": any(map(is_training, curves)),
        "dashed: one deviation over seeds": any(
            curve.dim and curve.line is LineStyle.DASHED for curve in curves
        ),
    }
    note = "; ".join(words for words, said in notes.items() if said)
    yield [Segment(title, Style(bold=True)), Segment(f"  {note}".rstrip(), _DIM)]
    for y in range(1, len(picture.header) + len(picture.codes)):
        yield picture.row(y, styles)
