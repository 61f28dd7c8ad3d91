"""The rows of the table of trials: what each says, and in which order."""

from dataclasses import dataclass

from mnist_core.sweep.events import TrialFailed
from mnist_tui.lab.sweep_progress import SweepProgress, TrialSoFar
from mnist_tui.lab.trial_text import chosen_text, value_text
from mnist_tui.sweeps.sweep_plots import is_better_high, ranges_of
from mnist_tui.text.styled_text import STATE_SIGNS
from mnist_tui.text.visible_text import visible


@dataclass(frozen=True, slots=True)
class TrialRow:
    trial: TrialSoFar
    cells: tuple[str, ...]
    part: str
    """How it is drawn: best, row, running, quiet or error."""


def titles(progress: SweepProgress) -> tuple[str, ...]:
    """Those of the columns."""
    assert progress.started is not None
    chosen = (each.field.short_name for each in ranges_of(progress))
    return ("", "trial", progress.started.plan["metric"], "epochs", *chosen, "")


def rows(progress: SweepProgress) -> list[TrialRow]:
    """The completed ones, the best first; those that run; the pruned ones, as far as they came, the
    best first too; those that failed.
    """
    ranked = progress.ranked
    sign = -1 if is_better_high(progress) else 1
    others = sorted(
        progress.trials.values(),
        key=lambda trial: (sign * (trial.value or 0.0) * (trial.state == "pruned"), trial.number),
    )
    found = [
        _row(progress, trial, str(rank), "best" if rank == 1 else "row")
        for rank, trial in enumerate(ranked, 1)
    ]
    for state, part in (("running", "running"), ("pruned", "quiet"), ("failed", "error")):
        mark = STATE_SIGNS[state][0]
        found += [_row(progress, each, mark, part) for each in others if each.state == state]
    return found


def _row(progress: SweepProgress, trial: TrialSoFar, sign: str, part: str) -> TrialRow:
    started = progress.started
    assert started is not None
    remarks = []
    if trial.started.host != started.host:
        remarks.append(f"on {trial.started.host}")
    if trial.started.again is not None:
        remarks.append(f"again, after trial {trial.started.again}")
    if isinstance(trial.end, TrialFailed):
        remarks.append(trial.end.message)
    cells = (
        sign,
        str(trial.number),
        value_text(trial),
        f"{len(trial.reported)}/{started.epochs * started.plan['seeds']}",
        *(
            chosen_text(each.field.name, trial.parameters[each.field.name])
            if each.field.name in trial.parameters
            else "-"
            for each in ranges_of(progress)
        ),
        visible(", ".join(remarks)),
    )
    return TrialRow(trial, cells, part)
