"""How headless training ends: completed, stopped, failed, several seeds."""

import gc
import signal
import weakref
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.scripted_events import (
    batch_completed,
    epoch_completed,
    run_completed,
    run_started,
    training,
    whole_run,
)
from mnist_core.backend.installation import BackendMissing
from mnist_core.events import Event, RunCompleted, RunFailed, RunStarted, RunStopped, TrainingState
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_tui.commands.headless import Events, exit_code, to_the_end, train_in_turn
from mnist_tui.commands.presenters import RepeatCompleted
from mnist_tui.runtime.signals import StopSignals, stop_signals

RECIPES = [Hyperparameters(seed=seed) for seed in (3, 4, 5)]


class Notes:
    """A presenter that keeps what it is shown; it may do something at each event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.summaries: list[RepeatCompleted] = []
        self.comparisons: list[dict[Hyperparameters, RepeatCompleted]] = []

    def show(self, event: Event) -> None:
        self.events.append(event)

    def show_comparison(self, summaries: Mapping[Hyperparameters, RepeatCompleted]) -> None:
        self.comparisons.append(dict(summaries))

    def show_repeat(self, summary: RepeatCompleted) -> None:
        self.summaries.append(summary)

    def close(self) -> None:
        return None


def broken(error: BaseException) -> Generator[Event, None, None]:
    yield run_started()
    yield epoch_completed(0, 0.1)
    yield batch_completed(1)
    raise error


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mnist-tui.log"


def never() -> bool:
    return False


def nothing() -> None:
    """Called after each event."""


def test_all_events_are_passed_on_up_to_the_end(log_file: Path) -> None:
    events = whole_run()
    passed = list(to_the_end(training(events), never, log_file))
    assert [id(event) for event in passed] == [id(event) for event in events]


def test_a_stop_request_makes_training_stop_and_keep(log_file: Path) -> None:
    requests = iter([False, False, True])
    events = list(to_the_end(training(whole_run()), lambda: next(requests), log_file))
    assert [type(event).__name__ for event in events] == [
        "RunStarted",
        "EpochCompleted",
        "BatchCompleted",
        "RunStopped",
    ]
    assert exit_code(events[-1]) == 130  # type: ignore[arg-type]


def test_a_stop_that_training_does_not_answer_ends_with_what_is_known(log_file: Path) -> None:
    events = list(to_the_end(broken(KeyboardInterrupt()), never, log_file))
    end = events[-1]
    assert isinstance(end, RunStopped)
    assert (end.run_id, end.epoch, end.step, end.test_accuracy) == ("abc123", 0, 1, 0.1)
    assert end.seconds == 0.75
    assert end.examples_per_second == pytest.approx(40_000)
    assert not log_file.exists()


def test_what_breaks_because_of_the_stop_is_no_failure(log_file: Path) -> None:
    requests = iter([False, False, False, True])

    def interrupted_compiler() -> Generator[Event, None, None]:
        yield from whole_run()[:3]
        raise RuntimeError("g++ was interrupted")

    events = list(to_the_end(interrupted_compiler(), lambda: next(requests), log_file))
    assert isinstance(events[-1], RunStopped)


def test_a_defect_is_a_sentence_and_its_traceback_is_in_the_log(log_file: Path) -> None:
    end = list(to_the_end(broken(KeyError("weights")), never, log_file))[-1]
    assert isinstance(end, RunFailed)
    assert end.message == (
        f"Something unexpected went wrong (KeyError: 'weights'). The details are in {log_file}."
    )
    assert "in broken" in log_file.read_text()
    assert exit_code(end) == 1


@pytest.mark.parametrize("error", [ValueError("Choose less."), BackendMissing("Install it.")])
def test_an_error_with_a_sentence_is_told_by_it(error: Exception, log_file: Path) -> None:
    end = list(to_the_end(broken(error), never, log_file))[-1]
    assert isinstance(end, RunFailed)
    assert end.message == str(error)
    assert "in broken" in log_file.read_text()


def test_a_lack_of_memory_says_what_to_do(log_file: Path) -> None:
    end = list(to_the_end(broken(MemoryError()), never, log_file))[-1]
    assert isinstance(end, RunFailed)
    assert "Use smaller layers" in end.message


def scripted(_recipe: Hyperparameters) -> Events:
    return training(whole_run())


def test_one_recipe_needs_no_summary(log_file: Path) -> None:
    notes = Notes()
    end = train_in_turn(RECIPES[:1], scripted, notes, StopSignals(), log_file, nothing)
    assert isinstance(end, RunCompleted)
    assert notes.summaries == []
    assert exit_code(end) == 0


def test_several_seeds_end_with_their_summary(log_file: Path) -> None:
    notes, trained = Notes(), []

    def events_of(recipe: Hyperparameters) -> Events:
        trained.append(recipe.seed)
        return training(whole_run())

    train_in_turn(RECIPES, events_of, notes, StopSignals(), log_file, nothing)
    assert trained == [3, 4, 5]
    assert [summary.seeds for summary in notes.summaries] == [(3, 4, 5)]
    assert sum(isinstance(event, RunStarted) for event in notes.events) == 3


def test_runs_that_have_ended_do_not_keep_their_weights_in_memory(log_file: Path) -> None:
    class Forgetful(Notes):
        def show(self, event: Event) -> None:
            """Keep nothing."""

    weights: list[weakref.ref[NDArray[np.float32]]] = []
    alive: list[int] = []
    gc.freeze()  # what other tests have left takes a second to look through

    def events_of(_recipe: Hyperparameters) -> Events:
        gc.collect()
        alive.append(sum(reference() is not None for reference in weights))
        array = np.zeros(4, np.float32)
        weights.append(weakref.ref(array))
        return training(
            [run_started(), replace(run_completed(), state=TrainingState((array,), None))]
        )

    recipes = [Hyperparameters(seed=seed) for seed in range(6)]
    train_in_turn(recipes, events_of, Forgetful(), StopSignals(), log_file, nothing)
    gc.unfreeze()
    assert max(alive) <= 1


def test_recipes_are_compared_each_over_its_seeds(log_file: Path) -> None:
    recipes = [
        Hyperparameters(learning_rate=rate, seed=seed) for rate in (0.1, 0.2) for seed in (3, 4)
    ]
    accuracies = iter((0.5, 0.7, 0.8, 0.8))

    def events_of(_recipe: Hyperparameters) -> Events:
        return training([run_started(), replace(run_completed(), test_accuracy=next(accuracies))])

    notes = Notes()
    end = train_in_turn(recipes, events_of, notes, StopSignals(), log_file, nothing)
    assert isinstance(end, RunCompleted)
    assert notes.summaries == []
    (compared,) = notes.comparisons
    assert [
        (recipe.learning_rate, summary.seeds, round(summary.test_accuracy.mean, 6))
        for recipe, summary in compared.items()
    ] == [(0.1, (3, 4), 0.6), (0.2, (3, 4), 0.8)]


def test_a_failed_seed_ends_the_series_without_a_summary(log_file: Path) -> None:
    notes = Notes()
    end = train_in_turn(
        RECIPES, lambda _recipe: broken(ValueError("No.")), notes, StopSignals(), log_file, nothing
    )
    assert isinstance(end, RunFailed)
    assert sum(isinstance(event, RunStarted) for event in notes.events) == 1
    assert notes.summaries == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_training_stops_it_after_the_batch(
    number: signal.Signals, log_file: Path
) -> None:
    class Interrupting(Notes):
        def show(self, event: Event) -> None:
            super().show(event)
            if event == batch_completed(1):
                signal.raise_signal(number)

    notes = Interrupting()
    with stop_signals() as signals:
        end = train_in_turn(RECIPES, scripted, notes, signals, log_file, nothing)
    assert isinstance(end, RunStopped)
    assert notes.events[-2:] == [batch_completed(1), end]


def test_the_second_signal_ends_at_once() -> None:
    with stop_signals() as signals, signals.deferred() as requested:
        signal.raise_signal(signal.SIGINT)
        assert requested()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_outside_training_the_first_signal_ends_at_once() -> None:
    with stop_signals() as signals:
        with signals.deferred():
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_the_handlers_of_before_are_put_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with stop_signals():
        assert signal.getsignal(signal.SIGINT) not in before
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_hangup_that_nohup_has_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
