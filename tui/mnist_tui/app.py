"""The application: its screens, its theme, and how it starts and ends."""

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from mnist_core.backend import Backend, BackendMissing, available_cores, configure
from mnist_core.datasets import default_cache_folder
from mnist_core.hyperparameters import Hyperparameters
from mnist_core.loading import DatasetLoader
from mnist_core.mlx_run import mlx_runs
from mnist_tui.collector import release_collector
from mnist_tui.keys import KEYS, Scope, bindings
from mnist_tui.launch import LaunchOptions
from mnist_tui.log import unexpected_error, write_log
from mnist_tui.palette import Palette
from mnist_tui.quiet import stray_output_logged
from mnist_tui.screens.help import HelpScreen
from mnist_tui.screens.question import Question
from mnist_tui.screens.train import TrainScreen
from mnist_tui.session import Session
from mnist_tui.themes import DARK, LIGHT

SWITCH_INTERVAL = 1e-4
"""Seconds that one thread may keep the interpreter from another that waits for it.

A training step lets go of it several times. With Python's 5 ms each redraw would hold training up
for most of its length.
"""


class MnistApp(App[None]):
    """A laboratory in a terminal."""

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.EVERYWHERE)
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        session: Session,
        backend: Backend | None,
        hyperparameters: Hyperparameters,
        preset: str,
        log_file: Path,
    ) -> None:
        super().__init__()
        self._log_file = log_file
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self._train_screen = TrainScreen(session, backend, hyperparameters, preset)

    def on_ready(self) -> None:
        """The first frame is drawn."""
        release_collector()

    def get_default_screen(self) -> Screen[None]:
        return self._train_screen

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen | Question):
            self.push_screen(HelpScreen())

    async def action_quit(self) -> None:
        """Quit, also from fields and dialogs; a question that is open stays the only one."""
        if not isinstance(self.screen, Question):
            self._train_screen.leave()

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette | Question):
            self.push_screen(Palette())

    def _fatal_error(self) -> None:
        """Leave after a defect: a sentence for the user, the traceback for the log file."""
        error = self._exception
        if error is not None and not self._exit_renderables:
            self.panic(Text(unexpected_error(error, self._log_file)))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every command of the key table that works now, and Textual's themes."""
        for key in KEYS:
            owner = self if key.scope is Scope.EVERYWHERE else screen
            name = key.action.partition("(")[0]
            if name == "command_palette" or not hasattr(owner, f"action_{name}"):
                continue
            if owner.check_action(name, ()):
                run = partial(self.run_action, key.action, owner)
                yield SystemCommand(f"{key.label}  ({key.shown_keys})", key.help, run)
        yield SystemCommand("Theme", "Choose the colours.", self.action_change_theme)


def run_app(options: LaunchOptions) -> int:
    """Open the app on this terminal; the exit code once it is closed."""
    # Training must leave the interface a core of its own, or each waits for the other.
    threads = options.threads or max(1, available_cores() - 1)
    try:
        backend = configure(options.device, threads)
    except (BackendMissing, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    cache = default_cache_folder()
    session = Session(
        mlx_runs(backend),
        lambda: DatasetLoader(options.data, cache),
        log=lambda text: write_log(options.log_file, text),
    )
    sys.setswitchinterval(SWITCH_INTERVAL)
    app = MnistApp(session, backend, options.hyperparameters, options.preset, options.log_file)
    try:
        with stray_output_logged(options.log_file):
            app.run()
    finally:
        session.close()
    return app.return_code or 0
