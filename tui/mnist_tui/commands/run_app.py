"""The app on this terminal: made, run, and left in good order."""

import os
import signal
import sys
from contextlib import ExitStack, suppress
from types import FrameType

from mnist_core.backend.backend import Backend, configure
from mnist_core.backend.installation import BackendMissing
from mnist_core.data.loader import DatasetLoader
from mnist_core.data.registry import default_cache_folder
from mnist_core.store import RunRecord, RunStore, StoreError
from mnist_core.store.database import FILE as STORE_FILE
from mnist_core.training.training_run import mlx_runs
from mnist_core.training.training_thread import TrainingThread, mlx_thread
from mnist_tui.app import MnistApp
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.lab.watch import Watch
from mnist_tui.runtime.graphics import Graphics, ask_terminal, has_package, may_show_images
from mnist_tui.runtime.log import stray_output_logged, write_log
from mnist_tui.runtime.output import EXIT_FAILED
from mnist_tui.runtime.startup import LaunchOptions, is_drawn_in_browser
from mnist_tui.runtime.terminal import ensure_size
from mnist_tui.settings.config import ConfigFile
from mnist_tui.text.visible_text import visible

SWITCH_INTERVAL = 1e-4
"""Seconds that one thread may keep the interpreter from another that waits for it.

A training step lets go of it several times. With Python's 5 ms each redraw would hold training up
for most of its length.
"""


def run_app(options: LaunchOptions, config: ConfigFile) -> int:
    """Open the app on this terminal; the exit code once it is closed."""
    try:
        backend = configure(options.device, options.threads, options.streams)
    except (BackendMissing, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    cache = default_cache_folder()
    first_launch = not (options.home / STORE_FILE).exists()
    store = RunStore(options.home, only_reads=options.readonly)
    training = mlx_thread()
    session = Session(
        mlx_runs(backend, training),
        DataSource(lambda: DatasetLoader(options.data, cache, transpose=options.transpose)),
        log=lambda text: write_log(options.log_file, text),
        store=store,
    )
    return _run(options, config, session, store, backend, training, first_launch=first_launch)


def watch_app(options: LaunchOptions, config: ConfigFile, name: str) -> int:
    """Open the app to show what other processes train: `name`, or the newest where it is empty."""
    store = RunStore(options.home, only_reads=options.readonly)
    try:
        if name:
            store.find(name)
    except StoreError as error:
        sys.stderr.write(f"{visible(str(error))}\n")
        store.close()
        return EXIT_FAILED
    cache = default_cache_folder()

    def make_loader(record: RunRecord) -> DatasetLoader:
        return DatasetLoader(options.data or record.data, cache, transpose=record.transposed)

    session = Session(
        None,
        DataSource(lambda: DatasetLoader(options.data, cache)),
        log=lambda text: write_log(options.log_file, text),
        store=store,
        watch=Watch(store, make_loader, name),
    )
    return _run(options, config, session, store)


def _run(
    options: LaunchOptions,
    config: ConfigFile,
    session: Session,
    store: RunStore,
    backend: Backend | None = None,
    training: TrainingThread | None = None,
    *,
    first_launch: bool = False,
) -> int:
    sys.setswitchinterval(SWITCH_INTERVAL)
    if not os.environ.get("NO_COLOR"):
        # Set to nothing it asks for nothing (https://no-color.org), but Textual would obey it.
        os.environ.pop("NO_COLOR", None)
    app = MnistApp(
        session,
        backend,
        options.recipes[0],
        options.preset,
        options.log_file,
        store,
        config=config,
        graphics=_graphics(),
        first_launch=first_launch,
    )

    def end(_number: int = 0, _frame: FrameType | None = None) -> None:
        app.call_later(app.stop_and_exit)

    # A terminal that is closed, or a machine that shuts down, must not cost a run. Ctrl-C is a key
    # while the app is up; as a signal it comes from elsewhere.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    # The last of them comes first. What fails in one keeps no other from its turn.
    with ExitStack() as endings:
        if training is not None:
            endings.callback(training.close)
        endings.callback(session.close)
        endings.callback(_purge_deleted, app)
        endings.callback(app.screens.close_race)
        endings.callback(app.screens.close_sweep)
        # From here on the terminal sends it again, and the end of a run must not be cut short.
        endings.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
        ensure_size(1)
        with stray_output_logged(options.log_file, end):
            app.run()
    return app.return_code or 0


def _graphics() -> Graphics | None:
    """What the terminal says of images; None: there is no sense in asking it."""
    # Textual reads from standard input, and writes to standard error.
    on_terminal = all(map(os.isatty, (0, 1, 2))) and not is_drawn_in_browser()
    if not (on_terminal and may_show_images(os.environ) and has_package()):
        return None
    with suppress(OSError):
        return ask_terminal()
    return None


def _purge_deleted(app: MnistApp) -> None:
    try:
        app.screens.purge_deleted()
    except StoreError as error:
        # Nothing is lost: the store does it another time.
        sys.stderr.write(f"{visible(str(error))}\n")
