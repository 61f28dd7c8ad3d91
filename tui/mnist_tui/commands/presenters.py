"""How headless training shows its events: JSON, plain lines, or lines above a progress bar."""

import json
import shlex
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from mnist_core.events import (
    BatchCompleted,
    CompilationFailed,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    Event,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunRewound,
    RunStarted,
    RunStopped,
    event_to_json,
)
from mnist_core.recipe.changes import Change
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_tui.commands.repeats import RepeatCompleted, repeat_lines, repeat_to_json
from mnist_tui.lab.recipe_text import change_flags, recipe_flags
from mnist_tui.runtime.output import WriteLine
from mnist_tui.text.numbers import count, metric
from mnist_tui.text.visible_text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from mnist_core.training.divergence import OnDivergence
    from mnist_tui.commands.progress_bars import ProgressBars

REFRESH_INTERVAL = 0.1
"""Seconds between two drawings of the progress bar."""


class Presenter(Protocol):
    """Shows one run after the other, as a context that leaves the terminal in order."""

    def show(self, event: Event) -> None: ...

    def show_repeat(self, summary: RepeatCompleted) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class _Closing:
    """A presenter with nothing to put back in order."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


class JsonLines(_Closing):
    """One JSON object a line."""

    def __init__(self, write: WriteLine, write_error: WriteLine, log_every: int | None) -> None:
        self._write = write
        self._write_error = write_error
        self._log_every = log_every

    def show(self, event: Event) -> None:
        if isinstance(event, BatchCompleted) and not _is_logged(event, self._log_every):
            return
        self._write(json.dumps(event_to_json(event), allow_nan=False))
        if isinstance(event, RunFailed | CompilationFailed):
            self._write_error(visible(event.message))

    def show_repeat(self, summary: RepeatCompleted) -> None:
        self._write(json.dumps(repeat_to_json(summary), allow_nan=False))


class PlainLines(_Closing):
    """A line an epoch, without colours or cursor movements."""

    def __init__(
        self,
        write: WriteLine,
        write_error: WriteLine,
        log_every: int | None,
        on_divergence: "OnDivergence" = "continue",
    ) -> None:
        self._write = write
        self._write_error = write_error
        self._log_every = log_every
        self._on_divergence = on_divergence
        self._epochs = 0

    def show(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._epochs = event.epochs
                for line in started_lines(event):
                    self._write(line)
            case BatchCompleted() if _is_logged(event, self._log_every):
                self._write(batch_line(event))
            case EpochCompleted():
                self._write(epoch_line(event, self._epochs))
            case DivergenceDetected():
                self._write(divergence_line(event, self._on_divergence))
            case RunRewound():
                self._write(rewound_line(event))
            case HyperparameterChanged():
                self._epochs = event.epochs
                self._write(change_line(event))
            case RunCompleted() | RunStopped() | RunDiverged():
                self._write(ended_line(event))
            case RunFailed() | CompilationFailed():
                self._write_error(visible(event.message))
            case _:
                pass

    def show_repeat(self, summary: RepeatCompleted) -> None:
        for line in repeat_lines(summary):
            self._write(line)


class TerminalLines:
    """The plain lines, scrolling above a progress bar."""

    def __init__(
        self,
        console: "Console",
        write_error: WriteLine,
        log_every: int | None,
        on_divergence: "OnDivergence" = "continue",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._lines = PlainLines(self._write, write_error, log_every, on_divergence)
        self._clock = clock
        self._progress = _progress_bar(console)
        self._task = self._progress.add_task("", total=None, start=False, visible=False)
        self._next_refresh = 0.0
        self._started: RunStarted | None = None
        self._epochs = 0
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
            case _:
                pass
        self._lines.show(event)

    def show_repeat(self, summary: RepeatCompleted) -> None:
        self._lines.show_repeat(summary)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def _write(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _start(self, event: RunStarted) -> None:
        self._started = event
        self._progress.start()
        self._progress.reset(
            self._task,
            description=f"epoch {event.epoch}/{event.epochs}",
            rate="",
            visible=True,
        )
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
        self._epochs = epochs
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


def _is_logged(event: BatchCompleted, log_every: int | None) -> bool:
    return log_every is not None and event.step % log_every == 0


def _progress_bar(console: "Console") -> "ProgressBars":
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from mnist_tui.commands.progress_bars import ProgressBars

    return ProgressBars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=console,
        # Drawn as batches arrive: a second thread would take time from training.
        auto_refresh=False,
    )


def started_lines(event: RunStarted) -> list[str]:
    """What is about to be trained, on what."""
    examples = count(event.train_examples, "training example")
    if event.validation_examples:
        examples += f", {count(event.validation_examples, 'validation example')}"
    examples += f", {count(event.test_examples, 'test example')}"
    batches = count(event.steps_per_epoch, "batch", "batches")
    lines = [
        f"{visible(event.dataset)}: {examples}; {count(event.parameter_count, 'parameter')}; "
        f"{count(event.epochs, 'epoch')} of {batches}; seed {event.hyperparameters.seed}",
        f"MLX on {event.device}; {event.blas}; {count(event.threads, 'thread')}",
    ]
    flags = [*recipe_flags(event.hyperparameters), *change_flags(event.changes)]
    lines.append(f"flags: {shlex.join(flags)}")
    return lines


def batch_line(event: BatchCompleted) -> str:
    return (
        f"step {event.step}  epoch {event.epoch}  loss {metric(event.loss)}  "
        f"acc {metric(event.accuracy)}  lr {event.learning_rate:.4g}"
    )


def epoch_line(event: EpochCompleted, epochs: int) -> str:
    """One epoch of `epochs`; at most 80 columns while the figures are ordinary."""
    parts = [f"epoch {event.epoch:>{len(str(epochs))}}/{epochs}"]
    if event.train_loss is not None:
        parts.append(f"train loss {metric(event.train_loss)} acc {metric(event.train_accuracy)}")
    if event.validation_loss is not None:
        parts.append(
            f"validation loss {metric(event.validation_loss)} "
            f"acc {metric(event.validation_accuracy)}"
        )
    parts.append(f"test loss {metric(event.test_loss)} acc {metric(event.test_accuracy)}")
    if event.epoch > 0:
        parts.append(f"{event.seconds:.2f} s")
    return "  ".join(parts)


def change_line(event: HyperparameterChanged) -> str:
    field = hyperparameter_fields()[event.field]
    return (
        f"changed after step {event.step}: {field.label.lower()} {field.format(event.value)}, "
        f"was {field.format(event.previous)}"
    )


def divergence_line(event: DivergenceDetected, on_divergence: "OnDivergence") -> str:
    """What happened, the likely cause, and where the recipe goes on, what could be done."""
    match event.reason:
        case DivergenceReason.LOSS_NOT_FINITE:
            what = f"the loss became {event.loss} in epoch {event.epoch}, step {event.step}"
        case DivergenceReason.ACCURACY_AT_CHANCE:
            what = (
                f"epoch {event.epoch} ended at step {event.step} with an accuracy as by chance, "
                "after a huge loss"
            )
    line = f"diverged: {what}. {event.cause}"
    if on_divergence == "continue":
        line += (
            " The run goes on to its end as the recipe says; --on-divergence halve would go back "
            f"to step {event.healthy_step} with half the learning rate."
        )
    return line


def rewound_line(event: RunRewound) -> str:
    return f"went back from step {event.diverged_step} to step {event.step}, which was healthy"


def ended_line(event: RunCompleted | RunStopped | RunDiverged) -> str:
    """How a run ended, and what it reached."""
    match event:
        case RunCompleted():
            word = "completed"
        case RunStopped():
            word = "stopped"
        case RunDiverged():
            word = "diverged"
    if event.test_accuracy is None:
        return f"{word} before the first evaluation"
    line = f"{word} after {count(event.epoch, 'epoch')}"
    line += f": test accuracy {metric(event.test_accuracy)}"
    if event.best_test_accuracy is not None:
        line += f" (best {metric(event.best_test_accuracy)} in epoch {event.best_epoch})"
    return (
        f"{line}, test loss {metric(event.test_loss)}, {event.seconds:.2f} s, "
        f"{count(round(event.examples_per_second), 'example')}/s"
    )
