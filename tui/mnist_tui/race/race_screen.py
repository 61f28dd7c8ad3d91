"""The race screen: engines doing the same work in turns, watched live, and the races before."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from mnist_core.benchmark.kept_race import KeptRace
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import extent
from mnist_tui.charts.view import View
from mnist_tui.lab.session import Session
from mnist_tui.race.race_form import RaceForm
from mnist_tui.race.race_results import Standings, race_plot
from mnist_tui.race.race_session import RaceSession, RaceStage, RefusedError
from mnist_tui.race.race_text import CURVES, plan, subject, title, turn
from mnist_tui.settings.keys import Scope, bindings, key_hint
from mnist_tui.text.numbers import ago
from mnist_tui.text.styled_text import STATE_SIGNS
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.chart_screen import ChartScreen
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.sizes import WIDTHS
from mnist_tui.ui.steady_options import SteadyOptions

LOOKS_PER_SECOND = 5
"""Each draws only what is new, so that watching a race takes little from who is racing."""


class KeptRaces(SteadyOptions):
    """A line for each race; Enter or a click opens it."""

    def show(self, races: Sequence[KeptRace], shown: str) -> None:
        """List `races`; the one whose id is `shown` is marked as open."""
        before = self.pointed
        now = time.time()
        self.clear_options()
        if not races:
            self.add_option(
                Option(Content.styled("Races are kept here.", "$foreground 60%"), disabled=True)
            )
            return
        self.add_options(
            [
                Option(race_line(kept, kept.record.id == shown, now), id=kept.record.id)
                for kept in races
            ]
        )
        ids = [kept.record.id for kept in races]
        wanted = before if self.has_focus or shown not in ids else shown
        self.highlighted = ids.index(wanted) if wanted in ids else 0

    def point_at(self, race_id: str) -> None:
        """Put the cursor on a race, if it is listed."""
        ids = [option.id for option in self.options]
        if race_id in ids:
            self.highlighted = ids.index(race_id)

    @property
    def pointed(self) -> str:
        """The id of the race under the cursor; empty: there is none."""
        option = self.highlighted_option
        return option.id or "" if option is not None else ""


def race_line(kept: KeptRace, is_open: bool, now: float) -> Content:
    """How it ended, what was raced, and when."""
    sign, tone = STATE_SIGNS[kept.record.state]
    return Content.assemble(
        ("▸" if is_open else " ", "bold $text-accent"),
        (sign, f"${tone}"),
        f" {title(kept.score.race):<14}"[:15],
        (f"  {ago(kept.record.ended, now)}", "$foreground 60%"),
    )


class RaceScreen(ChartScreen):
    """Draws a `RaceSession`, and turns keys into its requests."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.RACE, Scope.ZOOM)
    PANES = "#race-top, #race-form, #race-chart, #race-below, #standings, #kept-races"
    AUTO_FOCUS = "#race-chart"
    HORIZONTAL_BREAKPOINTS = WIDTHS

    def __init__(self, session: Session, races: RaceSession) -> None:
        super().__init__(View(axis="seconds"))
        self._session = session
        self._races = races
        self._log_time: bool | None = None
        """None: as suits the task."""
        self._cursor: float | None = None
        self._drawn: object = None
        """What the first line, the notice and the footer were last made for."""

    def compose(self) -> ComposeResult:
        yield Static(id="race-state", markup=False)
        yield Static(id="notice", markup=False)
        with Horizontal(id="race-top"):
            form = RaceForm(id="race-form")
            form.border_title = "Race"
            yield form
            yield Chart(id="race-chart")
        with Horizontal(id="race-below"):
            with VerticalScroll(id="standings"):
                yield Standings(id="standings-text")
            kept = KeptRaces(id="kept-races", markup=False)
            kept.border_title = "Earlier races"
            yield kept
        yield KeyFooter()

    def on_mount(self) -> None:
        self.set_interval(1 / LOOKS_PER_SECOND, self._tick)

    def on_screen_resume(self) -> None:
        """The screen is on top, for the first time or again."""
        if not self._races.is_racing:
            self._races.read()
        self._draw()
        self._draw_kept()

    # -- drawing ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        kept_before = self._races.kept
        changed = self._races.tick()
        if not self.is_current:
            return
        if changed:
            self._draw()
            if self._races.kept is not kept_before:
                self._draw_kept()
        else:
            self._draw_state()

    def _draw(self) -> None:
        self.draw_charts()
        self._draw_table()
        self._draw_state()

    def draw_charts(self) -> None:
        score = self._races.score
        plot = race_plot(score, log_time=self._is_log_time, cursor=self._cursor)
        all_there_is = extent(plot)
        window = self.view.within(all_there_is) if all_there_is is not None else None
        name = "Against time"
        if score is not None:
            name = f"{CURVES[score.race.task]} against seconds of training · {title(score.race)}"
        shown = replace(plot, x=replace(plot.x, window=window))
        self.query_one("#race-chart", Chart).show_plot(name, shown)

    def _draw_table(self) -> None:
        pane = self.query_one("#standings", VerticalScroll)
        score = self._races.score
        pane.border_title = "Results" if score is None else Content(subject(score.race))
        self.query_one(Standings).show(score)

    def _draw_kept(self) -> None:
        shown = self._races.shown
        self.query_one(KeptRaces).show(
            self._races.kept, shown.record.id if shown is not None else ""
        )
        self.refresh_bindings()

    def _draw_state(self) -> None:
        races, form = self._races, self.query_one(RaceForm)
        now = (
            races.stage,
            turn(races.score, races.turn_seconds)
            if races.is_racing and races.score is not None
            else "",
            plan(form.task_name, form.preset, self._session.data.dataset),
            races.notice,
            self._cursor is None,
            len(races.kept),
        )
        if now == self._drawn:
            return
        self._drawn = now
        stage, whose, planned, words, *_ = now
        sign, tone = STATE_SIGNS[stage]
        colour = "$foreground 60%" if tone == "muted" else f"${tone}"
        line = Content.styled(f" {sign} {stage.value:<9}", f"bold {colour}")
        if races.is_racing:
            line += Content.styled(f"  {whose}", "bold")
        else:
            line += Content.styled(f"  next: {planned}", "$foreground 60%")
        self.query_one("#race-state", Static).update(line)
        notice = self.query_one("#notice", Static)
        notice.update(visible(words))
        notice.display = bool(words)
        self.refresh_bindings()

    @property
    def _is_log_time(self) -> bool:
        """Regressions fall fast and then hardly: on a log axis, who is twice as fast is as far
        ahead everywhere."""
        score = self._races.score
        if self._log_time is not None or score is None:
            return bool(self._log_time)
        return score.race.task != "mlp"

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        match action:
            case "start_race":
                return not self._races.is_racing and self._session.watch is None
            case "stop_race":
                return self._races.stage is RaceStage.RACING
            case "show_kept_races":
                return bool(self._races.kept) and not isinstance(self.focused, KeptRaces)
            case "delete_race":
                return bool(self._races.kept) and isinstance(self.focused, KeptRaces)
            case "undo_delete":
                return bool(self._races.deleted)
            case "race_axis":
                return self._races.score is not None
            case "leave_race_field":
                at_ease = isinstance(self.focused, Chart) and not self.is_maximised
                return self._cursor is not None or not at_ease
            case _:
                return super().check_action(action, parameters)

    def on_descendant_focus(self) -> None:
        # Where there is little room, the list and the table take turns.
        self.set_class(isinstance(self.focused, KeptRaces), "-listing")
        self.refresh_bindings()

    def action_start_race(self) -> None:
        form = self.query_one(RaceForm)
        self._show_race(
            lambda: self._races.start(form.task_name, form.entrants, form.rounds, form.preset)
        )

    def _show_race(self, ask: Callable[[], None]) -> None:
        """Do what brings another race on show, or say why it is refused."""
        try:
            ask()
        except RefusedError as error:
            self.notify(visible(str(error)), severity="warning", markup=False)
            return
        self._log_time = self._cursor = None
        self.view = replace(self.view, window=None)
        self.set_focus(self.query_one("#race-chart", Chart))
        self._draw()
        self._draw_kept()

    def action_stop_race(self) -> None:
        self._races.stop()
        self._draw_state()

    def action_edit_race(self) -> None:
        self.query_one(RaceForm).focus_first()

    def action_show_kept_races(self) -> None:
        self.add_class("-listing")
        self.set_focus(self.query_one(KeptRaces))

    def action_delete_race(self) -> None:
        pointed = self.query_one(KeptRaces).pointed
        self._races.delete(pointed)
        self._draw()
        self._draw_kept()
        if self._races.deleted and self._races.deleted[-1].record.id == pointed:
            name = title(self._races.deleted[-1].score.race)
            how = f"Here, {key_hint('undo_delete')} brings it back until the app is closed."
            self.notify(f"Deleted a race of {name}. {how}", markup=False)

    def action_undo_delete(self) -> None:
        race_id = self._races.undo_delete()
        self._draw()
        self._draw_kept()
        if race_id:
            self.app.clear_notifications()
            self.query_one(KeptRaces).point_at(race_id)

    def action_race_axis(self) -> None:
        self._log_time, self._cursor = not self._is_log_time, None
        self.view = replace(self.view, window=None)
        self._draw()

    def action_leave_race_field(self) -> None:
        if self.is_maximised:
            self.maximise_pane(None)
        elif isinstance(self.focused, Chart):
            self._point_at(None)
        else:
            self.set_focus(self.query_one("#race-chart", Chart))

    @on(RaceForm.Submitted)
    def _submit(self, event: RaceForm.Submitted) -> None:
        event.stop()
        if not self._races.is_racing:
            self.action_start_race()

    @on(RaceForm.Changed)
    def _change(self, event: RaceForm.Changed) -> None:
        event.stop()
        self._draw_state()

    @on(OptionList.OptionSelected)
    def _open(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        race_id = event.option_id
        if race_id is not None:
            self._show_race(lambda: self._races.open(race_id))

    @on(Chart.Pointed)
    def _point(self, event: Chart.Pointed) -> None:
        event.stop()
        self._point_at(event.place)

    def _point_at(self, place: float | None) -> None:
        self._cursor = place
        self.query_one("#race-chart", Chart).cursor = place
        self._draw_state()
