"""A bar for each class: how probable it is, or how often it is recognised."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip

from mnist_tui.text.styled_text import Tone
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.bars import class_bars
from mnist_tui.ui.drawn_widget import DrawnWidget


class ClassBars(DrawnWidget):
    """Bars of the classes, of which one is marked, or a sentence on why there are none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"class-bars--{tone}" for tone in Tone}
    DEFAULT_CSS = """
    ClassBars {
        width: 1fr;

        & > .class-bars--plain { color: $foreground; }
        & > .class-bars--quiet { color: $text-muted; }
        & > .class-bars--cursor { color: $accent; text-style: bold; }
    }
    """

    def __init__(self, *, marks_lowest: bool = False, id: str | None = None) -> None:  # noqa: A002
        """The highest is marked, or the lowest."""
        super().__init__(id=id)
        self._marks_lowest = marks_lowest
        self._shares: NDArray[np.float32] | None = None
        self._names: tuple[str, ...] = ()
        self._sentence = ""

    @property
    def marked(self) -> int | None:
        """The class with the highest share, or the lowest; the first of equals."""
        if self._shares is None or np.isnan(self._shares).all():
            return None
        found = np.nanargmin if self._marks_lowest else np.nanargmax
        return int(found(self._shares))

    def show(self, shares: NDArray[np.float32], names: tuple[str, ...]) -> None:
        """Show a share from 0 to 1 (classes,) of each class called `names`; NaN: it has none."""
        classes = len(self._names)
        self._shares, self._names = shares, tuple(visible(name) for name in names)
        self.redraw()
        if len(names) != classes:
            self.refresh(layout=True)

    def show_sentence(self, sentence: str) -> None:
        """Say why there are no bars, in text from anywhere."""
        self._shares, self._sentence = None, visible(sentence)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._names))

    def draw(self) -> list[Strip]:
        width, height = self.size
        if width < 1 or height < 1:
            return []
        if self._shares is None or self.marked is None:
            wrapped = Content(self._sentence).wrap(width)
            lines = [[(line.plain, Tone.QUIET)] for line in wrapped]
        else:
            marks = {self.marked: ("▸", Tone.CURSOR)}
            lines = class_bars(self._shares, self._names.__getitem__, marks, width, height)
        base = self.rich_style
        styles = {
            tone: base + self.get_component_rich_style(f"class-bars--{tone}")
            for tone in (Tone.PLAIN, Tone.QUIET, Tone.CURSOR)
        }
        drawn = [[Segment(text, styles[tone]) for text, tone in line] for line in lines[:height]]
        drawn += [[]] * (height - len(drawn))
        return [Strip(line).adjust_cell_length(width, base) for line in drawn]
