"""The list of the pairs of classes that are confused most."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets.option_list import Option

from mnist_core.network.mistakes import ConfusedPair
from mnist_tui.text.numbers import percent_of
from mnist_tui.text.visible_text import class_name, fitting, padded
from mnist_tui.ui.steady_options import SteadyOptions

NO_MISTAKES = "No mistakes."
NO_ANSWERS = "No predictions yet."
_TITLE = "Most confused"
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


class ConfusedPairs(SteadyOptions):
    """A line for each pair; the cursor stays on its pair when the order changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "cursor_up", "Up", show=False),
        Binding("j", "cursor_down", "Down", show=False),
    ]

    class Chosen(Message):
        """The user wants to see the samples of a pair."""

        def __init__(self, true: int, predicted: int) -> None:
            super().__init__()
            self.true = true
            self.predicted = predicted

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._pairs: Sequence[ConfusedPair] = ()
        self._class_names: Sequence[str] = ()
        self._totals: Sequence[int] = ()

    @property
    def pair(self) -> tuple[int, int] | None:
        """The (true, predicted) classes under the cursor; None without pairs."""
        if not self._pairs or self.highlighted is None:
            return None
        pair = self._pairs[self.highlighted]
        return pair.true, pair.predicted

    def show(
        self, pairs: Sequence[ConfusedPair], class_names: Sequence[str], totals: Sequence[int]
    ) -> None:
        """Show the pairs, the most confused first.

        `totals` (classes,) are the samples of each true class. The cursor stays on its pair, or
        on its line if the pair is gone.
        """
        before, place = self.pair, self.highlighted or 0
        top = self.scroll_offset.y
        self._pairs, self._class_names, self._totals = pairs, class_names, totals
        classes = [(pair.true, pair.predicted) for pair in pairs]
        if before in classes:
            top += classes.index(before) - place if top else 0
            place = classes.index(before)
        self._fill(place, top)

    def _fill(self, place: int, top: int) -> None:
        """Write the lines anew; `place` is the cursor's, `top` the first in view."""
        width = self.scrollable_content_region.width
        self.border_subtitle = ""
        if not self._pairs:
            words = NO_MISTAKES if any(self._totals) else NO_ANSWERS
            self.set_options([Option(Content(f" {words}"), disabled=True)])
        else:
            texts = pair_texts(self._pairs, self._class_names, self._totals, width - 1)
            self.set_options(
                Option(Content(f" {text}"), id=f"{pair.true} {pair.predicted}")
                for pair, text in zip(self._pairs, texts, strict=True)
            )
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
            self.highlighted = place
            headings = _HEADINGS if texts[0].endswith("%") else _HEADINGS[2:]
            self.border_subtitle = fitting(headings, self.size.width - 2)
        self._say_what_is_in_view()

    def on_resize(self) -> None:
        if self._class_names:
            self._fill(self.highlighted or 0, self.scroll_offset.y)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._say_what_is_in_view()

    def _say_what_is_in_view(self) -> None:
        room, height = self.size.width - 2, self.size.height
        title, count = [_TITLE], len(self._pairs)
        if count > height:
            first = self.scroll_offset.y
            in_view = f"{first + 1}-{min(first + height, count)} of {count}"
            title = [f"{_TITLE} · {in_view}", in_view]
        self.border_title = fitting(title, room)

    # -- choosing --------------------------------------------------------------------------------

    def action_cursor_up(self) -> None:
        """Up, but not from the first to the last."""
        if self.highlighted:
            super().action_cursor_up()

    def action_cursor_down(self) -> None:
        """Down, but not from the last to the first."""
        if self.highlighted != self.option_count - 1:
            super().action_cursor_down()

    def action_select(self) -> None:
        # At once: a run may bring other pairs before a message of the list came back to it.
        if self.pair is not None:
            self.post_message(self.Chosen(*self.pair))

    def render_line(self, y: int) -> Strip:
        """The line of a pair; a sign shows the cursor where there are no colours."""
        strip = super().render_line(y)
        if self.pair is None or y + self.scroll_offset.y != self.highlighted:
            return strip
        style = next(iter(strip)).style
        return Strip.join([Strip([Segment("▸", style)]), strip.crop(1)])


def pair_texts(
    pairs: Sequence[ConfusedPair], class_names: Sequence[str], totals: Sequence[int], width: int
) -> list[str]:
    """`4 → 9   12  1.2%`: true class, predicted class, how often, its share of the true class.

    A line for each pair in at most `width` cells, their columns below each other. `totals`
    (classes,) are the samples of each true class.
    """
    names = [
        (class_name(pair.true, class_names), class_name(pair.predicted, class_names))
        for pair in pairs
    ]
    digits = max((len(str(pair.count)) for pair in pairs), default=1) + 1
    longest = max((cell_len(name) for both in names for name in both), default=1)
    wanted = min(longest, _MOST_NAME)
    room = (width - digits - 4) // 2
    with_share = room - (_SHARE + 2) // 2 >= min(wanted, _LEAST_NAME)
    if with_share:
        room = (width - digits - 4 - _SHARE - 1) // 2
    cells = max(1, min(wanted, room))
    texts = []
    for pair, (true, predicted) in zip(pairs, names, strict=True):
        text = f"{padded(true, cells)} → {padded(predicted, cells)} {pair.count:>{digits}}"
        if with_share:
            share = percent_of(pair.count, totals[pair.true], 4) + "%"
            text += f" {share:>{_SHARE}}"
        texts.append(text)
    return texts
