"""A chart that is drawn when what it shows has changed, and only then."""

from dataclasses import dataclass, replace
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.color import Color
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.charts.axes import Scale
from mnist_tui.charts.plot import Ink, Plot
from mnist_tui.charts.renderer import Picture, PlotRenderer
from mnist_tui.text.contrast import readable

_DIM = 0.5
"""How far a dim curve's colour goes towards the background."""

_COMPONENTS = tuple(f"chart--{ink.name.lower()}" for ink in Ink if ink is not Ink.CURVE)
"""The component class of each ink that is no curve's, in their order."""


class Chart(Widget, can_focus=True):
    """Curves over axes, with a legend and a cursor. It owns no timer: who appends points to a
    series calls `redraw`.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(_COMPONENTS)
    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        width: 1fr;
        & > .chart--plain { color: $text; }
        & > .chart--axis { color: $foreground 30%; }
        & > .chart--label { color: $foreground 60%; }
        & > .chart--boundary { color: $foreground 15%; }
        & > .chart--cursor { color: $accent; }
        & > .chart--gap { color: $error; }
        & > .chart--annotation { color: $text-warning; }
    }
    """

    @dataclass
    class Pointed(Message):
        """The user clicked a place on the x axis."""

        place: float

    @dataclass
    class Zoomed(Message):
        """The user turned the wheel over a place on the x axis."""

        place: float | None
        closer: bool

    @dataclass
    class Panned(Message):
        """The user dragged the plot area by a part of its width; to the left is positive."""

        by: float

    class DoubleClicked(Message):
        """The user wants to see everything again."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._plot = Plot()
        self._renderer = PlotRenderer()
        self._picture: Picture | None = None
        self._drawn_size = Size(0, 0)
        self._strips: list[Strip] = []
        self._styles: tuple[list[tuple[str, bool]], Style, list[Style]] | None = None
        self._heading = ""
        self._captions: tuple[str, str] | None = None
        """What the border says above and below."""
        self._held_at: int | None = None
        """The column of the screen that the pointer was last dragged to; None: no button held."""
        self._dragged = False
        """Whether the pointer was moved since its button was last pressed."""

    @property
    def plot(self) -> Plot:
        """What the chart shows. Set it to show something else; the cursor is part of it."""
        return self._plot

    @plot.setter
    def plot(self, plot: Plot) -> None:
        self._plot = plot
        self.redraw()

    def show_plot(self, name: str, plot: Plot) -> None:
        """Show `plot`; the border says what it is called and how it is looked at."""
        self.plot = plot
        self._heading = name
        self._caption()

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
        area = self._composed().area
        return None if area is None else area.x_at(column)

    def on_resize(self) -> None:
        if self._heading:
            self._caption()

    def _caption(self) -> None:
        captions = title(self._heading, self._plot), subtitle(self._plot, self.size.width - 2)
        # Setting a border's text draws the whole widget again.
        if captions != self._captions:
            self._captions = captions
            self.border_title, self.border_subtitle = map(Content, captions)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1:
            self._held_at, self._dragged = event.screen_x, False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        area = self._composed().area
        if self._held_at is None or area is None or event.screen_x == self._held_at:
            return
        by = (self._held_at - event.screen_x) / area.width
        self._held_at, self._dragged = event.screen_x, True
        self.post_message(self.Panned(by))

    def on_mouse_up(self) -> None:
        self._let_go()

    def on_hide(self) -> None:
        # Who is not on the screen would never hear that the button was let go.
        self._let_go()

    def _let_go(self) -> None:
        self._held_at = None
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        if self._dragged or event.button != 1:
            return
        if event.chain > 1:
            self.post_message(self.DoubleClicked())
            return
        offset = event.get_content_offset(self)
        place = self.place_at(offset.x) if offset is not None else None
        if place is not None:
            self.post_message(self.Pointed(place))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._turn_wheel(event, closer=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._turn_wheel(event, closer=False)

    def _turn_wheel(self, event: events.MouseEvent, *, closer: bool) -> None:
        event.stop()
        offset = event.get_content_offset_capture(self)
        self.post_message(self.Zoomed(self.place_at(offset.x), closer))

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
        picture = self._renderer.render(self._plot, width, height)
        base, styles = self._palette()
        if before is None or self._styles is not styles_before:
            changed = list(range(height))
            self._strips = [Strip.blank(width)] * height
        else:
            changed = picture.rows_unlike(before)
        for y in changed:
            self._strips[y] = Strip(picture.row(y, styles)).adjust_cell_length(width, base)
        self._picture, self._drawn_size = picture, self.size
        return changed

    def _palette(self) -> tuple[Style, list[Style]]:
        """The style of blank cells, and one for each ink of the plot."""
        looks = [(curve.color, curve.dim) for curve in self._plot.curves]
        if self._styles is None or self._styles[0] != looks:
            base = self.rich_style
            styles = [self.get_component_rich_style(name) for name in _COMPONENTS]
            styles += [base + self._curve_style(*look) for look in looks]
            self._styles = looks, base, styles
        return self._styles[1:]

    def _curve_style(self, name: str, dim: bool) -> Style:
        color = Color.parse(self.app.theme_variables[name[1:]] if name[:1] == "$" else name)
        _, background = self.background_colors
        color = readable(color, background)
        if not dim:
            return Style(color=color.rich_color)
        if color.ansi is not None or self.app.no_color:
            return Style(color=color.rich_color, dim=True)
        return Style(color=color.blend(background, _DIM).rich_color)


def title(name: str, plot: Plot) -> str:
    """What the border of a chart says above: its name, and how its values are drawn."""
    log = "log" if plot.y.scale is Scale.LOG else ""
    return " · ".join(filter(None, (name, log)))


def subtitle(plot: Plot, width: int) -> str:
    """What it says below: how much its curves are smoothed, and zoomed; in less than `width`."""
    smoothing = max((curve.smoothing for curve in plot.curves), default=0.0)
    zoomed = "zoomed" if plot.x.window else ""
    number = f"{smoothing:g}" if smoothing else ""
    words = " · ".join(filter(None, (f"smoothing {number}" if number else "", zoomed)))
    return words if len(words) < width else " · ".join(filter(None, (number, zoomed)))
