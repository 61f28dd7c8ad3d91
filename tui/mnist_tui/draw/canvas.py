"""A canvas to draw a digit on, with the mouse or with keys."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from mnist_core.data.drawn_digit import Drawing, Point
from mnist_tui.text.digits import drawn_size, render
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.sample_sheet import picture_lines


@dataclass(frozen=True, slots=True)
class Measures:
    """A canvas of height x width pixels, spread over rows x columns cells."""

    height: int
    width: int
    rows: int
    columns: int

    @classmethod
    def fitting(cls, height: int, width: int, columns: int, rows: int) -> "Measures":
        """As large as fits into the cells, each pixel as many half-blocks wide as high."""
        across, down = drawn_size(height, width, max(1, columns), max(1, rows), "half-block")
        return cls(height, width, down, across)

    @property
    def pixels_across(self) -> float:
        """In a cell, from left to right."""
        return self.width / self.columns

    @property
    def pixels_down(self) -> float:
        """In a cell, from top to bottom."""
        # An odd number of half-blocks leaves the last half of the last row blank.
        whole = self.columns % self.width == 0
        return 2 * self.pixels_across if whole else self.height / self.rows

    def point(self, x: float, y: float) -> Point:
        """The place on the canvas of a place in cells, from the canvas's upper left corner."""
        return x * self.pixels_across, y * self.pixels_down

    def cell(self, column: int, row: int) -> tuple[int, int]:
        """(x, y) of the cell that shows the middle of a pixel."""
        x, y = int((column + 0.5) / self.pixels_across), int((row + 0.5) / self.pixels_down)
        return min(x, self.columns - 1), min(y, self.rows - 1)


_LEFT_BUTTON = 1
_RIGHT_BUTTON = 3


class Tool(StrEnum):
    """What the cursor does when keys move it."""

    NONE = "pen up"
    PEN = "pen down"
    ERASER = "eraser down"


_GLYPHS = {Tool.NONE: "┼", Tool.PEN: "●", Tool.ERASER: "○"}


