"""The train screen: hyperparameters, live charts, and digits as the network sees them."""

import math
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from mnist_core.backend import Backend
from mnist_core.events import RunFailed
from mnist_core.hyperparameters import Hyperparameters
from mnist_core.store import RunRecord
from mnist_tui.digits import PICTURE_STYLES, PictureStyle
from mnist_tui.keys import Scope, bindings
from mnist_tui.plain_text import visible
from mnist_tui.plots import metric_plot
from mnist_tui.runs.marked_curves import MarkedCurves
from mnist_tui.runs.overlay import with_overlays
from mnist_tui.screens.question import Question
from mnist_tui.session import Session, State
from mnist_tui.widgets.chart import Chart
from mnist_tui.widgets.form import HyperparameterForm
from mnist_tui.widgets.sample_grid import SampleGrid
from mnist_tui.widgets.status_line import StatusLine

REDRAWS_PER_SECOND = 10
TICKS_PER_FIGURES = 2
"""While a run goes on, the figures of the status line are drawn with every second redraw: faster
they could not be read, and Textual composes every widget between what changed above and below."""


class TrainScreen(Screen[None]):
    """Draws the session about ten times a second, and turns keys into its requests."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.TRAIN)
    AUTO_FOCUS = "#loss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012

    class ResumeAsked(Message):
        """The user wants to go on with a stored run."""

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self.run_id = run_id

    class CommandAsked(Message):
        """The user wants the command line that reproduces a stored run."""

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self.run_id = run_id

    def __init__(
        self,
        session: Session,
        backend: Backend | None,
        hyperparameters: Hyperparameters,
        preset: str,
        marked: MarkedCurves,
    ) -> None:
        """`marked` are the runs to draw beside the one that is trained."""
        super().__init__()
        self._marked = marked
        self._session = session
        self._backend = backend
        self._hyperparameters = hyperparameters
        self._preset = preset
        self._log_loss = False
        self._picture_style: PictureStyle = PICTURE_STYLES[0]
        self._drawn: object = None
        """What the footer and the notice were last made for."""
        self._samples: object = None
        self._leaving = False
        self._ticks = 0

    def compose(self) -> ComposeResult:
        yield StatusLine(self._session, self._backend)
        yield Static(id="notice", markup=False)
        with Horizontal(id="lab"):
            form = HyperparameterForm(self._hyperparameters, self._preset, id="form")
            form.border_title = "Hyperparameters"
            yield form
            with Vertical(id="charts"):
                for name in ("loss", "accuracy"):
                    chart = Chart(id=name)
                    chart.border_title = name.capitalize()
                    yield chart
            yield SampleGrid(id="samples")
        yield Footer()

    def on_mount(self) -> None:
        self.set_interval(1 / REDRAWS_PER_SECOND, self._tick)
        self._session.load_data()
        self._draw()

    # -- drawing ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        changed = self._session.tick() | self._marked.update()
        active = self._session.state.is_active
        self._ticks += 1
        figures = not active or self._ticks % TICKS_PER_FIGURES == 0
        if self._is_covered:
            pass
        elif changed:
            self._draw(figures=figures)
        elif active:
            self._draw_state(figures=figures)
        if self._leaving and not active:
            self.app.exit()

    @property
    def _is_covered(self) -> bool:
        """Whether another screen that fills the terminal is shown; behind a dialog, none is."""
        stack = self.app.screen_stack
        return any(not screen.is_modal for screen in stack[stack.index(self) + 1 :])

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was shown."""
        self._marked.update()
        self._draw()

    def redraw(self) -> None:
        """Draw what has changed in the session outside of a tick."""
        self._draw()

    def _draw(self, *, figures: bool = True) -> None:
        session = self._session
        shown = {run.run_id for run in (session.progress, session.ghost) if run is not None}
        overlays = self._marked.overlays(but=shown)
        loss = metric_plot("loss", session.progress, session.ghost, log=self._log_loss)
        loss = with_overlays(loss, "loss", overlays)
        accuracy = metric_plot("accuracy", session.progress, session.ghost)
        accuracy = with_overlays(accuracy, "accuracy", overlays)
        self.query_one("#loss", Chart).plot = replace(loss, cursor=self._session.cursor)
        self.query_one("#accuracy", Chart).plot = replace(accuracy, cursor=self._session.cursor)
        self._draw_samples()
        self._draw_state(figures=figures)

    def _draw_samples(self) -> None:
        session = self._session
        grid = self.query_one(SampleGrid)
        if session.samples is not None and session.samples is not self._samples:
            self._samples = session.samples
            dataset = session.dataset
            assert dataset is not None, "samples come from data"
            grid.show_samples(
                session.samples.images,
                session.samples.labels,
                dataset.class_names,
                dataset.dark_on_light,
            )
        progress = session.progress
        if progress is None or progress.answers is None or progress.samples is not self._samples:
            return
        answers = progress.answers
        grid.show_predictions(answers.predictions, answers.confidences, progress.answers_epoch)

    def _draw_state(self, *, figures: bool = True) -> None:
        """Draw what follows from the state; the status line also when only `figures` changed."""
        progress = self._session.progress
        now = (
            self._session.state,
            progress is not None and progress.batch is not None,
            self._session.can_continue,
            self._session.offered,
            self._notice(),
        )
        if figures or now != self._drawn:
            self.query_one(StatusLine).refresh()
        if now != self._drawn:
            self._drawn = now
            notice = self.query_one("#notice", Static)
            notice.update(now[-1])
            notice.display = bool(now[-1])
            self.refresh_bindings()

    def _notice(self) -> str:
        """What a person must know and can act on; empty most of the time."""
        session = self._session
        end = session.progress.end if session.progress is not None else None
        if session.data_failure is not None and session.dataset is None:
            return f"{visible(session.data_failure.message)} Press r to try again."
        if isinstance(end, RunFailed) and not session.state.is_active:
            return visible(f"{end.message} {session.log_note}")
        if session.state is State.DIVERGED:
            return (
                "The loss is no longer a finite number, so the run was given up. "
                "A lower learning rate or scaled pixels usually help."
            )
        if session.offered is not None:
            name = visible(session.offered.name)
            return f"{name} has been downloaded. Press u to use it from the next run on."
        if session.store_notice:
            return visible(session.store_notice)
        if session.interrupted is not None and session.progress is None:
            left = session.interrupted
            return visible(
                f"{left.name} was interrupted in epoch {min(left.epoch + 1, left.epochs)}/"
                f"{left.epochs}. Press R to go on with it."
            )
        progress = session.progress
        if progress is not None and progress.compile_failure is not None:
            return visible(progress.compile_failure)
        advice = self._backend.advice if self._backend is not None else ""
        # Once a run has begun, the first line's "synthetic" has to do: curves need the room.
        reason = session.data_reason if session.progress is None else None
        return visible(reason or advice)

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        session = self._session
        match action:
            case "pause":
                return session.state is State.RUNNING
            case "resume":
                return session.state is State.PAUSED
            case "stop":
                return session.state in (State.RUNNING, State.PAUSED) or session.waiting
            case "one_more_epoch":
                return session.can_continue
            case "resume_stored":
                return bool(session.resumable)
            case "show_command":
                return session.progress is not None and bool(session.progress.run_id)
            case "use_offered_data":
                return session.offered is not None
            case "retry_data":
                return session.can_retry_data
            case "leave":
                return self._session.cursor is not None or not isinstance(self.focused, Chart)
            case "epoch_cursor":
                return bool(session.progress and session.progress.steps_per_epoch)
            case _:
                return True

    def action_run(self) -> None:
        form = self.query_one(HyperparameterForm)
        hyperparameters = form.hyperparameters
        if hyperparameters is None:
            form.focus_field(next(iter(form.problems)))
            self.notify("A value cannot be used yet; see the message under it.", severity="error")
            return
        if not self._session.state.is_active:
            self._session.run(hyperparameters)
            self._draw()
            return

        def answered(restart: bool | None) -> None:
            if restart:
                self._session.run(hyperparameters)
                self._draw()

        progress = self._session.progress
        epoch = (
            f" in epoch {progress.epoch_under_way}/{progress.planned_epochs}" if progress else ""
        )
        self.app.push_screen(
            Question(f"A run is under way{epoch}. Stop it and start again with the values of the "
                     "form? Its curves stay, dimmed.", "Stop and restart", "Go on"),
            answered,
        )  # fmt: skip

    def action_pause(self) -> None:
        self._session.pause()

    def action_resume(self) -> None:
        self._session.resume()

    def action_stop(self) -> None:
        self._session.stop()
        self._draw_state()

    def action_one_more_epoch(self) -> None:
        self._session.one_more_epoch()
        self._draw_state()

    def action_resume_stored(self) -> None:
        self.post_message(self.ResumeAsked(self._session.resumable))

    def action_show_command(self) -> None:
        progress = self._session.progress
        if progress is not None:
            self.post_message(self.CommandAsked(progress.run_id))

    def fork(self, record: RunRecord) -> None:
        """Put the hyperparameters of a stored run into the form."""
        form = self.query_one(HyperparameterForm)
        form.load(record.hyperparameters)
        form.focus_field()
        self.notify(
            visible(f"The form has the values of {record.name}. Change some, and press Enter."),
            markup=False,
        )

    def action_edit(self) -> None:
        self.query_one(HyperparameterForm).focus_field()

    def action_leave(self) -> None:
        if isinstance(self.focused, Chart):
            self._show_cursor(None)
        else:
            self.set_focus(self.query_one("#loss"))

    def action_epoch_cursor(self, by: int) -> None:
        """Move the cursor to the end of the next epoch or the one before; at first, the last."""
        progress = self._session.progress
        if progress is None or not progress.steps_per_epoch:
            return
        last = progress.step / progress.steps_per_epoch
        cursor = self._session.cursor
        here = last if cursor is None else cursor / progress.steps_per_epoch
        epoch = math.floor(here + 1e-9) + 1 if by > 0 else math.ceil(here - 1e-9) - 1
        epoch = max(0, min(epoch, math.floor(last)))
        self._show_cursor(float(epoch * progress.steps_per_epoch))

    @on(Chart.Pointed)
    def _point(self, event: Chart.Pointed) -> None:
        event.stop()
        self._show_cursor(event.place)

    def _show_cursor(self, step: float | None) -> None:
        self._session.cursor = step
        for chart in self.query(Chart):
            chart.cursor = step
        self.refresh_bindings()

    def action_use_offered_data(self) -> None:
        self._session.use_offered_data()
        self._draw()

    def action_retry_data(self) -> None:
        self._session.load_data()
        self._draw()

    def action_digit_style(self) -> None:
        following = PICTURE_STYLES.index(self._picture_style) + 1
        self._picture_style = PICTURE_STYLES[following % len(PICTURE_STYLES)]
        self.query_one(SampleGrid).show_style(self._picture_style)

    def action_log_loss(self) -> None:
        self._log_loss = not self._log_loss
        self._draw()

    def on_hyperparameter_form_submitted(self, event: HyperparameterForm.Submitted) -> None:
        """Enter in a field: idle, it trains; while a run goes, it takes the value and no more."""
        event.stop()
        if not self._session.state.is_active:
            self.action_run()

    # -- leaving ---------------------------------------------------------------------------------

    def leave(self, *, ask: bool = True) -> None:
        """Exit, once a run under way has stopped; asks first if there is one."""
        if not self._session.state.is_active:
            self.app.exit()
            return
        if not ask:
            self._leaving = True
            self._session.stop()
            return

        def answered(stop: bool | None) -> None:
            if stop:
                self._leaving = True
                self._session.stop()
                self._draw_state()

        question = "A run is under way. Stop it, keep what it learned, and quit?"
        self.app.push_screen(Question(question, "Stop and quit", "Go on"), answered)
