"""What widgets that draw their lines all at once have in common."""

from collections.abc import Sequence
from itertools import zip_longest

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget


class DrawnWidget(Widget):
    """Keeps the lines that were drawn until `redraw`, another size or another theme."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] | None = None
        """The drawn lines; None when they no longer show the state."""
        self._parts: Sequence[list[Segment]] = ()
        """What `strips_of` made them from, where it did."""
        self._drawn_size = Size(0, 0)

    def draw(self) -> list[Strip]:
        """The lines at the present size; blank ones follow where they are fewer."""
        raise NotImplementedError

    def strips_of(self, lines: Sequence[list[Segment]]) -> list[Strip]:
        """Each line as wide as the widget; parts without a style have the widget's.

        A line with the same parts as before stays the same strip: what Textual has made of that,
        it makes for each new one again.
        """
        width, base = self.size.width, self.rich_style
        before = list(zip(self._parts, self._strips or (), strict=False))
        strips = []
        for y, parts in enumerate(lines):
            if y < len(before) and before[y][0] == parts:
                strips.append(before[y][1])
                continue
            styled = [part if part.style else Segment(part.text, base) for part in parts]
            room = width - sum(part.cell_length for part in styled)
            if room > 0:
                styled.append(Segment(" " * room, base))
            strip = Strip(styled, width - min(0, room))
            strips.append(strip if room >= 0 else strip.crop(0, width))
        self._parts = lines
        return strips

    def redraw(self) -> None:
        """Draw anew, since what is shown has changed; only lines that differ are painted."""
        before = self._strips
        if before is None or self._drawn_size != self.size or not self.is_on_screen:
            self._strips = None
            self.refresh()
            return
        self._strips = self.draw()
        lines = enumerate(zip_longest(before, self._strips))
        changed = [Region(0, y, self.size.width, 1) for y, (old, new) in lines if old != new]
        if changed:
            self.refresh(*changed)

    def show_titles(self, title: Content, subtitle: Content) -> None:
        """Set the titles of the frame, and paint those that differ.

        Textual's own properties paint the whole widget, each of them, also for the same words.
        """
        left, top = self.content_offset
        width, height = self.outer_size
        if title != self._border_title:
            self._border_title = title
            self.refresh(Region(-left, -top, width, 1))
        if subtitle != self._border_subtitle:
            self._border_subtitle = subtitle
            self.refresh(Region(-left, height - 1 - top, width, 1))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = None

    def render_line(self, y: int) -> Strip:
        if self._strips is None or self._drawn_size != self.size:
            self._strips = None
            self._strips, self._drawn_size = self.draw(), self.size
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)
