"""A fixed set of test digits, and what the network says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Offset, Size
from textual.message import Message
from textual.strip import Strip

from mnist_tui.text.cropping import cropped, cropped_shape
from mnist_tui.text.digits import Pictures
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.visible_text import in_middle, visible
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.picture_album import PictureAlbum
from mnist_tui.ui.sample_sheet import (
    Predictions,
    Samples,
    Sheet,
    SheetStyles,
    arrange,
    draw,
    title_text,
)

EMPTY_TEXT = "Test digits appear here once there is data. Wrong ones turn red and carry a ✗."


class SampleGrid(DrawnWidget, can_focus=True):
    """Digits with their true and predicted labels; wrong ones are marked by colour and sign.

    While it has the focus, one of them is under a cursor.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1, 0)", "Left", show=False),
        Binding("right,l", "move(1, 0)", "Right", show=False),
        Binding("up,k", "move(0, -1)", "Up", show=False),
        Binding("down,j", "move(0, 1)", "Down", show=False),
        Binding("enter", "choose", "Look closer", tooltip="See the digit among the samples, with "
                "its probabilities. A click on it does it too."),
    ]  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sample-grid--ink",
        "sample-grid--label",
        "sample-grid--wrong",
        "sample-grid--empty",
        "sample-grid--cursor",
    }
    DEFAULT_CSS = """
    SampleGrid {
        width: 1fr;
        height: 1fr;

        & > .sample-grid--ink { color: $foreground; }
        & > .sample-grid--label { color: $text-muted; }
        & > .sample-grid--wrong { color: $text-error; }
        & > .sample-grid--empty { color: $text-muted; }
        & > .sample-grid--cursor { color: $primary; background: $primary 20%; }
    }
    """

    @dataclass
    class Chosen(Message):
        """The user wants to look closer at one of the digits."""

        position: int
        """Among the samples on show, from 0."""

    def __init__(
        self,
        picture_style: PictureStyle = "ascii",
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._samples: Samples | None = None
        self._predictions: Predictions | None = None
        self._confidences: NDArray[np.float32] | None = None
        self._epoch: int | None = None
        self._run_name = ""
        self._cursor = 0
        self._picture_style = picture_style
        self._sheet: Sheet | None = None
        self._pictures = Pictures([])
        self._album = PictureAlbum(self)

    def on_mount(self) -> None:
        self._update_title()

    @property
    def title(self) -> str:
        """What is shown and as of when; also the border's title."""
        if self._samples is None:
            return "Samples"
        shown = np.s_[: self.shown_count]
        predictions = None if self._predictions is None else self._predictions[shown]
        return title_text(
            self._run_name,
            self._epoch,
            self._samples.true_labels[shown],
            predictions,
            self.size.width - 4,
        )

    @property
    def shown_count(self) -> int:
        """How many of the samples there is room for."""
        return len(self._pictures.lines)

    def show_samples(
        self,
        images: NDArray[np.uint8],
        true_labels: NDArray[np.uint16],
        class_names: Sequence[str],
        dark_on_light: bool = False,
    ) -> None:
        """Show other examples: images (n, height, width), true_labels (n,). Drops predictions.

        The first that fit are drawn, so the order is the order of preference.
        """
        names = tuple(visible(name) for name in class_names)
        trimmed = cropped(images, cropped_shape(images, dark_on_light), dark_on_light)
        self._samples = Samples(trimmed, true_labels, names) if len(true_labels) else None
        self._predictions = self._confidences = self._epoch = None
        self._lay_out()

    def show_predictions(
        self,
        run_name: str,
        predictions: Predictions,
        confidences: NDArray[np.float32],
        epoch: int | None,
    ) -> None:
        """What the network of a run says: predictions (n,), confidences (n,) from 0 to 1.

        Raises:
            ValueError: if these are not as many as the samples.
        """
        if self._samples is None or len(predictions) != len(self._samples.true_labels):
            raise ValueError("The predictions are not of the samples on show.")
        changed = self._predictions is None or not np.array_equal(predictions, self._predictions)
        self._predictions, self._confidences, self._epoch = predictions, confidences, epoch
        self._run_name = visible(run_name)
        self._update_title()
        if changed:
            self.redraw()

    def show_style(self, style: PictureStyle) -> None:
        """Draw the digits in another style from now on."""
        if style != self._picture_style:
            self._picture_style = style
            self._album.forget()
            self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        offset = event.get_content_offset(self)
        self.tooltip = Content(self._describe(offset)) if offset else None

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self._sheet is not None:
            self._choose(self._sheet.position(*offset))

    def action_choose(self) -> None:
        self._choose(self._cursor)

    def action_move(self, across: int, down: int) -> None:
        """Move the cursor to a neighbour, if there is one."""
        if self._sheet is None:
            return
        row, column = divmod(self._cursor, self._sheet.across)
        row, column = row + down, column + across
        position = row * self._sheet.across + column
        if 0 <= column < self._sheet.across and 0 <= position < self.shown_count:
            self._cursor = position
            self.redraw()

    def _choose(self, position: int) -> None:
        if position < self.shown_count:
            self._cursor = position
            self.post_message(self.Chosen(position))

    def _arranged(self, size: Size) -> Sheet | None:
        if self._samples is None:
            return None
        count, height, width = self._samples.images.shape
        return arrange(*size, (height, width), count, self._samples.longest_name)

    def _lay_out(self) -> None:
        """Find the place of each digit and render the ones that are shown."""
        self._sheet = sheet = self._arranged(self.size)
        self._pictures = Pictures([])
        if sheet and self._samples:
            shown = self._samples.images[: sheet.count]
            self._album.limit = 2 * len(shown)  # both right and wrong
            self._pictures = self._album.render(
                shown, sheet.columns, sheet.rows, self._picture_style
            )
        self._cursor = min(self._cursor, max(0, self.shown_count - 1))
        self._update_title()
        self.redraw()

    def _update_title(self) -> None:
        if self.border_title != self.title:
            self.border_title = self.title

    def draw(self) -> list[Strip]:
        if self._samples is None or self._sheet is None:
            return self._draw_empty()
        styles = SheetStyles(
            ink=self.get_component_rich_style("sample-grid--ink"),
            label=self.get_component_rich_style("sample-grid--label"),
            wrong=self.get_component_rich_style("sample-grid--wrong"),
            cursor=self.get_component_rich_style("sample-grid--cursor"),
        )
        cursor = self._cursor if self.has_focus else None
        return draw(self._samples, self._pictures, self._predictions, self._sheet, styles, cursor)

    def _draw_empty(self) -> list[Strip]:
        width, height = self.size
        text = EMPTY_TEXT if self._samples is None else "Too small here to show a digit."
        style = self.get_component_rich_style("sample-grid--empty")
        lines = (in_middle(text, width - 4, width, height, y) for y in range(height))
        return [Strip([Segment(line, style)]).adjust_cell_length(width, style) for line in lines]

    def _describe(self, offset: Offset) -> str:
        """In words, the digit at a cell of the content."""
        samples, sheet = self._samples, self._sheet
        if samples is None or sheet is None:
            return EMPTY_TEXT
        index = sheet.position(*offset)
        if index >= self.shown_count:
            return f"{self.shown_count} test digits, chosen once."
        words = f"True label {samples.name(int(samples.true_labels[index]))}"
        if self._predictions is None or self._confidences is None:
            return f"{words}, not predicted yet."
        predicted = samples.name(int(self._predictions[index]))
        return f"{words}, predicted {predicted} with confidence {self._confidences[index]:.3f}."
