"""The table of a sweep on a terminal, which moves; imported only where it is drawn."""

import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mnist_core.sweep.events import (
    SweepCompleted,
    SweepEnded,
    SweepEvent,
    SweepStarted,
    SweepStopped,
)
from mnist_tui.commands.progress_bars import ECHO_ROOM
from mnist_tui.commands.sweep.presenters import BestCommand, SweepLines
from mnist_tui.lab.sweep_progress import SweepProgress, TrialSoFar
from mnist_tui.lab.trial_text import parameters_text, value_text
from mnist_tui.text.numbers import duration

_REFRESH = 0.2
"""Seconds between two drawings."""
_BEST = 3
"""Trials above those that run."""


class SweepTable(SweepLines):
    """The lines of trials that have ended, scrolling above a table of the best and of those that
    run.
    """

    def __init__(
        self,
        console: Console,
        progress: SweepProgress,
        best_command: BestCommand,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(self._print, progress, best_command)
        self._console, self._clock = console, clock
        # Drawn as events arrive: there is no second thread.
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._next = 0.0

    def show(self, event: SweepEvent) -> None:
        if isinstance(event, SweepCompleted | SweepStopped):
            # Before the last lines, which stay.
            self._live.stop()
        super().show(event)
        if not isinstance(event, SweepEnded):
            self.tick()

    def tick(self) -> None:
        if self._progress.started is None or self._clock() < self._next:
            return
        self._next = self._clock() + _REFRESH
        if not self._live.is_started:
            self._live.start()
        self._live.update(
            sweep_table(self._progress, self._console.width - ECHO_ROOM), refresh=True
        )

    def close(self) -> None:
        self._live.stop()

    def _best(self) -> str:
        return ""  # it stands in the table

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)


def sweep_table(progress: SweepProgress, width: int) -> RenderableType:
    """The best trials, those that run, and how far the sweep is."""
    table = Table(width=max(width, 20), box=None, pad_edge=False)
    started = progress.started
    assert started is not None
    for title in ("", "trial", started.plan["metric"], "epochs"):
        table.add_column(title, no_wrap=True)
    table.add_column("chosen", overflow="ellipsis", no_wrap=True, ratio=1)
    for rank, trial in enumerate(progress.ranked[:_BEST], 1):
        table.add_row(f"#{rank}", *_cells(trial, started), style="bold" if rank == 1 else "")
    for trial in progress.running:
        table.add_row("●", *_cells(trial, started), style="green")
    left = progress.seconds_left
    words = [
        f"{progress.finished}/{started.trials} finished",
        f"{progress.count('pruned')} pruned",
        f"{progress.count('failed')} failed" if progress.count("failed") else "",
        "stopping" if progress.stopping else "",
        f"ETA {duration(left)}" if left is not None and not progress.stopping else "",
    ]
    summary = Text(" · ".join(filter(None, words)), overflow="ellipsis", no_wrap=True)
    return Group(table, summary)


def _cells(trial: TrialSoFar, started: SweepStarted) -> tuple[Text, ...]:
    epochs = f"{len(trial.reported)}/{started.epochs * started.plan['seeds']}"
    chosen = parameters_text(trial)
    if trial.started.host != started.host:
        chosen += f" on {trial.started.host}"
    return Text(str(trial.number)), Text(value_text(trial)), Text(epochs), Text(chosen)
