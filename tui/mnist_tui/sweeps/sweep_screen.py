"""The sweeps screen: many runs with values that Optuna chooses, ranked while they come in."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static

from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.view import View
from mnist_tui.lab.session import Session
from mnist_tui.lab.sweep_progress import TrialSoFar
from mnist_tui.settings.keys import KEYS, Scope, bindings, key_hint
from mnist_tui.sweeps.studies import Studies
from mnist_tui.sweeps.sweep_charts import SweepCharts
from mnist_tui.sweeps.sweep_form import Base, SweepForm
from mnist_tui.sweeps.sweep_session import KeptStudy, RefusedError, SweepSession, SweepStage
from mnist_tui.sweeps.sweep_text import (
    about_text,
    importance_lines,
    no_base_text,
    planned_text,
    progress_text,
    what_sweeps_are,
)
from mnist_tui.sweeps.trial_rows import rows, titles
from mnist_tui.sweeps.trials_table import TrialsTable
from mnist_tui.text.numbers import count
from mnist_tui.text.styled_text import STATE_SIGNS
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.chart_screen import ABSENT, CHART_ACTIONS, ChartScreen
from mnist_tui.ui.dialogs import LineInput, count_problem
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.sizes import NARROW, WIDE, WIDTHS

LOOKS_PER_SECOND = 5
"""Each draws only what is new, so that watching a sweep takes little from it."""
_MOST_TRIALS = 100_000
_MORE_TRIALS = 10
"""That are offered for a study that is finished."""


class SweepsScreen(ChartScreen):
    """Draws a `SweepSession`, and turns keys into its requests; the app answers the messages."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.SWEEPS, Scope.ZOOM)
    PANES = "#sweep-left, #sweep-charts, #best-chart, #parameter-chart, #parallel, #importance, "\
        "#trials"  # fmt: skip
    TURNS = ("best-chart", "parameter-chart", "parallel", "importance")
    AUTO_FOCUS = "#trials"
    HORIZONTAL_BREAKPOINTS = WIDTHS

    class Request(Message):
        """Something the user wants with the run of a trial that is not this screen's to do."""

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self.run_id = run_id

    class Opened(Request):
        """Show this run."""

    class Forked(Request):
        """Take this run's hyperparameters into the form."""

    class CommandAsked(Request):
        """Show the command that reproduces this run."""

    def __init__(self, session: Session, sweeps: SweepSession, base: Base) -> None:
        """`base` gives the recipe that sweeps start from."""
        super().__init__(View(axis="x"))
        self._session, self._sweeps, self._base = session, sweeps, base
        self._studies: tuple[KeptStudy, ...] = ()
        self._drawn: object = None
        """What the first line, the notice and the footer were last made for."""

    def compose(self) -> ComposeResult:
        yield Static(id="sweep-state", markup=False)
        yield Static(id="notice", markup=False)
        with Horizontal(id="sweep-lab"):
            with Vertical(id="sweep-left"):
                form = SweepForm(self._base, id="sweep-form")
                form.border_title = "Sample"
                yield form
                yield Studies(id="studies")
            with Vertical(id="sweep-right"):
                yield SweepCharts(id="sweep-charts")
                yield Static(id="importance", markup=False, classes=ABSENT)
                yield TrialsTable(id="trials")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.set_interval(1 / LOOKS_PER_SECOND, self._tick)

    def on_screen_resume(self) -> None:
        """The screen is on top, for the first time or again."""
        self.query_one(SweepForm).look()
        if not self._sweeps.notice:
            self._sweeps.notice = self._sweeps.missing
        self._read_studies()
        self._draw()

    def _read_studies(self) -> None:
        self._studies = self._sweeps.studies()
        self.query_one(Studies).show(self._studies)

    # -- drawing ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        before = self._sweeps.is_under_way
        changed = self._sweeps.tick()
        if not self.is_current:
            return
        if before and not self._sweeps.is_under_way:
            self._read_studies()
        if changed:
            self._draw()
        else:
            self._draw_state()

    def on_resize(self) -> None:
        if self._front == "importance" and not self.has_class(NARROW):
            self.bring_to_front(self.TURNS[0])
        # After the charts have their new size.
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        self.draw_charts()
        self._draw_importance()
        self._draw_table()
        self._draw_state()

    def draw_charts(self) -> None:
        progress = self._sweeps.progress
        empty = (
            what_sweeps_are(has_studies=bool(self._studies))
            if progress is None
            else "The first trials are on their way."
        )
        self.query_one(SweepCharts).show(progress, self.view, self._zoomed, empty)

    @property
    def _zoomed(self) -> str:
        """The one that the window is of: where several are shown, the first."""
        wide = self.has_class(WIDE) and not self.is_maximised
        return "best-chart" if wide or self._front != "parameter-chart" else "parameter-chart"

    def _draw_importance(self) -> None:
        progress, pane = self._sweeps.progress, self.query_one("#importance", Static)
        lines = importance_lines(progress, self.size.width // 2)
        pane.set_class(not lines, ABSENT)
        if progress is not None and lines:
            trials = count(progress.importance_trials, "completed trial")
            pane.border_title = Content(f"How much each decides, of {trials}")
            pane.update("\n".join(lines))

    def _draw_table(self) -> None:
        table, progress = self.query_one(TrialsTable), self._sweeps.progress
        if progress is None or progress.started is None:
            table.border_title = "Trials"
            table.show((), (), "Trials are ranked here; each is a run like any other.")
            return
        table.border_title = Content(f"Trials by {about_text(progress.started)}")
        table.show(titles(progress), rows(progress), "No trial has begun yet.")

    def _draw_state(self) -> None:
        sweeps = self._sweeps
        stage, progress = sweeps.stage, sweeps.progress
        if progress is not None and (sweeps.is_under_way or progress.started is not None):
            how = f"{key_hint('stop_sweep')} again ends those that run at once"
            words = progress_text(
                progress,
                under_way=sweeps.is_under_way,
                how_to_cut=how if stage is SweepStage.STOPPING else "",
            )
        else:
            dataset = self._session.data.dataset
            ranges = self.query_one(SweepForm).draft.ranges
            name = dataset.name if dataset is not None else "data that are still being loaded"
            words = sweeps.obstacle or planned_text(ranges, self._base(), name)
        now = stage, words, sweeps.notice, len(self._studies), self.query_one(TrialsTable).trial
        if now == self._drawn:
            return
        self._drawn = now
        sign, tone = STATE_SIGNS[stage]
        colour = "$foreground 60%" if tone == "muted" else f"${tone}"
        line = Content.styled(f" {sign} {stage.value:<9}", f"bold {colour}")
        quiet = "$foreground 60%" if stage is SweepStage.IDLE else "bold"
        self.query_one("#sweep-state", Static).update(line + Content.styled(f"  {words}", quiet))
        notice = self.query_one("#notice", Static)
        notice.update(visible(sweeps.notice))
        notice.display = bool(sweeps.notice)
        self.refresh_bindings()

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        if not self.is_mounted:
            return False
        sweeps = self._sweeps
        trial = self.query_one(TrialsTable).trial
        if isinstance(self.focused, Input) and action not in ("start_sweep", "leave_sweep_field"):
            return action not in _ACTIONS | CHART_ACTIONS
        match action:
            case "start_sweep":
                return not sweeps.is_under_way and self._session.watch is None
            case "stop_sweep":
                return sweeps.is_under_way
            case "resume_sweep":
                return not sweeps.is_under_way and bool(self._resumable)
            case "open_trial" | "fork_trial" | "show_trial_command":
                return trial is not None
            case "next_parameter":
                return sweeps.progress is not None and sweeps.progress.started is not None
            case "next_chart":
                return sweeps.progress is not None and not self.has_class(WIDE) and (
                    not self.is_maximised
                )  # fmt: skip
            case "show_studies":
                return bool(self._studies) and not isinstance(self.focused, Studies)
            case "leave_sweep_field":
                return not isinstance(self.focused, TrialsTable) or self.is_maximised
            case _:
                return super().check_action(action, parameters)

    def on_descendant_focus(self) -> None:
        # Where there is little room, the form and the list are shown while they are used.
        self.set_class(self.query_one(SweepForm).has_focus_within, "-editing")
        self.set_class(isinstance(self.focused, Studies), "-listing")
        self.refresh_bindings()

    def action_start_sweep(self) -> None:
        form = self.query_one(SweepForm)
        draft = form.look()
        if draft.problems:
            self.action_edit_sweep(next(iter(draft.problems)))
            self._refuse("A value cannot be used yet; see the message under it.")
        elif self._base() is None:
            self._refuse(no_base_text())
        else:
            self._show_sweep(partial(self._sweeps.start, draft.words))

    def _show_sweep(self, ask: Callable[[], None]) -> None:
        """Do what brings another sweep on show, or say why it is refused."""
        try:
            ask()
        except RefusedError as error:
            self._refuse(str(error))
            return
        self.query_one(SweepCharts).parameter = 0
        self.view = replace(self.view, window=None)
        self.set_focus(self.query_one(TrialsTable))
        self._draw()

    def _refuse(self, sentence: str) -> None:
        self.notify(visible(sentence), severity="warning", markup=False)

    def action_stop_sweep(self) -> None:
        self._sweeps.stop()
        self._draw_state()

    @property
    def _resumable(self) -> str:
        """The study that a key goes on with: the one under the cursor, else the one on show."""
        studies = self.query_one(Studies)
        return studies.pointed if studies.has_focus else self._sweeps.study

    def action_resume_sweep(self) -> None:
        name, progress = self._resumable, self._sweeps.progress
        started = progress.started if progress is not None else None
        is_done = self._sweeps.stage is SweepStage.COMPLETED and name == self._sweeps.study
        if started is None or not is_done:
            self._show_sweep(partial(self._sweeps.resume, name))
            return

        def answered(text: str | None) -> None:
            if text is not None:
                self._show_sweep(partial(self._sweeps.resume, name, int(text)))

        dialog = LineInput(
            f"{name} is finished. How many trials is it to have?",
            str(started.trials + _MORE_TRIALS),
            problem_of=partial(count_problem, most=_MOST_TRIALS),
            same_counts=True,
        )
        self.app.push_screen(dialog, answered)

    @on(OptionList.OptionSelected)
    def _resume_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id is not None:
            self._show_sweep(partial(self._sweeps.resume, event.option_id))

    def action_edit_sweep(self, field: str = "") -> None:
        self.maximise_pane(None)
        # A field of what is not shown takes no focus.
        self.add_class("-editing")
        self.remove_class("-listing")
        self.query_one(SweepForm).focus_field(field)

    def action_show_studies(self) -> None:
        self.maximise_pane(None)
        self.add_class("-listing")
        self.remove_class("-editing")
        self.set_focus(self.query_one(Studies))

    def action_leave_sweep_field(self) -> None:
        if self.is_maximised:
            self.maximise_pane(None)
        self.set_focus(self.query_one(TrialsTable))

    def action_next_parameter(self) -> None:
        """Draw against the next field, and show that chart."""
        if self._front == "parameter-chart" or self.has_class(WIDE):
            self.query_one(SweepCharts).parameter += 1
        else:
            self.bring_to_front("parameter-chart")
        self.view = replace(self.view, window=None)
        self.draw_charts()

    def action_next_chart(self) -> None:
        self.view = replace(self.view, window=None)
        super().action_next_chart()
        if self._front == "importance" and not self.has_class(NARROW):
            self.bring_to_front(self.TURNS[0])
        self.draw_charts()

    @on(TrialsTable.Chosen)
    def action_open_trial(self) -> None:
        self._ask(self.Opened)

    def action_fork_trial(self) -> None:
        self._ask(self.Forked)

    def action_show_trial_command(self) -> None:
        self._ask(self.CommandAsked)

    def _ask(self, request: type[Request]) -> None:
        trial: TrialSoFar | None = self.query_one(TrialsTable).trial
        if trial is None:
            return
        if self._sweeps.is_remote(trial):
            host = visible(trial.started.host)
            self._refuse(f"Trial {trial.number} was trained on {host}, and its run is kept there.")
            return
        self.post_message(request(trial.started.runs[0]))

    @on(SweepForm.Submitted)
    def _submit(self, event: SweepForm.Submitted) -> None:
        event.stop()
        if self._sweeps.is_under_way:
            self.action_leave_sweep_field()
        else:
            self.action_start_sweep()

    @on(SweepForm.Changed)
    def _change(self, event: SweepForm.Changed) -> None:
        event.stop()
        self._draw_state()

    @on(TrialsTable.Moved)
    def _follow_cursor(self, event: TrialsTable.Moved) -> None:
        event.stop()
        self._draw_state()

    @on(Chart.Pointed)
    def _point(self, event: Chart.Pointed) -> None:
        event.stop()


def single(recipes: Sequence[Hyperparameters]) -> Hyperparameters | None:
    """The one recipe that a form says; None: it says none, or several."""
    return recipes[0] if len(recipes) == 1 else None


_ACTIONS = frozenset(key.name for key in KEYS if key.scope is Scope.SWEEPS)
"""What the keys of this screen do."""
