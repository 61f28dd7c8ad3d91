"""The application: its screens, its theme, and what concerns them all."""

import gc
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual import events
from textual._context import active_message_pump
from textual.actions import parse
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.errors import NoWidget
from textual.screen import Screen
from textual.widget import Widget

from mnist_core.backend.backend import Backend
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RecordingRecord, RunRecord, RunStore, StoreError
from mnist_tui.lab.machine_load import Reading
from mnist_tui.lab.machine_reader import machine_watch
from mnist_tui.lab.overlay import MarkedCurves
from mnist_tui.lab.session import Session
from mnist_tui.runtime.done_signal import done_signal
from mnist_tui.runtime.graphics import Graphics
from mnist_tui.runtime.log import unexpected_error
from mnist_tui.runtime.startup import is_drawn_in_browser, release_collector
from mnist_tui.runtime.terminal import guard_continuation, hung_up_check
from mnist_tui.screens import Screens
from mnist_tui.settings.config import AUTO, ConfigFile
from mnist_tui.settings.digit_style import (
    FILE_NAME,
    remembered_style,
    usual_style,
)
from mnist_tui.settings.keys import Key, Scope, bindings, set_active_keys, shown_key
from mnist_tui.settings.rebinding import rebound, scopes_of, use_table
from mnist_tui.settings.remembered import remember, remembered
from mnist_tui.settings.themes import OWN_THEMES
from mnist_tui.text.picture_style import (
    PictureStyle,
    offered_style,
    offered_styles,
    style_after,
)
from mnist_tui.text.visible_text import visible
from mnist_tui.train.train_screen import TrainScreen
from mnist_tui.ui.chart_screen import ChartScreen
from mnist_tui.ui.dialogs import Palette, Question
from mnist_tui.ui.digit_style import NextStyleAsked, ShowsDigits
from mnist_tui.ui.keys_in_turn import KeysInTurn, KeyTaken
from mnist_tui.ui.pixels import missing_pixels, pixels_by
from mnist_tui.ui.resuming import ask_how_to_go_on
from mnist_tui.ui.sizes import WIDTHS, TooSmall, is_too_small, width_class

if TYPE_CHECKING:
    from mnist_core.benchmark.runner import RaceFactory
    from mnist_tui.draw.draw_screen import DrawScreen
    from mnist_tui.mistakes.mistakes_screen import MistakesScreen
    from mnist_tui.recording.recording_screen import RecordingScreen
    from mnist_tui.runs.runs_screen import RunsScreen
    from mnist_tui.sweeps.sweep_process import SweepFactory
    from mnist_tui.sweeps.sweep_screen import SweepsScreen


_QUIET = ("leave", "clear_", "command_palette")
"""Commands that lead back: where there is nothing to leave, nothing is missed."""
_SAID_FOR = 4.0
"""Seconds."""
_MACHINE_FILE, _SHOWN = "machine-line", "shown"
"""The file, beside the log, that says whether the line on the machine is shown."""


