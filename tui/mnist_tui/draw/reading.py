"""What the network is given and what it says: the digit that it sees, and a bar for each class."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip

from mnist_tui.text.digits import PictureStyle, drawn_size, render
from mnist_tui.text.styled_text import Tone
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.bars import class_bars
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.sample_sheet import centred, picture_lines


class SeenDigit(DrawnWidget):
    """The picture, and the caption below it where there is room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"seen-digit--paper", "seen-digit--caption"}
    DEFAULT_CSS = """
    SeenDigit {
        width: 1fr;
        height: 1fr;

        & > .seen-digit--paper { color: $foreground; background: $surface; }
        & > .seen-digit--caption { color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.ink = np.zeros((1, 1), np.uint8)
        """(height, width), full ink = 255."""
        self._caption = ""
        self._picture_style: PictureStyle = "half-block"

    def show(self, ink: NDArray[np.uint8], caption: str) -> None:
        """Show an image (height, width), full ink = 255."""
        self.ink, self._caption = ink, caption
        self.redraw()

    def show_style(self, style: PictureStyle) -> None:
        """Draw in another style from now on."""
        self._picture_style = style
        self.redraw()

    def draw(self) -> list[Strip]:
        width, height = self.size
        if width < 1 or height < 1:
            return []
        base = self.rich_style
        columns, rows = drawn_size(*self.ink.shape, width, height, "half-block")
        pictures = render(self.ink[None], columns, rows, self._picture_style)
        paper = self.get_component_rich_style("seen-digit--paper")
        lines = [centred(line, columns, width) for line in picture_lines(pictures, 0, paper, paper)]
        caption = [line.plain for line in Content(self._caption).wrap(width)]
        if rows + 1 + len(caption) <= height:
            style = base + self.get_component_rich_style("seen-digit--caption")
            lines += [[], *([Segment(line.center(width), style)] for line in caption)]
        above = (height - len(lines)) // 2
        lines = [[]] * above + lines + [[]] * (height - len(lines) - above)
        return [Strip(line).adjust_cell_length(width, base).apply_style(base) for line in lines]


class ClassBars(DrawnWidget):
    """Bars of the classes, or a sentence on why there are none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"class-bars--{tone}" for tone in Tone}
    DEFAULT_CSS = """
    ClassBars {
        width: 1fr;

        & > .class-bars--plain { color: $foreground; }
        & > .class-bars--quiet { color: $text-muted; }
        & > .class-bars--cursor { color: $accent; text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._probabilities: NDArray[np.float32] | None = None
        self._names: tuple[str, ...] = ()
        self._sentence = ""

    @property
    def best(self) -> int | None:
        """The most probable class, the first of equals."""
        return None if self._probabilities is None else int(self._probabilities.argmax())

    def show(self, probabilities: NDArray[np.float32], names: tuple[str, ...]) -> None:
        """Show finite probabilities (classes,) of classes called `names`."""
        self._probabilities, self._names = probabilities, tuple(visible(name) for name in names)
        self.redraw()

    def show_sentence(self, sentence: str) -> None:
        """Say why there are no bars, in text from anywhere."""
        self._probabilities, self._sentence = None, visible(sentence)
        self.redraw()

    def draw(self) -> list[Strip]:
        width, height = self.size
        if width < 1 or height < 1:
            return []
        if self._probabilities is None or self.best is None:
            wrapped = Content(self._sentence).wrap(width)
            lines = [[(line.plain, Tone.QUIET)] for line in wrapped]
        else:
            marks = {self.best: ("▸", Tone.CURSOR)}
            lines = class_bars(self._probabilities, self._names.__getitem__, marks, width, height)
        base = self.rich_style
        styles = {
            tone: base + self.get_component_rich_style(f"class-bars--{tone}")
            for tone in (Tone.PLAIN, Tone.QUIET, Tone.CURSOR)
        }
        drawn = [[Segment(text, styles[tone]) for text, tone in line] for line in lines[:height]]
        drawn += [[]] * (height - len(drawn))
        return [Strip(line).adjust_cell_length(width, base) for line in drawn]
