"""What the train screen tells: how to begin, on the first launch, and what must be known now."""

from textual.content import Content
from textual.widgets import Static

from mnist_core.backend.backend import Backend
from mnist_core.data.doubts import find_doubts_about_validation
from mnist_core.events import RunFailed
from mnist_tui.lab.recipe_text import difference_text
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.settings.keys import key_hint
from mnist_tui.text.numbers import metric
from mnist_tui.text.visible_text import visible
from mnist_tui.train.divergence_dialog import what_happened

_LINES = (
    (("run", " trains a network; curves and digits follow it live."),),
    (
        ("edit", " edits its values, "),
        ("leave", " leaves them; "),
        ("run", " again draws both."),
    ),
    (
        ("show_screen_mistakes", " shows its mistakes, "),
        ("show_screen_runs", " all your runs, "),
        ("help", " every key."),
    ),
)
"""Commands, each with the words that follow its key; no line is wider than 60 cells."""

_MOST_TOLD = 3
"""Runs of a queue."""


class Guidance(Static):
    """Three lines for the first launch, with the keys that work; the first key takes them away,
    and does what it does.
    """

    DEFAULT_CSS = """
    Guidance { height: 3; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__(guidance())


def guidance() -> Content:
    """What the lines say."""
    lines = [
        Content.assemble(
            " ",
            *(part for name, words in line for part in ((key_hint(name), "bold $primary"), words)),
        )
        for line in _LINES
    ]
    return Content("\n").join(lines)


def notice(session: Session, backend: Backend | None, at_first: str) -> str:
    """What a person must know and can act on; empty most of the time.

    `at_first` is told until there is a run. A line each: what matters most now, then why figures
    on these data say little, which is to be read beside these figures.
    """
    dataset = session.data.dataset
    doubts: tuple[str, ...] = ()
    if dataset is not None:
        progress = session.progress
        held_out = progress.hyperparameters.validation if progress is not None else "none"
        doubts = (*dataset.doubts, *find_doubts_about_validation(dataset, held_out))
    told = (_most_pressing(session, backend, at_first), _queue(session), *map(visible, doubts))
    return "\n".join(filter(None, told))


def done_text(session: Session) -> str:
    """What to tell whoever does not look at the screen, once nothing is trained any more."""
    progress = session.progress
    name = visible(progress.name) if progress is not None else ""
    how = "has diverged and waits" if session.divergence is not None else session.state.value
    words = f"{name or 'the run'} {how}"
    if progress is not None and len(progress.test_accuracy):
        words += f", test accuracy {metric(float(progress.test_accuracy.y[-1]))}"
    return words


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _queue(session: Session) -> str:
    """What is trained after the run under way, each by what sets it apart from that."""
    progress = session.progress
    waiting = session.queue.waiting
    if progress is None or not session.queue.in_turn or not waiting:
        return ""
    now = progress.hyperparameters
    told = [difference_text(recipe, now, short=True) for recipe in waiting]
    more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return f"Next: {'; '.join(told[:_MOST_TOLD])}{more}. {key_hint('stop')} ends them all."


def _most_pressing(session: Session, backend: Backend | None, at_first: str) -> str:
    end = session.progress.end if session.progress is not None else None
    if session.follow_problem:
        return visible(session.follow_problem)
    if session.watch is not None:
        return visible(" ".join(filter(None, (session.watch.told(), session.store_notice))))
    if session.data.failure is not None and session.data.dataset is None:
        return f"{visible(session.data.failure.message)} Press {key_hint('run')} to try again."
    if isinstance(end, RunFailed) and not session.state.is_active:
        return visible(f"{end.message} {session.log_note}")
    divergence = session.progress.divergence if session.progress is not None else None
    if session.divergence is not None:
        return (
            f"{what_happened(session.divergence)} It waits: press {key_hint('resume')} to choose "
            f"how to go on, or {key_hint('stop')} to give it up."
        )
    if session.state is State.DIVERGED:
        cause = divergence.cause if divergence is not None else ""
        return f"The run was given up, since it no longer learned. {cause}".rstrip()
    if session.data.offered is not None:
        name = visible(session.data.offered.name)
        key = key_hint("use_offered_data")
        return f"{name} has been downloaded. Press {key} to use it from the next run on."
    if session.store_notice:
        return visible(session.store_notice)
    if session.hold is not None:
        return session.hold.reason
    if at_first and session.progress is None:
        return at_first
    if session.interrupted is not None and session.progress is None:
        left = session.interrupted
        return visible(
            f"{left.name} was interrupted in epoch {min(left.epoch + 1, left.epochs)}/"
            f"{left.epochs}. Press {key_hint('resume_stored')} to go on with it."
        )
    progress = session.progress
    if progress is not None and progress.stopped and not session.state.is_active:
        return _sentence(progress.stopped)
    if progress is not None and progress.slowness:
        return visible(progress.slowness)
    advice = backend.advice if backend is not None else ""
    # Once a run has begun, the first line's "synthetic" has to do: curves need the room.
    reason = session.data.reason if session.progress is None else None
    return visible(reason or advice)
