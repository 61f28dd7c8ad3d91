"""What a sweep prints: its events as JSON, or lines, and a table of the best at the end."""

import json
from collections.abc import Callable
from typing import Protocol

from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_core.sweep.events import (
    SweepCompleted,
    SweepEvent,
    SweepStarted,
    SweepStopped,
    SweepStopping,
    TrialCompleted,
    TrialFailed,
    TrialPruned,
    sweep_event_to_json,
)
from mnist_tui.lab.sweep_progress import SweepProgress, TrialSoFar
from mnist_tui.lab.trial_text import chosen_text, parameters_text, value_text
from mnist_tui.runtime.output import WriteLine
from mnist_tui.text.numbers import count, percent
from mnist_tui.text.visible_text import in_columns, visible

_ROWS = 10
"""Trials in the table at the end."""

BestCommand = Callable[[SweepCompleted | SweepStopped], str]
"""Gives the command that trains the best run again; empty: there is none."""


class SweepPresenter(Protocol):
    def show(self, event: SweepEvent) -> None: ...

    def tick(self) -> None:
        """Some tenths of a second have passed."""
        return  # lines alone have nothing that moves

    def close(self) -> None:
        """Leave the terminal in order."""
        return


class SweepJsonLines(SweepPresenter):
    """One JSON object a line; the last one also has the command of the best run."""

    def __init__(self, write: WriteLine, best_command: BestCommand) -> None:
        self._write, self._best_command = write, best_command

    def show(self, event: SweepEvent) -> None:
        values = sweep_event_to_json(event)
        if isinstance(event, SweepCompleted | SweepStopped):
            values["command"] = self._best_command(event) or None
        self._write(json.dumps(values, allow_nan=False))


class SweepLines(SweepPresenter):
    """A line for each trial that has ended, without colours or cursor movements."""

    def __init__(
        self, write: WriteLine, progress: SweepProgress, best_command: BestCommand
    ) -> None:
        self._write, self._progress, self._best_command = write, progress, best_command

    def show(self, event: SweepEvent) -> None:
        self._progress.take(event)
        match event:
            case SweepStarted():
                for line in started_lines(event):
                    self._write(line)
            case TrialCompleted() | TrialPruned() | TrialFailed():
                self._write(trial_line(self._progress.trials[event.number]) + self._best())
            case SweepStopping():
                self._write(stopping_line(event))
            case SweepCompleted() | SweepStopped():
                for line in ended_lines(event, self._progress, self._best_command(event)):
                    self._write(line)
            case _:
                pass

    def _best(self) -> str:
        """Which trial is the best now, to end a line with."""
        best = self._progress.ranked[:1]
        return "".join(f"  best {value_text(each)} (trial {each.number})" for each in best)


def started_lines(event: SweepStarted) -> list[str]:
    plan = event.plan
    each = count(event.epochs, "epoch")
    if plan["seeds"] > 1:
        each = f"{plan['seeds']} runs of {each}"
    lines = [
        f"{event.study}: {count(event.trials, 'trial')} of {each}, "
        f"{count(event.jobs, 'worker')}; sampler {plan['sampler']}, pruner {plan['pruner']}",
        f"kept in {visible(event.storage)}",
        f"{visible(event.dataset)}: ranked by {plan['rank_on']} {plan['metric']} after the last "
        "epoch",
    ]
    if event.held_out:
        lines.append(
            f"the last {count(event.validation_examples)} training samples are held out for that, "
            "as the recipe holds out none"
        )
    return [*lines, f"sampled: {'  '.join(plan['ranges'])}"]


def trial_line(trial: TrialSoFar) -> str:
    """What was chosen in a trial, and how it ended."""
    match trial.end:
        case TrialCompleted(seconds=seconds):
            how = f"completed {value_text(trial)}  {seconds:.1f} s"
        case TrialPruned(epoch=epoch, seconds=seconds):
            how = f"pruned after epoch {epoch} at {value_text(trial)}  {seconds:.1f} s"
        case TrialFailed(message=message):
            how = f"failed: {visible(message)}"
        case None:
            how = "running"
    return f"trial {trial.number}  {parameters_text(trial)}  {how}"


def stopping_line(event: SweepStopping) -> str:
    if not event.running:
        return "stopping"
    them = "it" if event.running == 1 else "them"
    ends = "ends" if event.running == 1 else "end"
    return (
        f"stopping: {count(event.running, 'trial')} under way {ends} first; Ctrl-C again stops and "
        f"keeps {them}"
    )


def ended_lines(
    event: SweepCompleted | SweepStopped, progress: SweepProgress, command: str
) -> list[str]:
    """The best trials in a table, what decided, and the command of the best."""
    word = "completed" if isinstance(event, SweepCompleted) else "stopped"
    lines = [
        "",
        f"{event.study} {word}: {count(event.completed + event.pruned, 'trial')} finished, "
        f"{event.pruned} of them pruned; {event.failed} failed; {event.seconds:.1f} s",
    ]
    if progress.ranked:
        lines += ["", *in_columns(ranking(progress))]
    if progress.importance:
        lines += ["", importance_text(progress.importance)]
    if command:
        lines += ["", "This trains the best run again:", visible(command)]
    return lines


def ranking(progress: SweepProgress) -> list[tuple[str, ...]]:
    """The best trials, each a row below that of the titles."""
    started = progress.started
    assert started is not None
    fields = hyperparameter_fields()
    names = [text.partition("=")[0] for text in started.plan["ranges"]]
    titles = ("rank", "trial", started.plan["metric"], *(fields[name].short_name for name in names))
    rows = [
        (
            str(rank),
            str(trial.number),
            value_text(trial),
            *(chosen_text(name, trial.parameters[name]) for name in names),
            ", ".join(trial.started.runs),
        )
        for rank, trial in enumerate(progress.ranked[:_ROWS], 1)
    ]
    return [(*titles, "runs"), *rows]


def importance_text(importance: dict[str, float]) -> str:
    """What decided most, as "importance: lr 81 %, hidden 19 %"."""
    fields = hyperparameter_fields()
    shares = (f"{fields[name].short_name} {percent(share)}" for name, share in importance.items())
    return f"importance: {', '.join(shares)}"
