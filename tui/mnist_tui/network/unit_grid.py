"""The units of a layer, a page at a time, with a cursor on one of them."""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from mnist_tui.network.unit_sheet import UnitSheet, UnitStyles, sheet_of
from mnist_tui.network.units_view import UnitsView
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.visible_text import in_middle, visible
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.weight_picture import palette_on

_TOO_SMALL = "Too small here to show a unit."


class UnitGrid(DrawnWidget, can_focus=True):
    """The cursor stays on its unit when the order is another one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Left", show=False),
        Binding("right,l", "move(1)", "Right", show=False),
        Binding("up,k", "move_row(-1)", "Up", show=False),
        Binding("down,j", "move_row(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home,g", "move_to_end(-1)", "First", show=False),
        Binding("end,G", "move_to_end(1)", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"unit-grid--{part}" for part in ("label", "dead", "cursor", "empty")
    }
    DEFAULT_CSS = """
    UnitGrid {
        width: 1fr;
        height: 1fr;
        & > .unit-grid--label { color: $text-muted; }
        & > .unit-grid--dead { color: $text-error; }
        & > .unit-grid--cursor { color: $foreground; text-style: bold; }
        & > .unit-grid--empty { color: $text-muted; }
    }
    UnitGrid:focus > .unit-grid--cursor { color: $primary; }
    """

    class Moved(Message):
        """The cursor is on another unit."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._view: UnitsView | None = None
        self._sentence = ""
        self._position = 0
        self._picture_style: PictureStyle = "ascii"
        self._sheet: UnitSheet | None = None
        """How the view lies in the present size; None: that is to be found out."""

    @property
    def current(self) -> int | None:
        """The index of the unit under the cursor."""
        return int(self._view.order[self._position]) if self._view is not None else None

    def show(self, view: UnitsView) -> None:
        """Show other units, or the same with other weights."""
        before, self._view = self.current, view
        places = (view.order == (-1 if before is None else before)).nonzero()[0]
        if len(places):
            self._position = int(places[0])
        self._position = min(self._position, view.count - 1)
        self._draw_anew()

    def show_first(self) -> None:
        """Put the cursor on the first unit, whichever that is then."""
        self._view, self._position = None, 0

    def show_sentence(self, sentence: str) -> None:
        """Say why there are no units, in text from anywhere."""
        self._view, self._sentence = None, visible(sentence)
        self._draw_anew()

    def show_style(self, style: PictureStyle) -> None:
        """Draw in another style from now on."""
        self._picture_style = style
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._sheet = None
        if self._view is not None:
            self.border_title = Content(self._view.title)
            self._draw_subtitle(self._view)
        else:
            self.border_title, self.border_subtitle = "Network", ""
        self.redraw()

    def _draw_subtitle(self, view: UnitsView) -> None:
        sheet = self._lay_out(view)
        parts = [view.order_text]
        if 0 < sheet.per_page < view.count:
            page, pages = self._position // sheet.per_page, -(-view.count // sheet.per_page)
            parts.append(f"page {page + 1}/{pages}")
        self.border_subtitle = Content(" · ".join(parts))

    def _lay_out(self, view: UnitsView) -> UnitSheet:
        if self._sheet is None:
            self._sheet = sheet_of(view, *self.size, self._styles())
        return self._sheet

    # -- moving ----------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self._move_to(self._position + by)

    def action_move_row(self, by: int) -> None:
        if self._view is None:
            return
        across = self._lay_out(self._view).across
        last_row = (self._view.count - 1) // across
        if 0 <= self._position // across + by <= last_row:
            self._move_to(self._position + by * across)

    def action_move_page(self, by: int) -> None:
        if self._view is not None:
            self._move_to(self._position + by * max(1, self._lay_out(self._view).per_page))

    def action_move_to_end(self, end: int) -> None:
        if self._view is not None:
            self._move_to(0 if end < 0 else self._view.count - 1)

    def _move_to(self, position: int) -> None:
        if self._view is None:
            return
        position = max(0, min(position, self._view.count - 1))
        if position != self._position:
            self._position = position
            self._draw_subtitle(self._view)
            self.redraw()
            self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._view is None:
            return
        sheet = self._lay_out(self._view)
        position = self._first(sheet) + sheet.place_at(*offset)
        if position < self._view.count:
            self._move_to(position)

    def on_mouse_scroll_down(self) -> None:
        self.action_move_row(1)

    def on_mouse_scroll_up(self) -> None:
        self.action_move_row(-1)

    def _first(self, sheet: UnitSheet) -> int:
        """The position that the page with the cursor begins with."""
        return self._position - self._position % max(1, sheet.per_page)

    # -- drawing ---------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._draw_anew()

    def on_focus(self) -> None:
        self._draw_anew()

    def on_blur(self) -> None:
        self._draw_anew()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._sheet = None

    def draw(self) -> list[Strip]:
        width, height = self.size
        base = self.rich_style
        view = self._view
        sheet = self._lay_out(view) if view is not None else None
        if sheet is None or not sheet.per_page:
            words = self._sentence if view is None else _TOO_SMALL
            style = base + self._style("empty")
            lines = [
                [Segment(in_middle(words, min(width - 4, 70), width, height, y), style)]
                for y in range(height)
            ]
        else:
            lines = sheet.lines(self._first(sheet), self._position)
        return [
            Strip(line).apply_style(base).adjust_cell_length(width, base) for line in lines[:height]
        ]

    def _styles(self) -> UnitStyles:
        ground = self.background_colors[1]
        return UnitStyles(
            base=self.rich_style,
            label=self._style("label"),
            dead=self._style("dead"),
            cursor=self._style("cursor"),
            palette=None if self.app.no_color else palette_on(ground),
            picture_style=self._picture_style,
        )

    def _style(self, part: str) -> Style:
        whole = self.get_component_rich_style(f"unit-grid--{part}")
        return Style(color=whole.color, bold=whole.bold)
