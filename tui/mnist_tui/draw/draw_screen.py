"""The drawing screen: a canvas, the digit as the network sees it, and the model that reads it."""

from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen

from mnist_core.data.dataset import Dataset
from mnist_core.data.drawn_digit import normalised
from mnist_tui.draw.canvas import Canvas, Tool
from mnist_tui.draw.reading import SeenDigit
from mnist_tui.lab.current_model import CurrentModel, Model
from mnist_tui.settings.keys import Scope, bindings, key_hint
from mnist_tui.text.picture_style import PICTURE_STYLES, PictureStyle
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.class_bars import ClassBars
from mnist_tui.ui.digit_style import NextStyleAsked
from mnist_tui.ui.footer import KeyFooter

POLL_INTERVAL = 0.25
"""Seconds between two looks at whether the model has learned more."""
_MNIST_SHAPE = (28, 28)
_BESIDE = ((100, 44), (0, 30))
"""(columns of the screen from which on, columns that are left to the right of the canvas)."""
_NOT_FINITE = (
    "The weights of this model are no longer finite numbers, so it has no answer. "
    "A lower learning rate or scaled pixels usually help."
)


class DrawScreen(Screen[None]):
    """Asks the current model about the drawing, at each stroke and as the model learns."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.DRAW)
    AUTO_FOCUS = "Canvas"

    class Left(Message):
        """The user wants to go back to where the drawing was opened."""

    def __init__(
        self, current: CurrentModel, picture_style: PictureStyle = PICTURE_STYLES[0]
    ) -> None:
        super().__init__()
        self._current = current
        self._model: Model | str = ""
        """Or why there is none."""
        self._picture_style = picture_style
        self._working_keys: object = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="drawing"):
            yield Canvas(*self._shape(self._current.dataset), beside=_BESIDE[-1][1], id="canvas")
            with Vertical(id="reading"):
                yield ClassBars(id="classes")
                yield SeenDigit(id="seen")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.query_one(Canvas).border_title = "Draw a digit"
        self.query_one(SeenDigit).border_title = "As the network sees it"
        self.show_style(self._picture_style)
        self.set_interval(POLL_INTERVAL, self._poll)

    def on_screen_resume(self) -> None:
        """The screen is on top, for the first time or again."""
        self._current.forget()
        self._model = self._current.find()
        self._fit_canvas()
        self._draw()

    def on_resize(self) -> None:
        width = self.size.width
        beside = next(beside for columns, beside in _BESIDE if width >= columns)
        self.query_one(Canvas).leave_room(beside)

    # -- drawing ---------------------------------------------------------------------------------

    def _poll(self) -> None:
        """Take what the model has learned since the last look."""
        if not self.is_current:
            return
        before, self._model = self._model, self._current.find()
        self._fit_canvas()
        if _is_other(self._model, before):
            self._draw()

    def _fit_canvas(self) -> None:
        """Another data set may have images of another size."""
        canvas, shape = self.query_one(Canvas), self._shape(self._current.dataset)
        if canvas.drawing.shape != shape:
            canvas.show_blank(*shape)

    def _draw(self) -> None:
        drawing, model = self.query_one(Canvas).drawing, self._model
        seen, bars = self.query_one(SeenDigit), self.query_one(ClassBars)
        ink = normalised(drawing.ink)
        seen.show(ink, _caption(*drawing.shape))
        if (dataset := self._current.dataset) is not None:
            # A line for each class, and the border.
            bars.styles.height = dataset.class_count + 2
        title = "Probabilities" if isinstance(model, str) else visible(model.when)
        bars.border_title = Content(title)
        self._show_keys()
        if isinstance(model, str):
            bars.show_sentence(model)
        elif drawing.is_blank:
            bars.show_sentence(
                "Draw with the left mouse button; the right one erases. "
                f"Or press {key_hint('toggle_pen')} and move with the arrow keys."
            )
        else:
            said = model.probabilities(ink)
            if np.isfinite(said).all():
                bars.show(said, model.dataset.class_names)
            else:
                bars.show_sentence(_NOT_FINITE)

    def _shape(self, dataset: Dataset | None) -> tuple[int, int]:
        return dataset.image_shape if dataset is not None else _MNIST_SHAPE

    @on(Canvas.Changed)
    def _redraw(self, event: Canvas.Changed) -> None:
        event.stop()
        self._draw()

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        canvas = self.query_one(Canvas) if self.is_mounted else None
        match action:
            case "undo_stroke":
                return canvas is not None and canvas.drawing.can_undo
            case "clear_drawing":
                return canvas is not None and not canvas.drawing.is_blank
            case _:
                return True

    def _show_keys(self) -> None:
        drawing = self.query_one(Canvas).drawing
        now = (drawing.can_undo, drawing.is_blank)
        if now != self._working_keys:
            self._working_keys = now
            self.refresh_bindings()

    def action_move_pen(self, across: int, down: int) -> None:
        self.query_one(Canvas).move(across, down)

    def action_toggle_pen(self) -> None:
        self.query_one(Canvas).toggle(Tool.PEN)

    def action_toggle_eraser(self) -> None:
        self.query_one(Canvas).toggle(Tool.ERASER)

    def action_undo_stroke(self) -> None:
        self.query_one(Canvas).undo()

    def action_clear_drawing(self) -> None:
        self.query_one(Canvas).clear()

    def action_digit_style(self) -> None:
        self.post_message(NextStyleAsked())

    def show_style(self, style: PictureStyle) -> None:
        """Draw in another style from now on."""
        self.query_one(Canvas).show_style(style)
        self.query_one(SeenDigit).show_style(style)

    def action_leave_drawing(self) -> None:
        self.post_message(self.Left())


def _is_other(model: Model | str, before: Model | str) -> bool:
    """Whether to draw anew; always without a model, since the data may be others by now."""
    if isinstance(model, str) or isinstance(before, str):
        return True
    return model.parameters is not before.parameters or model.when != before.when


def _caption(height: int, width: int) -> str:
    """What `normalised` does, in words."""
    down, across = round(height * 20 / 28), round(width * 20 / 28)
    return (
        f"Scaled to fit into {across} x {down} pixels, its centre of mass in the middle of "
        f"{width} x {height}: as MNIST was made."
    )
