"""What widgets that draw their lines all at once have in common."""

from itertools import zip_longest

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
        self._drawn_size = Size(0, 0)

    def draw(self) -> list[Strip]:
        """The lines at the present size; blank ones follow where they are fewer."""
        raise NotImplementedError

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

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = None

    def render_line(self, y: int) -> Strip:
        if self._strips is None or self._drawn_size != self.size:
            self._strips, self._drawn_size = self.draw(), self.size
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)
