"""A chart that is drawn when what it shows has changed, and only then."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.charts.figure import Figure
from mnist_tui.charts.legend import read_out
from mnist_tui.charts.picture import Ink, Picture
from mnist_tui.charts.plot import Curve, Plot, XAxis, YAxis

_DIM = 0.55
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
        self._picture_size = Size(0, 0)
        self._strips: list[Strip] = []
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
        """Draw again at the next refresh: points were added, or the plot is another."""
        self._picture = None
        self.refresh()

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
        canvas = self._composed().canvas
        if canvas is None:
            return {}
        return read_out(self._plot, (canvas.x.high - canvas.x.low) / canvas.width / 2)

    def render_line(self, y: int) -> Strip:
        self._composed()
        if y >= len(self._strips):
            return Strip.blank(self.size.width, self.rich_style)
        return self._strips[y]

    def notify_style_update(self) -> None:
        """A theme or a style sheet has changed colours."""
        super().notify_style_update()
        self._picture = None

    def _composed(self) -> Picture:
        if self._picture is None or self._picture_size != self.size:
            width, height = self.size
            self._picture = self._figure.compose(self._plot, width, height)
            self._picture_size = self.size
            self._strips = list(self._as_strips(self._picture, self._styles()))
            self.compositions += 1
        return self._picture

    def _as_strips(self, picture: Picture, styles: Sequence[Style]) -> Iterable[Strip]:
        base = self.rich_style
        for row in picture.rows(styles):
            length = sum(Segment.get_line_length([segment]) for segment in row)
            yield Strip(row, length).adjust_cell_length(picture.width, base)

    def _styles(self) -> list[Style]:
        """One style for each ink of the plot."""
        fixed = [self.get_component_rich_style(_COMPONENTS[ink]) for ink in list(Ink)[: Ink.CURVE]]
        _, background = self.background_colors
        return fixed + [self._curve_style(curve, background) for curve in self._plot.curves]

    def _curve_style(self, curve: Curve, background: Color) -> Style:
        name = curve.color
        if name.startswith("$"):
            name = self.app.theme_variables[name[1:]]
        color = Color.parse(name)
        if not curve.dim:
            return self.rich_style + Style(color=color.rich_color)
        if color.ansi is not None:
            return self.rich_style + Style(color=color.rich_color, dim=True)
        return self.rich_style + Style(color=color.blend(background, _DIM).rich_color)
