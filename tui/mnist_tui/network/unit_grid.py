"""The units of a layer, a page at a time, with a cursor on one of them."""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from mnist_tui.network.unit_sheet import UnitSheet, UnitStyles, sheet_of
from mnist_tui.network.units_view import UnitsView
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.visible_text import in_middle, visible
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.tile_cursor import TILE_KEYS, TileCursor
from mnist_tui.ui.weight_picture import palette_on

_TOO_SMALL = "Too small here to show a unit."


class UnitGrid(TileCursor, DrawnWidget, can_focus=True):
    """The cursor stays on its unit when the order is another one."""

    BINDINGS: ClassVar[list[BindingType]] = TILE_KEYS
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
        self._picture_style: PictureStyle = "ascii"
        self._sheet: UnitSheet | None = None
        """How the view lies in the present size; None: that is to be found out."""

    @property
    def current(self) -> int | None:
        """The index of the unit under the cursor."""
        return int(self._view.order[self.cursor]) if self._view is not None else None

    def show(self, view: UnitsView) -> None:
        """Show other units, or the same with other weights."""
        before, self._view = self.current, view
        places = (view.order == (-1 if before is None else before)).nonzero()[0]
        if len(places):
            self.cursor = int(places[0])
        self.cursor = min(self.cursor, view.count - 1)
        if self._sheet is not None and not self._sheet.fits(view):
            self._sheet = None
        self._draw_anew()

    def show_first(self) -> None:
        """Put the cursor on the first unit, whichever that is then."""
        self._view, self.cursor = None, 0

    def show_sentence(self, sentence: str) -> None:
        """Say why there are no units, in text from anywhere."""
        self._view, self._sentence = None, visible(sentence)
        self._draw_anew()

    def show_style(self, style: PictureStyle) -> None:
        """Draw in another style from now on."""
        self._picture_style = style
        self._lay_out_anew()

    def _lay_out_anew(self) -> None:
        self._sheet = None
        self._draw_anew()

    def _draw_anew(self) -> None:
        view = self._view
        if view is None:
            self.show_titles(Content("Network"), Content(""))
        else:
            self.show_titles(Content(view.title), self._subtitle(view))
        self.redraw()

    def _subtitle(self, view: UnitsView) -> Content:
        sheet = self._lay_out(view)
        parts = [view.order_text]
        per_page = sheet.across * sheet.down
        if 0 < per_page < view.count:
            page, pages = self.cursor // per_page, -(-view.count // per_page)
            parts.append(f"page {page + 1}/{pages}")
        return Content(" · ".join(parts))

    def _lay_out(self, view: UnitsView) -> UnitSheet:
        if self._sheet is None:
            self._sheet = sheet_of(view, *self.size, self._styles())
        return self._sheet

    # -- moving ----------------------------------------------------------------------------------

    @property
    def tile_count(self) -> int:
        return self._view.count if self._view is not None else 0

    @property
    def tiles_across(self) -> int:
        return self._lay_out(self._view).across if self._view is not None else 0

    @property
    def tiles_down(self) -> int:
        return self._lay_out(self._view).down if self._view is not None else 0

    def cursor_moved(self, before: int) -> None:
        if before != self.cursor:
            self._draw_anew()
            self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._view is None:
            return
        sheet = self._lay_out(self._view)
        position = self._first(sheet) + sheet.place_at(*offset)
        if position < self._view.count:
            self.move_to(position)

    def on_mouse_scroll_down(self) -> None:
        self.action_move_row(1)

    def on_mouse_scroll_up(self) -> None:
        self.action_move_row(-1)

    def _first(self, sheet: UnitSheet) -> int:
        """The position that the page with the cursor begins with."""
        return self.cursor - self.cursor % max(1, sheet.across * sheet.down)

    # -- drawing ---------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._lay_out_anew()

    def on_focus(self) -> None:
        self._lay_out_anew()

    def on_blur(self) -> None:
        self._lay_out_anew()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._sheet = None

    def draw(self) -> list[Strip]:
        width, height = self.size
        view = self._view
        sheet = self._lay_out(view) if view is not None else None
        if view is None or sheet is None or not sheet.across:
            words = self._sentence if view is None else _TOO_SMALL
            style = self.rich_style + self._style("empty")
            lines = [
                [Segment(in_middle(words, min(width - 4, 70), width, height, y), style)]
                for y in range(height)
            ]
        else:
            lines = sheet.lines(view, self._first(sheet), self.cursor)
        return self.strips_of(lines[:height])

    def _styles(self) -> UnitStyles:
        ground = self.background_colors[1]
        base = self.rich_style
        return UnitStyles(
            base=base,
            label=base + self._style("label"),
            dead=base + self._style("dead"),
            cursor=self._style("cursor"),
            palette=None if self.app.no_color else palette_on(ground),
            picture_style=self._picture_style,
        )

    def _style(self, part: str) -> Style:
        whole = self.get_component_rich_style(f"unit-grid--{part}")
        return Style(color=whole.color, bold=whole.bold)
