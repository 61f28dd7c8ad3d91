"""The cursor of widgets that show tiles in rows: its keys, and where they lead."""

from textual.binding import Binding, BindingType

TILE_KEYS: list[BindingType] = [
    Binding("left,h", "move(-1)", "Left", show=False),
    Binding("right,l", "move(1)", "Right", show=False),
    Binding("up,k", "move_row(-1)", "Up", show=False),
    Binding("down,j", "move_row(1)", "Down", show=False),
    Binding("pageup", "move_page(-1)", "Page up", show=False),
    Binding("pagedown", "move_page(1)", "Page down", show=False),
    Binding("home,g", "move_to_end(-1)", "First", show=False),
    Binding("end,G", "move_to_end(1)", "Last", show=False),
]


class TileCursor:
    """For a widget with the keys above, which says how its tiles lie and draws the cursor."""

    cursor = 0
    """The position of its tile, from 0 row by row; kept while there are no tiles."""

    @property
    def tile_count(self) -> int:
        raise NotImplementedError

    @property
    def tiles_across(self) -> int:
        """In a row; 0: the widget is too small for one."""
        raise NotImplementedError

    @property
    def tiles_down(self) -> int:
        """Whole rows on a page."""
        raise NotImplementedError

    def cursor_moved(self, before: int) -> None:
        """Draw the cursor where it is now; it was at `before`, which may be the same."""
        raise NotImplementedError

    def move_to(self, position: int) -> None:
        """Put the cursor on a tile, or on the nearest one that there is."""
        if self.tile_count:
            before, self.cursor = self.cursor, max(0, min(position, self.tile_count - 1))
            self.cursor_moved(before)

    def action_move(self, by: int) -> None:
        self.move_to(self.cursor + by)

    def action_move_row(self, by: int) -> None:
        """To the tile above or below; from the last row but one never past the last tile."""
        across = self.tiles_across
        if across and 0 <= self.cursor // across + by <= self._last_row:
            self.move_to(self.cursor + by * across)

    def action_move_page(self, pages: int) -> None:
        """So many pages up or down, in the same column."""
        across = self.tiles_across
        if across:
            row, column = divmod(self.cursor, across)
            row = min(max(0, row + self.tiles_down * pages), self._last_row)
            self.move_to(row * across + column)

    def action_move_to_end(self, end: int) -> None:
        self.move_to(0 if end < 0 else self.tile_count - 1)

    @property
    def _last_row(self) -> int:
        return max(0, self.tile_count - 1) // self.tiles_across
