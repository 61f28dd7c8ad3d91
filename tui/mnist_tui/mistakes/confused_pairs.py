"""The list of the pairs of classes that are confused most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.mistakes.matrix_text import fitting, in_middle, share_text
from mnist_tui.text.visible_text import shorten, visible

_LEAST_NAME = 4
"""Cells of a name below which the shares of the classes make room for it."""
_MOST_NAME = 16
_HEADINGS = (
    "true → predicted, count, share of true",
    "true → predicted, share of true",
    "true → predicted",
    "true →",
)
_SHARE = 6
"""Cells of ` 12.5%`, to the right of a count."""


@dataclass(frozen=True, slots=True)
class PairLines:
    """`4 → 9   12  1.2%`: true class, predicted class, how often, its share of the true class."""

    names: tuple[tuple[str, str], ...]
    """(true, predicted), without control characters."""
    numbers: tuple[int, ...]
    shares: tuple[str, ...]

    @classmethod
    def of(
        cls,
        pairs: Sequence[tuple[int, int, int]],
        class_names: Sequence[str],
        totals: Sequence[int],
    ) -> "PairLines":
        """From (true, predicted, count); a class without a name is called by its number."""

        def name(label: int) -> str:
            return visible(class_names[label]) if label < len(class_names) else str(label)

        return cls(
            names=tuple((name(true), name(predicted)) for true, predicted, _ in pairs),
            numbers=tuple(number for _, _, number in pairs),
            shares=tuple(share_text(number, totals[true], 4) + "%" for true, _, number in pairs),
        )

    def line(self, place: int, width: int) -> str:
        """A pair in at most `width` cells; its columns stand below those of the other pairs."""
        name, digits, with_share = self._columns(width)
        true, predicted = (_padded(text, name) for text in self.names[place])
        text = f"{true} → {predicted} {self.numbers[place]:>{digits}}"
        return text + (f" {self.shares[place]:>{_SHARE}}" if with_share else "")

    def heading(self, width: int) -> str:
        """What stands on the lines, in at most `width` cells."""
        return fitting(_HEADINGS if self._columns(width)[2] else _HEADINGS[2:], width)

    def _columns(self, width: int) -> tuple[int, int, bool]:
        """Cells of a name, cells of a count, and whether there is room for the shares."""
        longest = max((cell_len(text) for pair in self.names for text in pair), default=1)
        digits = max(map(len, map(str, self.numbers)), default=1) + 1
        wanted = min(longest, _MOST_NAME)
        room = (width - digits - 4) // 2
        with_share = room - (_SHARE + 2) // 2 >= min(wanted, _LEAST_NAME)
        if with_share:
            room = (width - digits - 4 - _SHARE - 1) // 2
        return max(1, min(wanted, room)), digits, with_share


def _padded(text: str, cells: int) -> str:
    text = shorten(text, cells)
    return text + " " * (cells - cell_len(text))


NO_MISTAKES = "No mistakes."
NO_ANSWERS = "No predictions yet."
_HEADING_FROM = 4
"""Lines from which one of them is the heading."""


class ConfusedPairs(Widget, can_focus=True):
    """A line for each pair; the cursor stays on its pair when the order changes."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "move_to_end(-1)", "First", show=False),
        Binding("end", "move_to_end(1)", "Last", show=False),
        Binding("enter", "choose", "Show", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"confused-pairs--{part}" for part in ("heading", "pair", "cursor", "cursor-away", "words")
    }
    DEFAULT_CSS = """
    ConfusedPairs {
        width: 1fr;
        height: 1fr;
        & > .confused-pairs--heading { color: $text-muted; }
        & > .confused-pairs--pair { color: $foreground; }
        & > .confused-pairs--cursor { color: $foreground; text-style: bold reverse; }
        & > .confused-pairs--cursor-away { color: $foreground; text-style: bold; }
        & > .confused-pairs--words { color: $text-muted; }
    }
    """

    class Chosen(Message):
        """The user wants to see the samples of a pair."""

        def __init__(self, true: int, predicted: int) -> None:
            super().__init__()
            self.true = true
            self.predicted = predicted

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._pairs: tuple[tuple[int, int], ...] = ()
        self._lines = PairLines((), (), ())
        self._words = ""
        self._cursor = 0
        self._top = 0
        self._styles: dict[str, Style] = {}
        self.lines_drawn = 0
        """How many lines were drawn so far, to see that a move draws few."""

    @property
    def pair(self) -> tuple[int, int] | None:
        """The (true, predicted) classes under the cursor; None without pairs."""
        return self._pairs[self._cursor] if self._pairs else None

    def show(
        self,
        pairs: Sequence[tuple[int, int, int]],
        class_names: Sequence[str],
        totals: Sequence[int],
    ) -> None:
        """Show (true, predicted, count), the most confused first.

        `totals` (classes,) are the samples of each true class. The cursor stays on its pair, or
        on its line if the pair is gone.
        """
        before = self.pair
        offset = self._cursor - self._top
        self._pairs = tuple((true, predicted) for true, predicted, _ in pairs)
        self._lines = PairLines.of(pairs, class_names, totals)
        self._words = "" if pairs else NO_MISTAKES if any(totals) else NO_ANSWERS
        if before in self._pairs:
            self._cursor = self._pairs.index(before)
            if 0 <= offset < self._page and self._top > 0:
                self._top = self._cursor - offset
        self._put_cursor(self._cursor)
        self.refresh()

    # -- moving ----------------------------------------------------------------------------------

    @property
    def _heading(self) -> int:
        """Lines above the first pair."""
        return 1 if self.size.height >= _HEADING_FROM else 0

    @property
    def _page(self) -> int:
        """How many pairs are in view; where not all are, a line says so."""
        room = self.size.height - self._heading
        return max(1, room - 1 if len(self._pairs) > room > 1 else room)

    def action_move(self, by: int) -> None:
        self._put_cursor(self._cursor + by)

    def action_move_page(self, pages: int) -> None:
        self._put_cursor(self._cursor + pages * self._page)

    def action_move_to_end(self, end: int) -> None:
        self._put_cursor(0 if end < 0 else len(self._pairs) - 1)

    def action_choose(self) -> None:
        if self.pair is not None:
            self.post_message(self.Chosen(*self.pair))

    def _put_cursor(self, place: int) -> None:
        before, self._cursor = self._cursor, max(0, min(place, len(self._pairs) - 1))
        if self._cursor != before:
            in_view = range(self._top, self._top + self._page)
            lines = [place - self._top for place in (before, self._cursor) if place in in_view]
            self.refresh(*(Region(0, self._heading + y, self.size.width, 1) for y in lines))
        self._show_from(max(self._cursor - self._page + 1, min(self._top, self._cursor)))

    def _show_from(self, top: int) -> bool:
        """Scroll as near to it as there is something to see; whether the view is another now."""
        top = max(0, min(top, len(self._pairs) - self._page))
        if top == self._top:
            return False
        self._top = top
        self.refresh()
        return True

    def on_resize(self) -> None:
        self._put_cursor(self._cursor)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        line = -1 if offset is None else offset.y - self._heading
        if 0 <= line < self._page and self._top + line < len(self._pairs):
            self._put_cursor(self._top + line)
            self.action_choose()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        if self._show_from(self._top + 1):
            event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        if self._show_from(self._top - 1):
            event.stop()

    # -- drawing ---------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def render_line(self, y: int) -> Strip:
        self.lines_drawn += 1
        width, base = self.size.width, self.rich_style
        text, style = (
            self._line(y) if self._pairs else (in_middle(self._words, *self.size, y), "words")
        )
        return Strip([Segment(text, base + self._style(style))]).adjust_cell_length(width, base)

    def _line(self, y: int) -> tuple[str, str]:
        """Line `y` and the part of the list that it is."""
        width = self.size.width - 1
        if y < self._heading:
            return " " + self._lines.heading(width), "heading"
        line = y - self._heading
        place = self._top + line
        if line >= self._page:
            if line > self._page or self._page >= len(self._pairs):
                return "", "words"
            range_in_view = f"{self._top + 1}-{place} of {len(self._pairs)}"
            return " " + fitting((f"{range_in_view} pairs", range_in_view), width), "words"
        if place >= len(self._pairs):
            return "", "words"
        style = "pair"
        if place == self._cursor:
            style = "cursor" if self.has_focus else "cursor-away"
        sign = "▸" if place == self._cursor else " "
        return sign + self._lines.line(place, width), style

    def _style(self, part: str) -> Style:
        if part not in self._styles:
            whole = self.get_component_rich_style(f"confused-pairs--{part}")
            self._styles[part] = Style(
                color=whole.color,
                bold=whole.bold,
                reverse=whole.reverse,
            )
        return self._styles[part]
