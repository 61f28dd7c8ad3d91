"""The train screen: hyperparameters, live charts, and digits as the network sees them."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from mnist_core.backend.backend import Backend
from mnist_core.network.mistakes import confusion_matrix, recall
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import KeptRecord
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.view import View, Window
from mnist_tui.lab.machine_load import MachineWatch
from mnist_tui.lab.overlay import MarkedCurves
from mnist_tui.lab.run_plots import place_of_step, step_at
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.lab.watch import Watch
from mnist_tui.settings.keys import Scope, bindings
from mnist_tui.text.picture_style import PICTURE_STYLES, PictureStyle
from mnist_tui.text.visible_text import visible
from mnist_tui.train.folded_form import FoldedForm
from mnist_tui.train.guidance import Guidance, done_text, notice
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.train.run_charts import RunCharts
from mnist_tui.train.sample_grid import SampleGrid
from mnist_tui.train.steering import Steering
from mnist_tui.ui.chart_screen import ABSENT, ChartScreen
from mnist_tui.ui.class_bars import ClassBars
from mnist_tui.ui.dialogs import Question
from mnist_tui.ui.digit_style import NextStyleAsked
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.sizes import WIDTHS
from mnist_tui.ui.status_line import StatusLine

TICKS_PER_SECOND = 10
TICKS_PER_CHARTS, TICKS_PER_DIGITS = 2, 6
"""While a run goes on, ticks that draw the charts take turns with those that draw the status line,
and some of these the digits: Textual composes every widget between what changed, so that all of it
ten times a second would hold training up, and keys."""
_MACHINE_INTERVAL = 1.0
"""Seconds between two looks at how busy the machine is."""
_EDITING = "-editing"
"""The class of the screen while the form has the focus."""


class TrainScreen(ChartScreen):
    """Draws the session, parts of it at each tick; the charts' cursor is the session's, a step."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.TRAIN, Scope.CHARTS, Scope.ZOOM)
    PANES = "#form, #folded-form, #charts, Chart, #digits, #samples, #by-class"
    TURNS = ("loss", "accuracy", "gradients")
    AUTO_FOCUS = "#loss"
    HORIZONTAL_BREAKPOINTS = WIDTHS

    @dataclass
    class ResumeAsked(Message):
        """The user wants to go on with a stored run."""

        run_id: str

    @dataclass
    class CommandAsked(Message):
        """The user wants the command line that reproduces a stored run."""

        run_id: str

    @dataclass
    class SampleAsked(Message):
        """The user wants to look closer at a test sample."""

        index: int
        """Among all test samples."""

    class SamplesSought(Message):
        """The user wants to type which samples to look at."""

    @dataclass
    class Done(Message):
        """All that was to be trained has been, or waits for a decision."""

        words: str

    @dataclass
    class MachineTurned(Message):
        """The line on the machine was opened or closed."""

        shown: bool

    @dataclass
    class Watched(Message):
        """Another run or recording is watched from now on."""

        record: KeptRecord

    def __init__(
        self,
        session: Session,
        backend: Backend | None,
        hyperparameters: Hyperparameters,
        preset: str,
        marked: MarkedCurves,
        machine: MachineWatch,
        *,
        shows_machine: bool = False,
        picture_style: PictureStyle = PICTURE_STYLES[0],
        first_launch: bool = False,
        notice: str = "",
    ) -> None:
        """`marked` are the runs to draw beside the one that is trained; of `machine` there is a
        line with `shows_machine`, until a key closes it.

        On the first launch guidance is shown until a key is pressed; `notice`, until there is a
        run.
        """
        super().__init__(View())
        self._session = session
        self._marked = marked
        self._machine = machine
        self._shows_machine = shows_machine
        self.steering = Steering(self, session, self.redraw)
        # Textual looks on the screen for what its keys do.
        self.action_run = self.steering.run
        self.action_pause = self.steering.pause
        self.action_resume = self.steering.resume
        self.action_stop = self.steering.stop
        self.action_one_more_epoch = self.steering.one_more_epoch
        self.action_train_batches = self.steering.train_batches
        self.action_edit = self.steering.edit
        self._backend = backend
        self._hyperparameters = hyperparameters
        self._preset = preset
        self._picture_style = picture_style
        self._guidance = Guidance() if first_launch else None
        self._first_notice = notice
        self._drawn: object = None
        """What the footer and the notice were last made for."""
        self._samples: object = None
        self._by_class: object = None
        """The answers that the accuracy by class was last made from."""
        self._leaving = False
        self._state = session.state
        """At the last tick."""
        self._epoch = 0
        """Evaluated last, at the last tick."""
        self._epoch_tick = 0
        """When that changed."""
        self._ticks = 0
        self._watched = ""
        """The id of what is watched, at the last tick."""
        self._charts_lag = False
        """Whether something has come since they were drawn."""

    def compose(self) -> ComposeResult:
        status = StatusLine(self._session, self._backend, self._machine)
        status.show_machine(self._shows_machine)
        yield status
        if self._guidance is not None:
            yield self._guidance
        yield Static(id="notice", markup=False)
        with Horizontal(id="lab"):
            form = HyperparameterForm(self._hyperparameters, self._preset, id="form")
            form.border_title = "Hyperparameters"
            yield form
            yield FoldedForm(form, opens=self._session.watch is None, id="folded-form")
            yield RunCharts(id="charts")
            with Vertical(id="digits"):
                yield SampleGrid(self._picture_style, id="samples")
                by_class = ClassBars(marks_lowest=True, id="by-class")
                by_class.add_class(ABSENT)
                yield by_class
        yield KeyFooter()

    def on_mount(self) -> None:
        self.set_interval(1 / TICKS_PER_SECOND, self._tick)
        self.set_interval(_MACHINE_INTERVAL, self._look_at_machine)
        if self._session.watch is None:
            self._session.data.load()
        self.redraw()

    # -- drawing ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        shown, was_at_work = self._session.progress, self._session.at_work
        changed = self._session.tick() | self._marked.update()
        # Whoever has stopped it knows.
        known = self._leaving or self._session.state is State.STOPPED
        if was_at_work and not self._session.at_work and not known:
            self.post_message(self.Done(done_text(self._session)))
        if self._session.watch is not None:
            self._look_at_watch(self._session.watch, shown)
        self._charts_lag |= changed
        before, self._state = self._state, self._session.state
        self._ticks += 1
        # What the end of an epoch has shown stands in several places at once; where epochs are
        # shorter than it takes to read that, they would have all drawn at each tick.
        epoch, self._epoch = self._epoch, self._evaluated_epoch()
        is_over = self._epoch != epoch and self._ticks - self._epoch_tick >= TICKS_PER_SECOND
        if self._epoch != epoch:
            self._epoch_tick = self._ticks
        if self.steering.is_covered:
            pass
        elif is_over or self._state is not before or (changed and self._state is not State.RUNNING):
            self.redraw()
        elif self._state is not State.RUNNING:
            self._draw_state()
        elif self._ticks % TICKS_PER_CHARTS == 0:
            self._draw_figures(digits=self._ticks % TICKS_PER_DIGITS == 0)
        elif self._charts_lag:
            self.draw_charts()
            self._draw_state()
        self.steering.look_at_divergence()
        if self._leaving and self._session.run is None:
            self.app.exit()

    def _look_at_machine(self) -> None:
        """Where somebody sees it, or it may hold a run up; else nothing is asked of the system."""
        if not (self._shows_machine or self._session.run is not None):
            self._machine.forget()
            return
        self._machine.look()
        if not self.steering.is_covered:
            self.query_one(StatusLine).refresh()

    def _look_at_watch(self, watch: Watch, shown: RunProgress | None) -> None:
        """Say that something else is watched; the form has the values of a run that was not
        `shown` before.
        """
        if self._session.progress is not shown:
            self.steering.show_values()
        record = watch.record
        if record is not None and record.id != self._watched:
            self._watched = record.id
            self.post_message(self.Watched(record))
        news = watch.take_news()
        if news:
            self.app.notify(visible(news), markup=False)

    def _evaluated_epoch(self) -> int:
        progress = self._session.progress
        return progress.evaluated_epoch if progress is not None else 0

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was shown."""
        self._session.follow_name()
        self._marked.update()
        self.redraw()

    def end_guidance(self) -> None:
        """Take the guidance away, since a key was pressed."""
        if self._guidance is not None:
            self._guidance = None
            self.query(Guidance).remove()

    @on(HyperparameterForm.Submitted)
    def _submit(self, event: HyperparameterForm.Submitted) -> None:
        event.stop()
        self.steering.submit(event.recipes)
        # So that the keys of the charts, such as 2, work at once.
        self.set_focus(self.front)

    @on(FoldedForm.Clicked)
    def _open_form(self, event: FoldedForm.Clicked) -> None:
        event.stop()
        self.steering.edit()

    def on_descendant_focus(self) -> None:
        """A narrow screen has room for the form only while it is edited."""
        self.set_class(self.query_one("#form").has_focus_within, _EDITING)

    def on_resize(self) -> None:
        # After the charts have their new size, which decides what of them is shown.
        self.call_after_refresh(self.draw_charts)

    def redraw(self) -> None:
        """Draw what has changed in the session."""
        self.draw_charts()
        self._draw_figures()

    def _draw_figures(self, *, digits: bool = True) -> None:
        """Draw all but the charts; without `digits`, only the status line."""
        if digits:
            self._draw_samples()
            self._draw_by_class()
        self.query_one(StatusLine).refresh()
        self._draw_state()

    def draw_charts(self) -> None:
        session = self._session
        shown = {run.run_id for run in (session.progress, session.ghost) if run is not None}
        recipe = session.progress.hyperparameters if session.progress is not None else None
        overlays = self._marked.overlays(but=shown, beside=recipe)
        charts = self.query_one(RunCharts)
        charts.show(session.progress, session.ghost, overlays, self.view, session.cursor)
        self._charts_lag = False

    def window_on(self, axis: str) -> Window | None:
        progress, window = self._session.progress, self.view.window
        if progress is None or window is None:
            return None
        low, high = (
            place_of_step(progress, axis, step_at(progress, self.view.axis, place))
            for place in window
        )
        return (low, high) if low < high else None

    def _draw_samples(self) -> None:
        session = self._session
        grid = self.query_one(SampleGrid)
        if session.samples is not None and session.samples is not self._samples:
            self._samples = session.samples
            dataset = session.data.dataset
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
        grid.show_predictions(
            progress.name, answers.predictions, answers.confidences, progress.answers_epoch
        )

    def _draw_by_class(self) -> None:
        """How many of each class the model of the last epoch recognised, where there is room."""
        progress = self._session.progress
        latest = progress.history.latest if progress is not None else None
        if latest is self._by_class:
            return
        self._by_class = latest
        bars = self.query_one(ClassBars)
        bars.set_class(latest is None, ABSENT)
        if progress is not None and latest is not None:
            names = progress.dataset.class_names
            matrix = confusion_matrix(progress.test.labels, latest.predictions, len(names))
            bars.show(recall(matrix).astype(np.float32), names)
            title = f"Right by class · {progress.name} · epoch {latest.epoch}"
            bars.border_title = Content(visible(title))

    def _draw_state(self) -> None:
        """Draw what follows from the state."""
        progress = self._session.progress
        now = (
            self._session.state,
            progress is not None and progress.batch is not None,
            self._session.can_continue,
            self._session.data.offered,
            notice(self._session, self._backend, self._first_notice),
        )
        self.steering.mark_form()
        self.query_one(FoldedForm).draw()
        if now != self._drawn:
            self._drawn = now
            self.query_one(StatusLine).refresh()
            told = self.query_one("#notice", Static)
            told.update(now[-1])
            told.display = bool(now[-1])
            self.refresh_bindings()

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        session = self._session
        trains = session.run is not None
        match action:
            case "run" | "train_batches" | "edit" if session.watch is not None:
                return False
            case "pause":
                return trains and session.state is State.RUNNING
            case "resume":
                return trains and session.state is State.PAUSED
            case "stop":
                own = trains and session.state in (State.RUNNING, State.PAUSED)
                return own or session.waiting
            case "one_more_epoch":
                return session.can_continue and session.divergence is None
            case "train_batches":
                ready = session.state is not State.STOPPING and not session.waiting
                return ready and session.divergence is None
            case "resume_stored":
                return bool(session.resumable)
            case "show_command":
                return session.progress is not None and bool(session.progress.run_id)
            case "use_offered_data":
                return session.data.offered is not None
            case "retry_data":
                return session.data.can_retry
            case "find_samples":
                return session.progress is not None and len(session.progress.test_loss) > 0
            case "epoch_cursor":
                return session.progress is not None and session.progress.recipe is not None
            case "leave":
                at_ease = isinstance(self.focused, Chart) and not self.is_maximised
                return self._session.cursor is not None or not at_ease
            case _:
                return super().check_action(action, parameters)

    def action_find_samples(self) -> None:
        self.post_message(self.SamplesSought())

    def action_resume_stored(self) -> None:
        self.post_message(self.ResumeAsked(self._session.resumable))

    def action_show_command(self) -> None:
        progress = self._session.progress
        if progress is not None:
            self.post_message(self.CommandAsked(progress.run_id))

    def action_leave(self) -> None:
        if self.is_maximised:
            self.maximise_pane(None)
        elif isinstance(self.focused, Chart):
            self.show_cursor(None)
        else:
            self.set_focus(self.front)

    def action_use_offered_data(self) -> None:
        self._session.use_offered_data()
        self.redraw()

    def action_retry_data(self) -> None:
        self._session.data.load()
        self.redraw()

    def action_digit_style(self) -> None:
        self.post_message(NextStyleAsked())

    def show_style(self, style: PictureStyle) -> None:
        """Draw the digits in another style from now on."""
        self.query_one(SampleGrid).show_style(style)

    def action_log(self) -> None:
        """Of the gradients where these have the focus."""
        if self.focused is not None and self.focused.id == "gradients":
            self.show_view(replace(self.view, log_gradients=not self.view.log_gradients))
        else:
            super().action_log()

    def action_show_gradients(self) -> None:
        self.maximise_pane(None)
        shown = not self.query_one(RunCharts).shows_gradients
        self.show_view(replace(self.view, gradients=shown))
        self.bring_to_front("gradients" if shown else self.TURNS[0])

    def action_show_machine(self) -> None:
        self._shows_machine = not self._shows_machine
        self.query_one(StatusLine).show_machine(self._shows_machine)
        if self._machine.load is None:
            self._look_at_machine()
        self.post_message(self.MachineTurned(self._shows_machine))

    def action_epoch_cursor(self, by: int) -> None:
        """Move the cursor to the end of the next epoch or the one before; at first, the last."""
        progress = self._session.progress
        if progress is None or progress.recipe is None:
            return
        epoch_steps, cursor = progress.epoch_steps, self._session.cursor
        last = float(epoch_steps.epochs(progress.step))
        here = last if cursor is None else float(epoch_steps.epochs(cursor))
        epoch = math.floor(here + 1e-9) + 1 if by > 0 else math.ceil(here - 1e-9) - 1
        epoch = max(0, min(epoch, math.floor(last)))
        self.show_cursor(float(epoch_steps.end(epoch)))

    @on(SampleGrid.Chosen)
    def _choose_sample(self, event: SampleGrid.Chosen) -> None:
        event.stop()
        progress = self._session.progress
        if progress is not None and progress.samples is self._samples:
            self.post_message(self.SampleAsked(int(progress.sample_rows[event.position])))

    @on(Chart.Pointed)
    def _point(self, event: Chart.Pointed) -> None:
        event.stop()
        progress = self._session.progress
        if progress is not None:
            self.show_cursor(step_at(progress, self.view.axis, event.place))

    def show_cursor(self, step: float | None) -> None:
        """Put the cursor of all charts at a step, or take it away."""
        self._session.cursor = step
        self.draw_charts()
        self.refresh_bindings()

    # -- leaving ---------------------------------------------------------------------------------

    def leave(self, *, ask: bool = True) -> None:
        """Exit, once a run under way has stopped; asks first if there is one, a race or a sweep."""
        trains, hold = self._session.run is not None, self._session.hold
        if not (trains or (hold and ask)):
            self.app.exit()
            return

        def stop_and_leave() -> None:
            if trains:
                self._leaving = True
                self._session.stop()
                self._draw_state()
            else:
                self.app.exit()

        if not ask:
            stop_and_leave()
            return

        def answered(stop: bool | None) -> None:
            if stop:
                stop_and_leave()

        run = "run is under way. Stop it, keep what it learned"
        what = hold.question if hold is not None and not trains else run
        self.app.push_screen(Question(f"A {what}, and quit?", "Stop and quit", "Go on"), answered)
