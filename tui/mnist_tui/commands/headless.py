"""Training without the interface: events to a presenter, and the exit code."""

import math
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunCompleted,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunRewound,
    RunStarted,
    RunStopped,
    StopTraining,
    TrainingState,
    failure_sentence,
    known_failure,
)
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_tui.commands.presenters import FinalFigures, Presenter, summarize
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from mnist_tui.runtime.signals import StopSignals

Events = Generator[Event, None, None]


class RunSoFar:
    """What a run has told: enough to end it where training itself cannot answer any more."""

    def __init__(self) -> None:
        self._started: RunStarted | None = None
        self._batch: BatchCompleted | None = None
        self._last: EpochCompleted | None = None
        self._best: EpochCompleted | None = None

    def take(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._started = event
            case BatchCompleted():
                self._batch = event
            case EpochCompleted():
                self._last = event
                best = self._best.test_accuracy if self._best else -1.0
                if math.isfinite(event.test_loss) and event.test_accuracy > best:
                    self._best = event
            case RunRewound():
                # What came after that is gone, and what came before it is not known any more.
                self._batch = None
                self._last = _up_to(event.epoch, self._last)
                self._best = _up_to(event.epoch, self._best)

    def stopped(self) -> RunStopped:
        """The end of a run that was stopped here; without a run id, before it began."""
        started, batch, last, best = self._started, self._batch, self._last, self._best
        examples = 0.0
        if started and batch:
            steps = batch.step - started.step
            examples = steps * started.train_examples / started.steps_per_epoch
        seconds = batch.seconds if batch else 0.0
        return RunStopped(
            run_id=started.run_id if started else "",
            epoch=last.epoch if last else 0,
            step=batch.step if batch else 0,
            test_accuracy=last.test_accuracy if last else None,
            best_test_accuracy=best.test_accuracy if best else None,
            best_epoch=best.epoch if best else 0,
            test_loss=last.test_loss if last else None,
            seconds=seconds,
            examples_per_second=examples / seconds if seconds else 0.0,
            state=last.state if last else TrainingState((), None),
            best_validation_accuracy=last.state.best_validation_accuracy if last else None,
        )


def _up_to(epoch: int, event: EpochCompleted | None) -> EpochCompleted | None:
    return event if event is not None and event.epoch <= epoch else None


def failure(error: Exception, log_file: Path) -> RunFailed:
    """Log an error and make it the end of a run."""
    details = "".join(traceback.format_exception(error))
    where = write_log(log_file, details)
    return RunFailed(known_failure(error) or f"{failure_sentence(error)} {where}", details)


def to_the_end(
    events: Events, stop_requested: Callable[[], bool], log_file: Path
) -> Iterator[Event]:
    """The events of one run; whatever happens, the last one is its end, and the only one.

    Args:
        events: what training yields.
        stop_requested: asked after each event; True makes training stop there.
        log_file: where the traceback of a failure goes.
    """
    so_far = RunSoFar()
    try:
        event = next(events)
        while not isinstance(event, RunEnded):
            so_far.take(event)
            yield event
            event = events.throw(StopTraining()) if stop_requested() else next(events)
    except (StopTraining, KeyboardInterrupt):
        event = so_far.stopped()
    except Exception as error:  # noqa: BLE001 - the run's edge: it goes on as an event
        # Ctrl-C also reaches a compiler that MLX may be waiting for: its failure is that stop.
        event = so_far.stopped() if stop_requested() else failure(error, log_file)
    yield event


def train_in_turn(
    recipes: Sequence[Hyperparameters],
    events_of: Callable[[Hyperparameters], Events],
    presenter: Presenter,
    signals: StopSignals,
    log_file: Path,
    after_each: Callable[[], None],
) -> RunEnded:
    """Train each of `recipes`, one at least, until one is stopped or fails, which is returned.

    After the last the spread of those is shown that are the same but for the seed, and how several
    recipes compare. Then the end of one that completed is returned, if any has: one that diverges
    is a result too. `after_each` is called after each event.
    """
    end: RunEnded | None = None
    ended: dict[Hyperparameters, list[FinalFigures]] = {}
    with signals.deferred() as stop_requested:
        for recipe in recipes:
            for event in to_the_end(events_of(recipe), stop_requested, log_file):
                presenter.show(event)
                after_each()
                if isinstance(event, RunCompleted | RunDiverged):
                    same = ended.setdefault(recipe.model_copy(update={"seed": 0}), [])
                    same.append(FinalFigures.of(recipe.seed, event))
                    if end is None or isinstance(event, RunCompleted):
                        end = event
                elif isinstance(event, RunEnded):
                    return event
    assert end is not None, "there was a recipe"
    summaries = {recipe: summarize(figures) for recipe, figures in ended.items()}
    if len(summaries) > 1:
        presenter.show_comparison(summaries)
    elif len(recipes) > 1:
        presenter.show_repeat(*summaries.values())
    return end


def exit_code(end: RunEnded) -> int:
    """What the shell is told."""
    match end:
        case RunCompleted():
            return EXIT_DONE
        case RunStopped():
            return EXIT_INTERRUPTED
        case _:
            return EXIT_FAILED