class Canvas(DrawnWidget, can_focus=True):
    """Draws a `Drawing` and takes strokes: the left button inks, the right one or shift erases."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"canvas--paper", "canvas--cursor"}
    DEFAULT_CSS = """
    Canvas {
        width: auto;
        height: auto;

        & > .canvas--paper { color: $foreground; background: $surface; }
        & > .canvas--cursor { color: $accent; }
    }
    """

    class Changed(Message):
        """The drawing is another one."""

    def __init__(self, height: int, width: int, *, beside: int, id: str) -> None:  # noqa: A002
        """A blank canvas of height x width pixels; `beside` are the cells to leave to others."""
        super().__init__(id=id)
        self._beside = beside
        self._picture_style: PictureStyle = "half-block"
        self._new(height, width)

    def _new(self, height: int, width: int) -> None:
        self.drawing = Drawing(height, width)
        self.cursor = (width // 2, height // 2)
        """(column, row) of the pixel that keys draw from."""
        self._cursor_shown = True
        self.tool = Tool.NONE
        self._dragged: tuple[Point, bool] | None = None
        """Where the mouse was last while a button is held, and whether it erases."""

    def show_blank(self, height: int, width: int) -> None:
        """Begin anew with a canvas of other measures."""
        self._new(height, width)
        self.redraw()
        self.refresh(layout=True)
        self.post_message(self.Changed())

    def leave_room(self, beside: int) -> None:
        """Leave so many cells of the width to others from now on."""
        if beside != self._beside:
            self._beside = beside
            self.refresh(layout=True)

    def show_style(self, style: PictureStyle) -> None:
        """Draw in another style from now on."""
        if style == "pixels":
            style = "half-block"  # which are the pixels themselves, and lie in cells
        if style != self._picture_style:
            self._picture_style = style
            self.redraw()

    # -- keys ------------------------------------------------------------------------------------

    def move(self, across: int, down: int) -> None:
        """Move the cursor by pixels, drawing or erasing on the way if its tool is down."""
        height, width = self.drawing.shape
        before = column, row = self.cursor
        self.cursor = (
            max(0, min(column + across, width - 1)),
            max(0, min(row + down, height - 1)),
        )
        self._cursor_shown = True
        if self.tool is not Tool.NONE:
            self._stroke(_middle(before), _middle(self.cursor), erase=self.tool is Tool.ERASER)
        self.redraw()

    def toggle(self, tool: Tool) -> None:
        """Put `tool` down, which leaves its mark, or lift it."""
        self.tool = Tool.NONE if self.tool is tool else tool
        self._cursor_shown = True
        if self.tool is not Tool.NONE:
            self.drawing.begin()
            at = _middle(self.cursor)
            self._stroke(at, at, erase=self.tool is Tool.ERASER)
        self.redraw()

    def clear(self) -> None:
        """Wipe the canvas; `undo` brings the drawing back."""
        self.tool = Tool.NONE
        self.drawing.clear()
        self._tell()

    def undo(self) -> None:
        """Take the last stroke back."""
        self.tool = Tool.NONE
        self.drawing.undo()
        self._tell()

    # -- the mouse -------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button not in (_LEFT_BUTTON, _RIGHT_BUTTON):
            return
        event.stop()
        self.capture_mouse()
        self.tool = Tool.NONE
        self._cursor_shown = False
        self.drawing.begin()
        at, erase = self._point(event), event.button == _RIGHT_BUTTON or event.shift
        self._dragged = at, erase
        self._stroke(at, at, erase=erase)
        self.redraw()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged is None:
            return
        event.stop()
        if not event.button:
            # The button was let go where nobody told.
            self._end_drag()
            return
        (before, erase), at = self._dragged, self._point(event)
        self._dragged = at, erase
        self._stroke(before, at, erase=erase)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragged is not None:
            event.stop()
            self._end_drag()

    def on_mouse_release(self, event: events.MouseRelease) -> None:
        """Another widget has taken the mouse."""
        event.stop()
        self._dragged = None

    def _end_drag(self) -> None:
        self._dragged = None
        self.release_mouse()

    def _point(self, event: events.MouseEvent) -> Point:
        # A terminal that tells whole cells means their middle; one that tells pixels, the place.
        within = 0.0 if self.app.supports_smooth_scrolling else 0.5
        left, top = self.gutter.top_left
        return self._measures(self.size).point(
            event.pointer_x - left + within, event.pointer_y - top + within
        )

    def _stroke(self, start: Point, end: Point, *, erase: bool) -> None:
        before = self.drawing.ink
        self.drawing.line(start, end, erase=erase)
        if self.drawing.ink is not before:
            self._tell()

    def _tell(self) -> None:
        self.redraw()
        self.post_message(self.Changed())

    # -- drawing ---------------------------------------------------------------------------------

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return self._wanted(container).columns

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._wanted(container).rows

    def _wanted(self, container: Size) -> Measures:
        # Textual has taken the border off already.
        return self._measures(Size(container.width - self._beside, container.height))

    def _measures(self, size: Size) -> Measures:
        return Measures.fitting(*self.drawing.shape, size.width, size.height)

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        self.border_subtitle = self.tool.value if self.has_focus else ""
        super().redraw()

    def draw(self) -> list[Strip]:
        measures = self._measures(self.size)
        columns, rows = measures.columns, measures.rows
        pictures = render(self.drawing.ink[None], columns, rows, self._picture_style)
        paper = self.get_component_rich_style("canvas--paper")
        strips = [Strip(segments) for segments in picture_lines(pictures, 0, paper, paper)]
        if self._cursor_shown and self.has_focus:
            x, y = measures.cell(*self.cursor)
            strips[y] = self._with_cursor(strips[y], x)
        return [strip.adjust_cell_length(self.size.width, self.rich_style) for strip in strips]

    def _with_cursor(self, strip: Strip, x: int) -> Strip:
        under = next(iter(strip.crop(x, x + 1)), Segment(" ")).style or Style()
        paper = self.get_component_rich_style("canvas--paper")
        cursor = self.get_component_rich_style("canvas--cursor")
        column, row = self.cursor
        inked = self.drawing.ink[row, column] > 127
        # On full ink the accent would be hard to see.
        color = paper.bgcolor if self._picture_style == "half-block" and inked else cursor.color
        style = Style(color=color, bgcolor=under.bgcolor, bold=True)
        glyph = Strip([Segment(_GLYPHS[self.tool], style)])
        return Strip.join([strip.crop(0, x), glyph, strip.crop(x + 1)])


def _middle(pixel: tuple[int, int]) -> Point:
    column, row = pixel
    return column + 0.5, row + 0.5
