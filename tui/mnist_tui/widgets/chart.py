"""A chart that is drawn when what it shows has changed, and only then."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.charts.figure import Figure
from mnist_tui.charts.legend import read_out
from mnist_tui.charts.picture import Ink, Picture
from mnist_tui.charts.plot import Curve, Plot, XAxis, YAxis

_DIM = 0.5
"""How far a dim curve's colour goes towards the background."""

_COMPONENTS = {
    Ink.PLAIN: "chart--value",
    Ink.AXIS: "chart--axis",
    Ink.LABEL: "chart--label",
    Ink.BOUNDARY: "chart--boundary",
    Ink.CURSOR: "chart--cursor",
    Ink.GAP: "chart--gap",
}


class Chart(Widget, can_focus=True):
    """Curves over axes, with a legend and a cursor. It owns no timer: who appends points to a
    series calls `redraw`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_COMPONENTS.values())
    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        width: 1fr;
        & > .chart--value { color: $text; }
        & > .chart--axis { color: $foreground 30%; }
        & > .chart--label { color: $foreground 60%; }
        & > .chart--boundary { color: $foreground 15%; }
        & > .chart--cursor { color: $accent; }
        & > .chart--gap { color: $error; }
    }
    """

    class Pointed(Message):
        """The user clicked a place on the x axis."""

        def __init__(self, place: float) -> None:
            super().__init__()
            self.place = place

    def __init__(
        self,
        *,
        empty: str = "",
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        """`empty` is what stands there while no curve has points."""
        super().__init__(id=id, classes=classes)
        self._plot = Plot(empty=empty)
        self._figure = Figure()
        self._picture: Picture | None = None
        self._drawn_size = Size(0, 0)
        self._strips: list[Strip] = []
        self._styles: tuple[list[tuple[str, bool]], Style, list[Style]] | None = None
        self.compositions = 0
        """How often the chart was drawn."""

    @property
    def plot(self) -> Plot:
        """What the chart shows. Set it to show something else; the cursor is part of it."""
        return self._plot

    @plot.setter
    def plot(self, plot: Plot) -> None:
        self._plot = plot
        self.redraw()

    def show(
        self,
        curves: Sequence[Curve],
        *,
        x: XAxis | None = None,
        y: YAxis | None = None,
        boundaries: Sequence[float] = (),
    ) -> None:
        """Show `curves`, the later above the earlier; axes not given stay as they are.

        The cursor stays, unless the x axis counts something else now.
        """
        x = self._plot.x if x is None else x
        y = self._plot.y if y is None else y
        cursor = self._plot.cursor if x.column == self._plot.x.column else None
        self.plot = Plot(tuple(curves), x, y, boundaries, cursor, self._plot.empty)

    def redraw(self) -> None:
        """Draw again, since points were added or the plot is another; once a tick is enough.

        Only lines that look different go to the terminal.
        """
        if self._picture is None or self._drawn_size != self.size or not self.is_on_screen:
            self._picture = None
            self.refresh()
            return
        changed = self._draw()
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    @property
    def cursor(self) -> float | None:
        """The place on the x axis that is read out, None without a cursor."""
        return self._plot.cursor

    @cursor.setter
    def cursor(self, place: float | None) -> None:
        if place != self._plot.cursor:
            self.plot = replace(self._plot, cursor=place)

    def place_at(self, column: int) -> float | None:
        """The place on the x axis of a column of this widget's content; None without an axis."""
        canvas = self._composed().canvas
        return None if canvas is None else canvas.x_at(column)

    def read_out(self) -> dict[str, tuple[float, float] | None]:
        """Label -> (place, value) at the cursor; None for a curve that has not begun there."""
        picture = self._composed()
        return {} if picture.canvas is None else read_out(self._plot, picture.reach)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        place = self.place_at(offset.x) if offset is not None else None
        if place is not None:
            self.post_message(self.Pointed(place))

    def render_line(self, y: int) -> Strip:
        self._composed()
        if y >= len(self._strips):
            return Strip.blank(self.size.width, self.rich_style)
        return self._strips[y]

    def notify_style_update(self) -> None:
        """A theme or a style sheet has changed colours."""
        super().notify_style_update()
        self._picture = None
        self._styles = None

    def _composed(self) -> Picture:
        if self._picture is None or self._drawn_size != self.size:
            self._draw()
        assert self._picture is not None, "it has just been drawn"
        return self._picture

    def _draw(self) -> list[int]:
        """Compose the picture and bring the lines up to date; gives those that look different."""
        width, height = self.size
        before = self._picture if self._drawn_size == self.size else None
        styles_before = self._styles
        picture = self._figure.compose(self._plot, width, height)
        base, styles = self._palette()
        if before is None or self._styles is not styles_before:
            changed = list(range(height))
            self._strips = [Strip.blank(width)] * height
        else:
            changed = picture.rows_unlike(before)
        for y in changed:
            self._strips[y] = Strip(picture.row(y, styles)).adjust_cell_length(width, base)
        self._picture, self._drawn_size = picture, self.size
        self.compositions += 1
        return changed

    def _palette(self) -> tuple[Style, list[Style]]:
        """The style of blank cells, and one for each ink of the plot."""
        looks = [(curve.color, curve.dim) for curve in self._plot.curves]
        if self._styles is None or self._styles[0] != looks:
            base = self.rich_style
            styles = [self.get_component_rich_style(name) for name in _COMPONENTS.values()]
            styles += [base + self._curve_style(*look) for look in looks]
            self._styles = looks, base, styles
        return self._styles[1:]

    def _curve_style(self, name: str, dim: bool) -> Style:
        color = Color.parse(self.app.theme_variables[name[1:]] if name[:1] == "$" else name)
        if not dim:
            return Style(color=color.rich_color)
        if color.ansi is not None:
            return Style(color=color.rich_color, dim=True)
        _, background = self.background_colors
        return Style(color=color.blend(background, _DIM).rich_color)
