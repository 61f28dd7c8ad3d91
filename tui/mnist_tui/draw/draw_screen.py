"""The drawing screen: a canvas, the digit as the network sees it, and the model that reads it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen

from mnist_core.data.dataset import Dataset
from mnist_core.data.drawn_digit import normalised
from mnist_core.events import TrainingState
from mnist_core.network.evaluation import logits, probabilities
from mnist_core.network.parameters import check_parameters, layer_sizes
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunStore, StoreError
from mnist_tui.draw.canvas import Canvas, Tool
from mnist_tui.draw.reading import SeenDigit
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
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
_NOT_YET = "The model appears here with the first epoch."
_NOT_FINITE = (
    "The weights of this model are no longer finite numbers, so it has no answer. "
    "A lower learning rate or scaled pixels usually help."
)


Parameters = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Weights, and what they were trained with."""

    parameters: Parameters
    """Weight (inputs, outputs) and bias (outputs,) of each layer in turn."""
    hyperparameters: Hyperparameters
    dataset: Dataset
    when: str
    """Of which run and epoch it is, text from outside in it."""

    def probabilities(self, ink: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(classes,) of a drawn image (height, width), full ink = 255.

        All are NaN where the weights are no longer finite numbers.
        """
        image = 255 - ink if self.dataset.dark_on_light else ink
        answer = logits(self.parameters, image[None], self.hyperparameters, self.dataset)
        return np.asarray(probabilities(answer)[0])


class CurrentModel:
    """Finds the model of the run at hand; the weights of a stored one are read when asked for."""

    def __init__(self, session: Session, store: RunStore) -> None:
        self._session = session
        self._store = store
        self._stored: tuple[RunProgress, TrainingState | str] | None = None
        """The stored run on show, with its last checkpoint or why there is none."""

    @property
    def dataset(self) -> Dataset | None:
        """The data set of the run, or the one that is loaded."""
        progress = self._session.progress
        return progress.dataset if progress is not None else self._session.data.dataset

    def forget(self) -> None:
        """Look again at what the store says, since it may have changed."""
        self._session.follow_name()
        self._stored = None

    def find(self) -> Model | str:
        """The model as it is now, or why there is none, in sentences."""
        progress = self._session.progress
        if progress is None:
            return (
                "A model has to be trained before it can read digits. "
                f"Press {key_hint('show_screen_train')}, then {key_hint('run')}, to train one; or "
                f"{key_hint('show_screen_runs')} to open a run that is kept."
            )
        found = self._weights(progress)
        if isinstance(found, str):
            return found
        parameters, when = found
        when = f"{progress.name} · {when}" if progress.name else when
        return Model(parameters, progress.hyperparameters, progress.dataset, when)

    def _weights(self, progress: RunProgress) -> tuple[Parameters, str] | str:
        """The weights and when they were such, or why there are none."""
        state = progress.state
        if state is not None and state.parameters:
            return state.parameters, _after(state)
        if progress.parameters:
            return progress.parameters, self._now(progress)
        if self._session.run is not None or not progress.run_id:
            return _NOT_YET
        stored = self._last_checkpoint(progress)
        return stored if isinstance(stored, str) else (stored.parameters, _after(stored))

    def _now(self, progress: RunProgress) -> str:
        epoch = f"epoch {progress.epoch_under_way}"
        match self._session.state:
            case State.RUNNING:
                return f"{epoch}, training"
            case State.PAUSED | State.STOPPING as state:
                return f"{epoch}, {state.value}"
            case _:
                return epoch

    def _last_checkpoint(self, progress: RunProgress) -> TrainingState | str:
        """That of a stored run, which is read once, or why it cannot be used."""
        if self._stored is None or self._stored[0] is not progress:
            dataset, hidden = progress.dataset, progress.hyperparameters.hidden_sizes
            try:
                state = self._store.model(progress.run_id)
                sizes = layer_sizes(dataset.input_size, hidden, dataset.class_count)
                check_parameters(state.parameters, sizes)
                self._stored = progress, state
            except (StoreError, ValueError) as error:
                self._stored = progress, str(error)
        return self._stored[1]


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


def _after(state: TrainingState) -> str:
    """How far the training of a model came that is not trained now."""
    return f"in epoch {state.epoch + 1}" if state.batch else f"after epoch {state.epoch}"


def _caption(height: int, width: int) -> str:
    """What `normalised` does, in words."""
    down, across = round(height * 20 / 28), round(width * 20 / 28)
    return (
        f"Scaled to fit into {across} x {down} pixels, its centre of mass in the middle of "
        f"{width} x {height}: as MNIST was made."
    )