class MnistApp(App[None]):
    """A laboratory in a terminal."""

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.EVERYWHERE)

    def __init__(
        self,
        session: Session,
        backend: Backend | None,
        hyperparameters: Hyperparameters,
        preset: str,
        log_file: Path,
        store: RunStore,
        make_race: "RaceFactory | None" = None,
        *,
        make_sweep: "SweepFactory | None" = None,
        config: ConfigFile | None = None,
        graphics: Graphics | None = None,
        first_launch: bool = False,
        read_machine: Callable[[], Reading] | None = None,
    ) -> None:
        """`make_race` makes the races of the benchmark, and `make_sweep` the sweeps; without them,
        they run in real processes. `read_machine` says how busy the machine is; without it, the
        system does.

        `config` is what the user has set, `graphics` what the terminal said of images where it was
        asked; on the first launch there are three lines of guidance.
        """
        # Without colours nothing may be mixed from them: only then does Textual write none at all.
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        self._session = session
        self._store = store
        self._log_file = log_file
        for theme in OWN_THEMES:
            self.register_theme(theme)
        found = config or ConfigFile(Path())
        self._config = found.config
        self._keys = rebound(self._config.keys)[0]
        set_active_keys(self._keys)
        self.theme = self._config.theme
        self._typed_before = graphics.typed if graphics else ""
        self.pixels = pixels_by(graphics, self.console.color_system, self._write_to_terminal)
        self._style_file = log_file.with_name(FILE_NAME)
        self._machine_file = log_file.with_name(_MACHINE_FILE)
        self._picture_style = self._first_style()
        self._marks = session.marks
        self._owns_collector = False
        """Whether the garbage collector waited for the first frame: this process is the app's."""
        self._unheard: tuple[str, int] | None = None
        """Of which key it was said last that it does nothing, and about when."""
        self._recording_screen: RecordingScreen | None = None
        self._recording_to_open: RecordingRecord | None = None
        """The one that is watched, until the train screen is shown."""
        self._train_screen = TrainScreen(
            session,
            backend,
            hyperparameters,
            preset,
            MarkedCurves(store, self._marks),
            machine_watch(backend, read_machine),
            shows_machine=remembered(self._machine_file) == _SHOWN,
            picture_style=self._picture_style,
            first_launch=first_launch,
            notice=" ".join([*found.problems, *missing_pixels(self._config.digits, self.pixels)]),
        )
        self.screens = Screens(
            session, store, backend, self._train_screen, log_file, make_race, make_sweep
        )
        use_table(self, self._keys)
        self._keys_in_turn = KeysInTurn(
            self._send_key,
            lambda: self.focused or self.screen,
            lambda widget: widget.screen in self.screen_stack,
            self.set_timer,
        )

    def _write_to_terminal(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)

    @property
    def _styles(self) -> tuple[PictureStyle, ...]:
        return offered_styles(no_color=self.no_color, pixels=self.pixels is not None)

    def _first_style(self) -> PictureStyle:
        """That of the flag or the configuration file; else the last one, else the terminal's."""
        usual = usual_style(self.console.color_system, os.environ)
        wanted: str = self._config.digits
        if wanted == AUTO:
            wanted = remembered_style(self._style_file) or usual
        return offered_style(wanted, self._styles, usual)

    def on_next_style_asked(self, event: NextStyleAsked) -> None:
        """Draw digits in the next style, on every screen, and remember it."""
        event.stop()
        self._picture_style = style_after(self._picture_style, self._styles)
        self._show_style(self._picture_style)
        self._remember(self._style_file, self._picture_style)

    def on_train_screen_machine_turned(self, event: TrainScreen.MachineTurned) -> None:
        event.stop()
        self._remember(self._machine_file, _SHOWN if event.shown else "hidden")

    def _remember(self, path: Path, choice: str) -> None:
        if self._store.only_reads:
            return
        try:
            remember(path, choice)
        except OSError as error:
            sentence = f"The choice cannot be kept in {path}: {error.strerror}."
            self.notify(visible(sentence), severity="warning", markup=False)

    def _show_style(self, style: PictureStyle) -> None:
        for name in ("train", "mistakes", "network", "draw"):
            screen = self._screen_called(name)
            if isinstance(screen, ShowsDigits):
                screen.show_style(style)

    def _send_images_anew(self) -> None:
        """The terminal has lost them, or they have another size there."""
        if self._picture_style == "pixels":
            self._show_style("half-block")
            self._show_style("pixels")

    def _set_up(self, screen: Screen[Any]) -> None:
        """Make a new screen as the user's configuration and the width of the terminal want it."""
        use_table(screen, self._keys)
        if isinstance(screen, ChartScreen):
            screen.view = replace(screen.view, smoothing=self._config.smoothing)
        if screen.HORIZONTAL_BREAKPOINTS is WIDTHS:
            # Textual sets this class too, but lays the screen out without it first.
            screen.add_class(width_class(self.size.width))

    def on_mount(self) -> None:
        self.screen_change_signal.subscribe(self, self._take_screen_change)
        # Meanwhile the terminal has shown something else.
        self.app_resume_signal.subscribe(self, lambda _app: self._show_anew())
        self.set_interval(1.0, partial(self._look_at_terminal, hung_up_check(0)))
        if self._driver is not None:
            suspend = self._driver.suspend_application_mode
            guard_continuation(suspend, partial(self.call_later, self._show_anew))

    def _show_anew(self) -> None:
        self._send_images_anew()
        self.refresh(layout=True)

    def _look_at_terminal(self, hung_up: Callable[[], bool]) -> None:
        if hung_up():
            self.stop_and_exit()

    def on_ready(self) -> None:
        """The first frame is drawn."""
        self._owns_collector = release_collector()
        for character in filter(str.isalnum, self._typed_before):
            self.simulate_key(character)
        # The database is opened once that frame is on the terminal.
        self.set_timer(0.1, self._look_for_interrupted)

    def _look_for_interrupted(self) -> None:
        session = self._session
        session.look_for_interrupted()
        if session.interrupted is not None or session.store_notice:
            self._train_screen.redraw()

    def get_default_screen(self) -> Screen[None]:
        self._set_up(self._train_screen)
        return self._train_screen

    async def on_event(self, event: events.Event) -> None:
        if self._exit and isinstance(event, events.InputEvent | events.Resize):
            return  # it is being left, and the screens are no longer whole
        if isinstance(event, events.Key) and not event.is_forwarded:
            await self._keys_in_turn.press(event)
            return
        if isinstance(event, events.MouseDown | events.MouseMove) and self._is_on_removed(event):
            return
        await super().on_event(event)

    async def _send_key(self, key: events.Key) -> None:
        self._train_screen.end_guidance()
        await super().on_event(key)

    async def on_key_taken(self, event: KeyTaken) -> None:
        event.stop()
        await self._keys_in_turn.taken(event)

    async def _take_screen_change(self, _screen: Screen[Any]) -> None:
        self._open_what_is_watched()
        self._fit()
        await self._keys_in_turn.look()

    def _is_on_removed(self, event: events.MouseEvent) -> bool:
        """Whether the pointer is on a widget that has just been removed.

        It is there until the screen is laid out anew; to select text in it, Textual asks what it
        lies in, which is nothing any more.
        """
        try:
            widget, _ = self.get_widget_at(event.x, event.y)
        except NoWidget:
            return False
        return widget.parent is None

    def _handle_exception(self, error: Exception) -> None:
        # In a screen that is closed while it opens, as in an app that is left, Textual mounts
        # nothing; its handlers run all the same, and miss what they look for.
        here = active_message_pump.get(None)
        closed = isinstance(here, Widget) and not here.is_attached
        if not (closed and isinstance(error, NoMatches)):
            super()._handle_exception(error)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)
        if self.pixels is not None and self.pixels.look_at_cells():
            self._send_images_anew()

    def _fit(self) -> None:
        """Cover everything while the terminal is too small for it; a question stays on top."""
        covered = isinstance(self.screen, TooSmall)
        if is_too_small(self.size):
            if not covered and not isinstance(self.screen, Question):
                self.push_screen(TooSmall(self._session))
        elif covered:
            self.pop_screen()

    def action_help(self) -> None:
        screen = self.screen
        if not screen.is_modal:
            from mnist_tui.ui.help_screen import HelpScreen

            self.push_screen(HelpScreen(self._keys, scopes_of(screen, self._keys)))

    def action_page(self, by: int) -> None:
        """Do what the keys for pages do where the focus is."""
        self.simulate_key("pagedown" if by > 0 else "pageup")

    def action_show_screen(self, name: str) -> None:
        """Go to one of the screens that fill the terminal; each is made when it is first shown."""
        if self._leave_visit() and self.screen is self._screen_called(name):
            return
        if name == "train":
            while self.screen is not self._train_screen:
                self.pop_screen()
            return
        if not self.is_screen_installed(name):
            made = self.screens.make(name, self._picture_style)
            self._set_up(made)
            self.install_screen(made, name)
            made.call_after_refresh(self._keep_screen)
        if self.screen is self._train_screen or name == "draw":
            self.push_screen(name)
        else:
            self.switch_screen(name)

    def _keep_screen(self) -> None:
        """A screen and all that was imported for it stay: never look for garbage among them."""
        if self._owns_collector:
            gc.freeze()

    def on_draw_screen_left(self, event: "DrawScreen.Left") -> None:
        event.stop()
        self._leave_visit()

    def on_runs_screen_recording_opened(self, event: "RunsScreen.RecordingOpened") -> None:
        """Show its charts over the list of runs."""
        event.stop()
        # A second key may have been typed before the screen was there.
        if self.screen is self._screen_called("runs"):
            self._open_recording(event.record)

    def on_train_screen_done(self, event: TrainScreen.Done) -> None:
        """Ring, or have the terminal show a notification, where the configuration asks for that."""
        event.stop()
        if not is_drawn_in_browser():
            self._write_to_terminal(done_signal(self._config.when_done, event.words, os.environ))

    def on_train_screen_watched(self, event: TrainScreen.Watched) -> None:
        """Show a recording that is watched from now on over the train screen, a run on it.

        Who looks at something else sees it on coming back.
        """
        event.stop()
        record = event.record
        self._recording_to_open = record if isinstance(record, RecordingRecord) else None
        if self.screen is self._recording_screen and self.screen_stack[-2] is self._train_screen:
            self._leave_visit()
        self._open_what_is_watched()

    def _open_what_is_watched(self) -> None:
        record = self._recording_to_open
        if record is not None and self.screen is self._train_screen:
            self._recording_to_open = None
            self._open_recording(record)

    def _open_recording(self, record: RecordingRecord) -> None:
        from mnist_tui.recording.recording_screen import RecordingScreen

        made = RecordingScreen(self._store, record, self._marks, self._picture_style)
        self._set_up(made)
        self._recording_screen = made
        self.push_screen(made)

    def on_recording_screen_left(self, event: "RecordingScreen.Left") -> None:
        event.stop()
        self._leave_visit()

    def _leave_visit(self) -> bool:
        """Back to the screen that the drawing or a recording was opened over; whether one was."""
        visits = self.screen in (self._screen_called("draw"), self._recording_screen)
        if visits:
            self.pop_screen()
        return visits

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the key of the screen that is shown, and all of them behind a dialog."""
        return self._works_on(self.screen, action, parameters)

    def _works_on(
        self, screen: Screen[Any], action: str, parameters: tuple[object, ...]
    ) -> bool | None:
        if action == "show_screen":
            return not screen.is_modal and screen is not self._screen_called(str(parameters[0]))
        return super().check_action(action, parameters)

    def _screen_called(self, name: str) -> Screen[Any] | None:
        """None: it has not been made."""
        if name == "train":
            return self._train_screen
        return self.get_screen(name) if self.is_screen_installed(name) else None

    def on_runs_screen_forked(self, event: "RunsScreen.Forked") -> None:
        """Put a stored run's hyperparameters into the form, to race it."""
        event.stop()
        self.action_show_screen("train")
        self._train_screen.steering.fork(event.record)

    def on_runs_screen_opened(self, event: "RunsScreen.Opened") -> None:
        event.stop()
        self._open(event.record.id)

    def on_sweeps_screen_opened(self, event: "SweepsScreen.Opened") -> None:
        event.stop()
        self._open(event.run_id)

    def on_sweeps_screen_forked(self, event: "SweepsScreen.Forked") -> None:
        event.stop()
        self._do(lambda: self._train_screen.steering.fork(self._store.run(event.run_id)))

    def _open(self, run_id: str) -> None:
        """Show a stored run where runs are trained."""

        def show() -> None:
            self._session.show_stored(run_id)
            self._train_screen.steering.show_values()

        self._do(show)

    def on_runs_screen_resume_asked(self, event: "RunsScreen.ResumeAsked") -> None:
        event.stop()
        self._resume(event.record.id)

    def on_runs_screen_command_asked(self, event: "RunsScreen.CommandAsked") -> None:
        event.stop()
        self._show_command(event.record)

    def on_train_screen_resume_asked(self, event: TrainScreen.ResumeAsked) -> None:
        event.stop()
        self._resume(event.run_id)

    def on_train_screen_sample_asked(self, event: TrainScreen.SampleAsked) -> None:
        """Show it among all samples."""
        event.stop()
        if (mistakes := self._show_mistakes()) is not None:
            mistakes.show_sample(event.index)

    def on_train_screen_samples_sought(self, event: TrainScreen.SamplesSought) -> None:
        event.stop()
        if (mistakes := self._show_mistakes()) is not None:
            mistakes.call_after_refresh(mistakes.action_filter_samples)

    def _show_mistakes(self) -> "MistakesScreen | None":
        """None: a second key has led elsewhere before."""
        from mnist_tui.mistakes.mistakes_screen import MistakesScreen

        self.action_show_screen("mistakes")
        return self.screen if isinstance(self.screen, MistakesScreen) else None

    def on_sweeps_screen_command_asked(self, event: "SweepsScreen.CommandAsked") -> None:
        event.stop()
        self._show_command_of(event.run_id)

    def on_train_screen_command_asked(self, event: TrainScreen.CommandAsked) -> None:
        event.stop()
        self._show_command_of(event.run_id)

    def _show_command_of(self, run_id: str) -> None:
        try:
            self._show_command(self._store.run(run_id))
        except StoreError as error:
            self.notify(visible(str(error)), severity="error", markup=False)

    def _resume(self, run_id: str) -> None:
        """Go on with a stored run; how, is asked where it is complete."""
        session = self._session
        with suppress(StoreError):
            point = self._store.resume_point(run_id)
            busy = session.run is not None or session.waiting or session.refusal
            if point.is_complete and not busy:
                ask_how_to_go_on(
                    self,
                    point.record.name,
                    lambda epochs, as_new: self._do(
                        lambda: session.resume_stored(run_id, epochs, as_new=as_new)
                    ),
                )
                return
        self._do(lambda: session.resume_stored(run_id))

    def _do(self, wish: Callable[[], None]) -> None:
        """Do what leads to the train screen, or say why it cannot be done."""
        try:
            wish()
        except StoreError as error:
            self.notify(visible(str(error)), severity="error", markup=False)
            return
        self.action_show_screen("train")
        self._train_screen.redraw()

    def _show_command(self, record: RunRecord) -> None:
        """Show the command line that reproduces a run; the terminal may take it as a copy."""
        from mnist_tui.lab.recipe_text import command_line
        from mnist_tui.ui.dialogs import CommandScreen

        command = command_line(record)
        self.copy_to_clipboard(command)
        self.push_screen(CommandScreen(record.name, command))

    def exit(
        self,
        result: None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """Leave."""
        self._delete_images()
        super().exit(result, return_code, message)

    def _delete_images(self) -> None:
        # Before the app's screen is left, with which the terminal keeps them.
        if self.pixels is not None:
            self.pixels.close()

    def stop_and_exit(self) -> None:
        """Leave without a question, as when the terminal is closed; the run is stopped and kept."""
        self._train_screen.leave(ask=False)

    async def action_quit(self) -> None:
        """Quit, also from fields and dialogs; a question that is open stays the only one."""
        if not isinstance(self.screen, Question):
            self._train_screen.leave()

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette | Question | TooSmall):
            self.push_screen(Palette())

    def _fatal_error(self) -> None:
        """Leave after a defect: a sentence for the user, the traceback for the log file."""
        self._delete_images()
        if self._driver is not None and not self._is_mounted:
            # It had taken the terminal when no thread could be started to read: Textual leaves it.
            self._driver.stop_application_mode()
        error = self._exception
        if error is not None and not self._exit_renderables:
            self.panic(Text(unexpected_error(error, self._log_file)))

    def on_key(self, event: events.Key) -> None:
        """Say of a key that would do nothing now what it is there for."""
        screen = self.screen
        if screen.is_modal:
            return
        meant = [key for key in self._commands_of(screen) if event.key in key.keys]
        if any(self._command_works(screen, key) for key in meant):
            return
        for key in meant[:1]:
            # Who holds a key down reads it once.
            unsaid = (key.action, int(time.monotonic() / _SAID_FOR))
            if not key.action.startswith(("show_screen", *_QUIET)) and unsaid != self._unheard:
                self._unheard = unsaid
                words = f"{shown_key(event.key)} does nothing now. {key.label}: {key.help}"
                self.notify(words, timeout=_SAID_FOR, markup=False)

    def _commands_of(self, screen: Screen[Any]) -> list[Key]:
        here = scopes_of(screen, self._keys) | {Scope.EVERYWHERE}
        return [key for key in self._keys if key.scope in here]

    def _command_works(self, screen: Screen[Any], key: Key) -> bool | None:
        _, name, parameters = parse(key.action)
        if key.scope is Scope.EVERYWHERE:
            return self._works_on(screen, name, parameters)
        return screen.check_action(name, parameters)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every command of the key table that works now, and Textual's themes."""
        for key in self._commands_of(screen):
            if key.action != "command_palette" and self._command_works(screen, key):
                owner: DOMNode = self if key.scope is Scope.EVERYWHERE else screen
                run = partial(self.run_action, key.action, owner)
                keys = f"  ({key.shown_keys})" if key.keys else ""
                yield SystemCommand(f"{key.label}{keys}", key.help, run)
        yield SystemCommand("Theme", "Choose the colours.", self.action_change_theme)
