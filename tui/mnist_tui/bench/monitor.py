"""What watching costs: the app on a terminal against training without it, in rounds."""

import asyncio
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import platformdirs

from mnist_tui.bench.app_on_terminal import open_app
from mnist_tui.bench.headless_run import train_headless
from mnist_tui.bench.in_process import event_seconds, redraw_seconds
from mnist_tui.bench.terminal import NotShownError

POINTS = 1_000_000
_RUN_SECONDS = 8.0
"""How long a run shall last, so that the tenths between two frames matter little."""
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 1000
_KEYS = 60
_REDRAWS = 50
_EVENTS = 50_000


@dataclass(frozen=True, slots=True)
class Monitored:
    """What is trained while it is watched."""

    preset: str
    data: str | None
    """A name or a folder; None for what the app takes by itself."""
    threads: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of one round."""

    round: int
    """From 1."""
    figure: str
    """The name of one of `mnist_tui.bench.monitor_text.FIGURES`."""
    value: float
    """In seconds, bytes, steps per second, or as a ratio."""


def measure(monitored: Monitored, rounds: int) -> Iterator[Measured]:
    """Measure everything once in each of `rounds`, so that the machine's moods hit all alike.

    Raises:
        NotShownError: the app did not do what was asked for.
        TrainingFailedError: training without the app did not complete.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-tui-bench-") as name:
        folder = Path(name)
        flags = ["--preset", monitored.preset, "--threads", str(monitored.threads)]
        flags += ["--home", str(folder / "home")]
        if monitored.data is not None:
            flags += ["--data", monitored.data]
        flags += ["--epochs", str(_epochs(flags))]
        # Also gives the kernels the time to be compiled.
        train_headless(flags)
        for number in range(1, rounds + 1):
            for figure, value in _round(flags, folder, app_first=number % 2 == 0).items():
                yield Measured(number, figure, value)


def _epochs(flags: list[str]) -> int:
    """How many make a run of the wanted length."""
    seconds = train_headless([*flags, "--epochs", "2"]).seconds_per_epoch
    return min(max(math.ceil(_RUN_SECONDS / seconds), _FEWEST_EPOCHS), _MOST_EPOCHS)


def _round(flags: list[str], folder: Path, *, app_first: bool) -> Mapping[str, float]:
    """Every figure once. Who trains first alternates, since machines slow down and recover."""
    if app_first:
        figures = _app(flags)
        headless = train_headless(flags).steps_per_second
    else:
        headless = train_headless(flags).steps_per_second
        figures = _app(flags)
    return {
        **figures,
        "headless_steps_per_second": headless,
        "training_speed": figures["app_steps_per_second"] / headless,
        "press_cold": _cold_press(flags, folder),
        "redraw": median(asyncio.run(redraw_seconds(POINTS, _REDRAWS))),
        "event": event_seconds(_EVENTS),
    }


def _app(flags: list[str]) -> dict[str, float]:
    """One start of the app: a run to the end, and a second one during which keys are pressed."""
    with open_app(flags) as app:
        figures = {"first_frame": app.first_frame()}
        app.load()
        figures["press_first"] = app.press_run()
        figures["app_steps_per_second"] = app.train_to_the_end()
        figures["memory"] = float(app.peak_memory())
        figures["press_again"] = app.press_run()
        latencies = app.type_while_training(_KEYS)
    if len(latencies) < 2:
        raise NotShownError("The run was over before keys could be pressed during it.")
    figures["key_p50"] = median(latencies)
    figures["key_p99"] = quantiles(latencies, n=100, method="inclusive")[-1]
    return figures


def _cold_press(flags: list[str], folder: Path) -> float:
    """As `press_run`, the first time after the start, where no kernel has ever been compiled."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        _share_cache(Path(cache))
        with open_app(flags, {"XDG_CACHE_HOME": cache}) as app:
            app.first_frame()
            app.load()
            return app.press_run()


def _share_cache(cache: Path) -> None:
    """Make the folder `cache` hold what the user's does, but for the kernels.

    Only on Linux are there kernels to compile, and there this variable moves the cache.
    """
    own = platformdirs.user_cache_path("mnist-tui", appauthor=False)
    shared = cache / own.name
    shared.mkdir()
    if own.is_dir():
        for entry in own.iterdir():
            if entry.name != "kernels":
                (shared / entry.name).symlink_to(entry)
