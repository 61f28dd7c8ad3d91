"""Starting, steering and changing runs with keys, the form and dialogs."""

from collections.abc import Callable, Sequence
from functools import partial

from mnist_core.events import DivergenceDetected
from mnist_core.recipe.changes import ChangeError
from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_core.recipe.lists import varied_fields
from mnist_core.store import RunRecord
from mnist_core.training.training_run import Decision
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.settings.keys import key_hint, sentence_key
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible
from mnist_tui.train.divergence_dialog import DivergenceDialog, Way, what_happened
from mnist_tui.train.form_values import LiveValues
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.ui.chart_screen import ChartScreen
from mnist_tui.ui.dialogs import LineInput, Question, count_problem

MOST_BATCHES = 10_000_000
"""That can be asked for at once."""


class Steering:
    """Turns a screen's keys, form and dialogs into requests to the session and its run."""

    def __init__(self, screen: ChartScreen, session: Session, redraw: Callable[[], None]) -> None:
        """`screen` has a `HyperparameterForm`; `redraw` draws what has changed in the session."""
        self._screen = screen
        self._session = session
        self._redraw = redraw
        self._batches = 100
        """How many were asked for last."""
        self._form_run: RunProgress | None = None
        """The run that the form was last marked for."""
        self._form_is_live = False
        """Whether that run was under way then."""
        self._offered: DivergenceDetected | None = None
        """What ways to go on were last offered after."""
        self._announced: DivergenceDetected | None = None
        """What was last told on another screen."""

    @property
    def is_covered(self) -> bool:
        """Whether another screen that fills the terminal is shown; behind a dialog, none is."""
        stack = self._screen.app.screen_stack
        return any(not screen.is_modal for screen in stack[stack.index(self._screen) + 1 :])

    @property
    def recipes(self) -> tuple[Hyperparameters, ...]:
        """What the form says, one for each combination of values; none while any is refused."""
        return self._form.recipes

    @property
    def _form(self) -> HyperparameterForm:
        return self._screen.query_one(HyperparameterForm)

    # -- keys ------------------------------------------------------------------------------------

    def _startable(self) -> tuple[Hyperparameters, ...]:
        """What runs may start with now; nothing: none may, and the reason is shown."""
        form = self._form
        if not form.recipes:
            self.edit(next(iter(form.problems)))
            self._screen.notify(
                "A value cannot be used yet; see the message under it.", severity="error"
            )
        return () if self._is_held() else form.recipes

    def run(self) -> None:
        recipes = self._startable()
        if not recipes:
            return
        if self._session.run is None:
            self._start(recipes)
            return

        def answered(restart: bool | None) -> None:
            if restart:
                self._start(recipes)

        progress = self._session.progress
        epoch = (
            f" in epoch {progress.epoch_under_way}/{progress.planned_epochs}" if progress else ""
        )
        left = len(self._session.queue.waiting)
        forgotten = f", forget the {count(left, 'run')} that wait" if left else ""
        self._screen.app.push_screen(
            Question(f"A run is under way{epoch}. Stop it{forgotten} and start again with the "
                     "values of the form? Its curves stay, dimmed.", "Stop and restart", "Go on"),
            answered,
        )  # fmt: skip

    def _start(self, recipes: Sequence[Hyperparameters], batches: int | None = None) -> None:
        """Train with what the form says; the first pauses after so many `batches`."""
        self._session.train(*recipes, batches=batches)
        self._form.settle()
        self._redraw()

    def pause(self) -> None:
        if self._session.run is not None:
            self._session.run.pause()

    def resume(self) -> None:
        divergence = self._session.divergence
        if divergence is not None:
            self._offer_ways(divergence)
        elif not self._is_held() and self._session.run is not None:
            self._session.run.resume()

    def stop(self) -> None:
        left = len(self._session.queue.waiting)
        self._session.stop()
        if left:
            self._screen.notify(f"{count(left, 'run')} of the queue will not be trained.")
        self._redraw()

    def one_more_epoch(self) -> None:
        if not self._is_held():
            self._session.one_more_epoch()
            self._redraw()

    def train_batches(self) -> None:
        def answered(text: str | None) -> None:
            if text is None or self._is_held():
                return
            self._batches = int(text)
            if not self._session.train_batches(self._batches):
                recipes = self._startable()
                if recipes:
                    self._start(recipes[:1], self._batches)
            self._redraw()

        problem_of = partial(count_problem, most=MOST_BATCHES)
        title = "Train on how many batches, then pause?"
        self._screen.app.push_screen(
            LineInput(title, str(self._batches), problem_of=problem_of, same_counts=True), answered
        )

    def _is_held(self) -> bool:
        """Whether no run may train now, as while a race goes on; says why."""
        why = self._session.refusal
        if why:
            self._screen.notify(visible(why), severity="warning", markup=False)
        return bool(why)

    def edit(self, field: str | None = None) -> None:
        """Go to a field of the form, or to the one that had the focus last."""
        self._screen.maximise_pane(None)
        self._form.focus_field(field)

    # -- the form --------------------------------------------------------------------------------

    def show_values(self) -> None:
        """Put the hyperparameters of the run on show into the form, so that both say the same.

        What somebody has edited since a run was trained with it stays.
        """
        progress = self._session.progress
        if progress is None:
            return
        self._form.load(progress.hyperparameters_now, keep_edits=True)
        edited = self._form.edited
        if edited:
            names = ", ".join(hyperparameter_fields()[name].label.lower() for name in edited)
            self._screen.notify(
                visible(f"The form has the values of {progress.name}, but for what was edited: "
                        f"{names}."),
                markup=False,
            )  # fmt: skip

    def fork(self, record: RunRecord) -> None:
        """Put the hyperparameters of a stored run into the form."""
        form = self._form
        form.load(record.recipe.hyperparameters)
        self.edit()
        how = (
            f"{sentence_key('run')} trains with them; enter changes the run under way."
            if self._session.run is not None
            else "Change some, and press enter."
        )
        self._screen.notify(
            visible(f"The form has the values of {record.name}. {how}"), markup=False
        )

    def submit(self, recipes: tuple[Hyperparameters, ...]) -> None:
        """Enter in a field: idle, it trains; while a run goes on, it changes that run.

        A list changes nothing, since a run has one value; it waits for the next start.
        """
        if self._session.run is None:
            self.run()
            return
        run, live = self._session.run, self._live_values()
        if run is None or live is None:
            return
        listed = varied_fields(recipes)
        if listed:
            self._screen.notify(
                f"A run has one value each. {sentence_key('run')} trains the {len(recipes)} runs "
                "of the form.",
                severity="warning",
            )
        for field, value in live.to_change(recipes[0]).items():
            if field in listed:
                continue
            try:
                run.change(field, value, getattr(live.in_force, field))
            except ChangeError as error:
                self._screen.notify(visible(str(error)), severity="error", markup=False)
        self.mark_form()

    def _live_values(self) -> LiveValues | None:
        """What the run under way follows; None where there is none, or it is about to end."""
        session = self._session
        if session.run is None or session.progress is None:
            return None
        if session.state not in (State.RUNNING, State.PAUSED):
            return None
        return self._values_of(session.progress)

    def _values_of(self, run: RunProgress) -> LiveValues:
        under_way = self._session.run
        asked = dict(under_way.asked) if under_way is not None else {}
        # It is looked at for what waits only; then it need not change with every epoch.
        ends = run.epoch_steps
        next_epoch = 1 + ends.completed(ends.next_end(run.step)) if asked else 0
        return LiveValues(run, run.hyperparameters_now, asked, tuple(run.changes), next_epoch)

    def mark_form(self) -> None:
        """Show how the form stands to the run under way; one resumed brings its own values."""
        form, live = self._form, self._live_values()
        if live is None and self._form_is_live and self._form_run is not None:
            # It may have changed once more before it ended.
            form.show_run(self._values_of(self._form_run))
        self._form_is_live = live is not None
        if live is not None and self._session.progress is not self._form_run:
            self._form_run = self._session.progress
            if self._form_run is not None and self._form_run.from_store:
                # What was edited is not lost; it waits for Enter, as any edit during a run.
                form.load(live.in_force, keep_edits=True)
        form.show_run(live)

    # -- divergence ------------------------------------------------------------------------------

    def look_at_divergence(self) -> None:
        """Offer the ways to go on once a run has diverged, as soon as this screen is shown."""
        divergence = self._session.divergence
        if divergence is None or divergence is self._offered:
            return
        if self._screen.app.screen is self._screen:
            self._offer_ways(divergence)
        elif self.is_covered and divergence is not self._announced:
            self._announced = divergence
            key = key_hint("show_screen_train")
            words = f"{what_happened(divergence)} Press {key} to choose how to go on."
            self._screen.app.notify(words, severity="warning", markup=False)

    def _offer_ways(self, divergence: DivergenceDetected) -> None:
        progress = self._session.progress
        if progress is None:
            return

        def answered(way: Way | None) -> None:
            run = self._session.run
            if way is Way.HALVE and not self._is_held() and run is not None:
                run.decide(Decision.HALVE_LEARNING_RATE)
            elif way is Way.RESTART:
                recipes = self._startable()
                if recipes:
                    self._start(recipes)
            elif way is Way.GIVE_UP:
                self._session.stop()
            self._redraw()

        self._offered = divergence
        rate = progress.hyperparameters_now.learning_rate
        self._screen.app.push_screen(DivergenceDialog(divergence, rate), answered)
