"""The progress bars of a terminal without the app; imported only where one is drawn."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from mnist_core.data.loader import DatasetProgressed
from mnist_core.events import (
    BatchCompleted,
    Event,
    HyperparameterChanged,
    RunEnded,
    RunRewound,
    RunStarted,
)
from mnist_core.recipe.changes import Change
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_tui.commands.presenters import PlainLines
from mnist_tui.runtime.output import WriteLine
from mnist_tui.text.visible_text import visible

REFRESH_INTERVAL = 0.1
"""Seconds between two drawings of the bar of a training."""

ECHO_ROOM = 4
"""Cells left free beside the bars, where the terminal shows `^C` when it is typed.

In a full line that would begin another one, and one line of the bars would not be wiped away.
"""


class ProgressBars(Progress):
    """Rich's bars, wiped away in the end, also after Ctrl-C in a narrow terminal."""

    def __init__(
        self, *columns: ProgressColumn, console: Console, auto_refresh: bool = True
    ) -> None:
        self._terminal = console  # Rich draws once before it can tell its console
        super().__init__(*columns, console=console, auto_refresh=auto_refresh, transient=True)

    def get_renderable(self) -> RenderableType:
        return Constrain(super().get_renderable(), max(self._terminal.width - ECHO_ROOM, 1))


@contextmanager
def dataset_bars(stream: TextIO) -> Iterator[Callable[[DatasetProgressed], None]]:
    """A bar for each step of getting a data set; gives the function that draws its progress."""
    progress = ProgressBars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(file=stream),
    )
    tasks: dict[str, TaskID] = {}

    def show(event: DatasetProgressed) -> None:
        if event.message not in tasks:
            tasks[event.message] = progress.add_task(visible(event.message), total=None)
        progress.update(tasks[event.message], completed=event.bytes_done, total=event.bytes_total)

    with progress:
        yield show


@contextmanager
def fold_bar(stream: TextIO, folds: int, epochs: int) -> Iterator[Callable[[int, Event], None]]:
    """One bar for a cross-validation, each of whose models is trained for `epochs`; gives the
    function that draws what the model of a fold tells.
    """
    progress = ProgressBars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(file=stream),
        auto_refresh=False,
    )
    task = progress.add_task("", total=folds * epochs)
    next_refresh = 0.0
    steps_per_epoch = 1

    def show(fold: int, event: Event) -> None:
        nonlocal next_refresh, steps_per_epoch
        if isinstance(event, RunStarted):
            steps_per_epoch = event.steps_per_epoch
        if not isinstance(event, BatchCompleted) or time.monotonic() < next_refresh:
            return
        next_refresh = time.monotonic() + REFRESH_INTERVAL
        progress.update(
            task,
            completed=fold * epochs + event.epoch - 1 + min(1.0, event.batch / steps_per_epoch),
            description=f"fold {fold + 1}/{folds} · epoch {event.epoch}/{epochs}",
            refresh=True,
        )

    with progress:
        yield show


class TerminalLines(PlainLines):
    """The plain lines, scrolling above a progress bar."""

    def __init__(
        self,
        console: Console,
        write_error: WriteLine,
        log_every: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(self._print, write_error, log_every)
        self._console = console
        self._clock = clock
        self._progress = ProgressBars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=console,
            # Drawn as batches arrive: a second thread would take time from training.
            auto_refresh=False,
        )
        self._task = self._progress.add_task("", total=None, start=False, visible=False)
        self._next_refresh = 0.0
        self._started: RunStarted | None = None
        self._examples_per_step = 0.0

    def show(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._start(event)
            case BatchCompleted():
                self._advance(event)
            case HyperparameterChanged():
                self._plan(event.step, event.epochs, event.changes)
            case RunRewound():
                self._plan(event.step, self._epochs, event.changes)
            case _ if isinstance(event, RunEnded):
                self._progress.stop()
        super().show(event)

    def close(self) -> None:
        self._progress.stop()

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _start(self, event: RunStarted) -> None:
        self._started = event
        self._progress.start()
        description = f"epoch {event.epoch}/{event.epochs}"
        self._progress.reset(self._task, description=description, rate="", visible=True)
        self._plan(event.step, event.epochs, event.changes)

    def _plan(self, step: int, epochs: int, changes: Sequence[Change]) -> None:
        """Take another end, or other steps to it, after `step` updates."""
        started = self._started
        if started is None:
            return
        recipe = EffectiveRecipe.at(
            started.hyperparameters, started.train_examples, started.steps_per_epoch, changes, step
        )
        steps = recipe.epoch_steps
        self._examples_per_step = started.train_examples / steps.in_epoch(steps.completed(step) + 1)
        self._progress.update(self._task, total=steps.end(epochs) - started.step)

    def _advance(self, event: BatchCompleted) -> None:
        started, now = self._started, self._clock()
        if started is None or now < self._next_refresh:
            return
        self._next_refresh = now + REFRESH_INTERVAL
        speed = self._progress.tasks[0].speed
        self._progress.update(
            self._task,
            completed=event.step - started.step,
            description=f"epoch {event.epoch}/{self._epochs}",
            rate=f"{speed * self._examples_per_step:,.0f} ex/s".replace(",", " ") if speed else "",
            refresh=True,
        )
