"""What two runs reached, side by side, each figure with its difference."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mnist_core.store import RunRecord
from mnist_core.store.records import Score
from mnist_tui.text.numbers import count, metric, percent


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of a run beside that of another, in words."""

    label: str
    ours: str
    theirs: str = ""
    difference: str = ""
    """How much more ours is; of accuracies in points of a percent; "=" where that rounds to
    nothing. Empty: they measure different things, or one is missing.
    """


def results(record: RunRecord, other: RunRecord | None) -> list[Result]:
    """Accuracies, loss, time and size of `record`, and how far they are from those of `other`."""
    return [
        *_scores("Best", record.best, None if other is None else other.best),
        *_scores("Last", record.last, None if other is None else other.last),
        *_figures("Test loss", record, other, lambda run: run.test_loss, metric, 4),
        *_figures("Seconds", record, other, lambda run: run.seconds, "{:.1f}".format, 1),
        *_figures(
            "Parameters", record, other, lambda run: run.parameter_count, lambda n: count(int(n)), 0
        ),
    ]


def _scores(label: str, ours: Score | None, theirs: Score | None) -> Iterator[Result]:
    if ours is None:
        return
    same = theirs is not None and theirs.measured_on == ours.measured_on
    words = [percent(score.value, 2) if score is not None else "" for score in (ours, theirs)]
    if theirs is not None and not same:
        # One of them held samples out for validation.
        words = [f"{words[0]} {ours.measured_on}", f"{words[1]} {theirs.measured_on}"]
    more = 100 * (ours.value - theirs.value) if same and theirs is not None else None
    yield Result(label, words[0], words[1], _signed(more, 2))


def _figures(
    label: str,
    record: RunRecord,
    other: RunRecord | None,
    value_of: Callable[[RunRecord], float | None],
    words: Callable[[float], str],
    digits: int,
) -> Iterator[Result]:
    ours, theirs = value_of(record), value_of(other) if other is not None else None
    if ours is None:
        return
    if theirs is None:
        yield Result(label, words(ours))
    else:
        yield Result(label, words(ours), words(theirs), _signed(ours - theirs, digits))


def _signed(more: float | None, digits: int) -> str:
    if more is None:
        return ""
    text = f"{more:+,.{digits}f}".replace(",", " ")
    return text if text.strip("+-0.") else "="
