"""TrainingRun driven by scripted generators: no MLX, no timing."""

import sys
import threading
import weakref
from collections.abc import Generator
from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest

from helpers.python_process import run_python
from helpers.recorded_runs import wait_until
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    Event,
    GiveUp,
    HalveLearningRate,
    HyperparameterChanged,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunStopped,
    StopTraining,
    TrainingState,
)
from mnist_core.recipe.changes import ChangeError, ChangeQueue
from mnist_core.recipe.hyperparameters import TakesEffect
from mnist_core.training.training_run import Decision, TrainingRun
from mnist_core.training.training_thread import TrainingThread

Events = Generator[Event, None, None]


def batch(step: int) -> BatchCompleted:
    return BatchCompleted(step, 1, step, loss=1.0 / step, accuracy=0.5, learning_rate=0.1)


def stopped(step: int) -> RunStopped:
    state = TrainingState((np.zeros(1, np.float32),), None, step=step)
    return RunStopped("id", 0, step, None, None, 0, None, 0.0, 0.0, state)


def endless(after_first: threading.Event | None = None) -> Events:
    """Batches for ever; StopTraining is answered with RunStopped."""
    step = 0
    try:
        while True:
            step += 1
            yield batch(step)
            if after_first is not None:
                after_first.set()
    except StopTraining:
        yield stopped(step)


def finish(run: TrainingRun) -> list[Event]:
    assert run.join(300), "the run's thread did not end"
    return run.drain()


def wait_until_paused(run: TrainingRun) -> None:
    wait_until(lambda: run.paused)


def test_events_arrive_in_order_and_end_once() -> None:
    def script() -> Events:
        yield batch(1)
        yield batch(2)
        yield stopped(2)
        pytest.fail("asked for an event after the end")

    run = TrainingRun(script)
    run.start()
    events = finish(run)
    assert [type(event) for event in events] == [BatchCompleted, BatchCompleted, RunStopped]
    assert run.drain() == []


def test_stop_throws_into_the_generator_and_keeps_its_answer() -> None:
    under_way = threading.Event()
    run = TrainingRun(lambda: endless(under_way))
    run.start()
    assert under_way.wait(300)
    run.stop()
    *batches, end = finish(run)
    assert isinstance(end, RunStopped)
    assert end.step == len(batches)
    assert not run.alive


def test_a_paused_run_takes_no_step_until_resumed() -> None:
    asked = []

    def script() -> Events:
        for step in range(1, 4):
            asked.append(step)
            yield batch(step)
        yield stopped(3)

    run = TrainingRun(script)
    run.pause()
    run.start()
    wait_until_paused(run)
    assert asked == [1]
    run.resume()
    events = finish(run)
    assert asked == [1, 2, 3]
    assert len(events) == 4


def test_a_paused_run_can_be_stopped() -> None:
    run = TrainingRun(endless)
    run.pause()
    run.start()
    wait_until_paused(run)
    run.stop()
    assert isinstance(finish(run)[-1], RunStopped)


def test_an_error_becomes_the_last_event() -> None:
    def script() -> Events:
        yield batch(1)
        raise ValueError("The disk is on fire. Use water.")

    run = TrainingRun(script)
    run.start()
    events = finish(run)
    assert isinstance(events[-1], RunFailed)
    assert events[-1].message == "The disk is on fire. Use water."
    assert "ValueError" in events[-1].traceback
    assert sum(isinstance(event, RunEnded) for event in events) == 1


def test_an_error_on_stopping_still_ends_the_run() -> None:
    def script() -> Events:
        try:
            while True:
                yield batch(1)
        except StopTraining:
            raise OSError("No space left.") from None

    run = TrainingRun(script)
    run.start()
    run.stop()
    assert isinstance(finish(run)[-1], RunFailed)


def test_a_generator_that_just_ends_is_a_failure() -> None:
    def script() -> Events:
        yield batch(1)

    run = TrainingRun(script)
    run.start()
    end = finish(run)[-1]
    assert isinstance(end, RunFailed)
    assert end.message


@pytest.mark.usefixtures("no_more_threads")
def test_a_run_without_a_thread_has_failed_and_the_next_one_may_have_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread = TrainingThread()
    run = TrainingRun(endless, thread=thread)
    run.start()
    (end,) = finish(run)
    assert isinstance(end, RunFailed)
    assert "starts no more threads" in end.message
    assert not run.alive
    thread.close()
    monkeypatch.undo()
    after = TrainingRun(endless, thread=thread)
    after.start()
    after.stop()
    assert isinstance(finish(after)[-1], RunStopped)
    thread.close()


def test_runs_share_a_thread_which_cleans_up_after_itself_when_it_is_closed() -> None:
    threads = []

    def script() -> Events:
        threads.append(threading.current_thread())
        yield stopped(0)

    def failing() -> Events:
        threads.append(threading.current_thread())
        raise ValueError("broken")
        yield

    with TrainingThread(lambda: threads.append(threading.current_thread())) as thread:
        for make_events in (script, failing, script):
            run = TrainingRun(make_events, thread=thread)
            assert not run.alive
            run.start()
            assert isinstance(finish(run)[-1], RunEnded)
            assert not run.alive
        assert len(threads) == 3
        assert threads[0].is_alive()
    assert len(threads) == 4
    assert {*threads} == {threads[0]}
    assert threads[0] is not threading.current_thread()
    assert not threads[0].is_alive()


def test_a_thread_keeps_nothing_of_a_run_that_is_over() -> None:
    class Burden:
        pass

    burden = Burden()
    kept = weakref.ref(burden)

    def script(_: Burden) -> Events:
        yield stopped(0)

    with TrainingThread() as thread:
        run = TrainingRun(partial(script, burden), thread=thread)
        run.start()
        finish(run)
        TrainingRun(endless, thread=thread)  # and one that never starts hinders nobody
        del run, burden
        wait_until(lambda: kept() is None)


def test_the_own_thread_of_a_run_has_ended_once_it_is_joined() -> None:
    threads = []

    def script() -> Events:
        threads.append(threading.current_thread())
        yield stopped(0)

    run = TrainingRun(script)
    run.start()
    finish(run)
    assert not threads[0].is_alive()


_MANY_RUNS = """
from pathlib import Path
import numpy as np
from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.training.kernel_warmup import StepCompilation
from mnist_core.training.training_run import mlx_runs
from mnist_core.training.training_thread import mlx_thread
StepCompilation._kernels_to_make = lambda _: None
from mnist_core.backend.mlx import mx
mx.disable_compile()
images = np.random.default_rng(0).integers(0, 255, (30, 5, 5), np.uint8)
examples = Examples(images, (np.arange(30) % 3).astype(np.uint16))
data = Dataset('x', examples, examples, ('a', 'b', 'c'), (0, 1, 2))
recipe = make_hyperparameters({'batch_size': 10, 'epochs': 1, 'hidden_sizes': '4'})
with mlx_thread() as thread:
    make = mlx_runs(configure('cpu', 1), thread)
    for count in range(60):
        run = make(recipe, data, None, until_epoch=None, samples=images[:2])
        run.start()
        run.join()
        end = run.drain()[-1]
        print(type(end).__name__, len(list(Path('/proc/self/task').iterdir())))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there threads are counted in /proc")
def test_runs_leave_no_thread_of_the_operating_system_behind() -> None:
    lines = run_python(_MANY_RUNS)
    assert len(lines) == 60
    assert {*lines} == {lines[0]}
    assert lines[0].startswith("RunCompleted ")


def test_many_events_pass_the_mailbox_without_loss() -> None:
    def script() -> Events:
        for step in range(1, 20_001):
            yield batch(step)
        yield stopped(20_000)

    run = TrainingRun(script)
    run.start()
    events: list[Event] = []
    while run.alive:
        events += run.drain()
    events += run.drain()
    steps = [event.step for event in events if isinstance(event, BatchCompleted)]
    assert steps == list(range(1, 20_001))


def test_a_run_pauses_after_so_many_batches_and_epoch_ends_do_not_count() -> None:
    asked: list[int] = []

    def script() -> Events:
        for step in range(1, 8):
            asked.append(step)
            yield batch(step)
            yield DivergenceDetected(
                step, 1, 9.0, DivergenceReason.LOSS_NOT_FINITE, 0, "It is told, and no batch."
            )
        yield stopped(7)

    run = TrainingRun(script)
    run.train_batches(3)
    run.start()
    wait_until_paused(run)
    assert asked == [1, 2, 3]
    run.train_batches(1)
    wait_until(lambda: len(asked) == 4)
    wait_until_paused(run)
    run.resume()
    finish(run)
    assert asked == list(range(1, 8))


def test_what_is_asked_for_reaches_the_training() -> None:
    changes = ChangeQueue()

    def script() -> Events:
        yield batch(1)
        rates = [value for _, value in changes.take(TakesEffect.NOW)]
        yield replace(batch(2), learning_rate=rates[0])
        yield stopped(2)

    run = TrainingRun(script, changes=changes)
    run.pause()
    run.start()
    wait_until_paused(run)
    run.change("learning-rate", "0.25")
    with pytest.raises(ChangeError, match="Seed cannot change during a run"):
        run.change("seed", 1)
    run.resume()
    told = finish(run)[1]
    assert isinstance(told, BatchCompleted)
    assert told.learning_rate == 0.25


DIVERGED = DivergenceDetected(2, 1, 9.0, DivergenceReason.LOSS_NOT_FINITE, 1, "Too fast.")


def diverging() -> Events:
    """Tells of a divergence after two batches, and how it was answered."""
    yield batch(1)
    yield batch(2)
    try:
        yield DIVERGED
        yield batch(3)
    except HalveLearningRate:
        yield batch(1)
    except GiveUp:
        yield replace_end(RunDiverged)
        return
    except StopTraining:
        yield stopped(2)
        return
    yield stopped(4)


def replace_end(kind: type[RunDiverged]) -> RunDiverged:
    end = stopped(2)
    return kind(*(getattr(end, each.name) for each in fields(end)))


@pytest.mark.parametrize(
    ("decision", "kind", "step"),
    [
        (Decision.GO_ON, BatchCompleted, 3),
        (Decision.HALVE_LEARNING_RATE, BatchCompleted, 1),
        (Decision.GIVE_UP, RunDiverged, 2),
    ],
)
def test_a_run_that_diverged_waits_for_a_decision(
    decision: Decision, kind: type[BatchCompleted | RunDiverged], step: int
) -> None:
    run = TrainingRun(diverging, hold=True)
    run.decide(Decision.GIVE_UP)  # too early: nothing to decide yet
    run.start()
    wait_until_paused(run)
    assert run.drain()[-1] == DIVERGED
    assert run.divergence == DIVERGED
    run.decide(decision)
    after = finish(run)[0]
    assert isinstance(after, kind)
    assert after.step == step
    assert run.divergence is None


def test_a_run_that_waits_for_a_decision_can_be_given_up_or_let_go_on() -> None:
    def go_on(run: TrainingRun) -> None:
        run.decide(Decision.GO_ON)

    for act, kind, last in ((TrainingRun.stop, RunDiverged, 2), (go_on, RunStopped, 4)):
        run = TrainingRun(diverging, hold=True)
        run.start()
        wait_until_paused(run)
        run.resume()
        run.train_one_epoch()
        run.train_batches(1)
        assert run.divergence is None, "it was not told yet"
        assert run.drain()[-1] == DIVERGED
        assert run.divergence == DIVERGED, "nothing but a decision lets it go on"
        act(run)
        end = finish(run)[-1]
        assert isinstance(end, kind)
        assert end.step == last
        assert run.divergence is None


def test_a_second_stop_leaves_a_run_given_up_as_diverged() -> None:
    given_up, stopped_again = threading.Event(), threading.Event()

    def script() -> Events:
        yield batch(1)
        try:
            yield DIVERGED
        except GiveUp:
            given_up.set()
            assert stopped_again.wait(300)
        yield batch(2)
        yield replace_end(RunDiverged)

    run = TrainingRun(script, hold=True)
    run.start()
    wait_until_paused(run)
    run.stop()
    assert given_up.wait(300)
    run.stop()
    run.pause()
    stopped_again.set()
    assert isinstance(finish(run)[-1], RunDiverged)


def test_what_was_asked_for_is_known_until_it_is_told() -> None:
    changes = ChangeQueue()

    def script() -> Events:
        yield batch(1)
        for field, value in changes.take(TakesEffect.NOW):
            yield HyperparameterChanged(1, 1, field, value, 0.1, 1, 4)
        yield stopped(1)

    run = TrainingRun(script, changes=changes)
    run.pause()
    run.start()
    wait_until_paused(run)
    run.change("learning-rate", "0.5", 0.1)
    assert run.asked == {"learning_rate": 0.5}
    run.change("learning_rate", 0.1, 0.1)
    assert run.asked == {}, "it was taken back"
    run.change("learning_rate", 0.25, 0.1)
    run.resume()
    finish(run)
    assert run.asked == {}
    run.stop()
    run.change("momentum", 0.5)
    assert run.asked == {}, "it is about to end"


def test_without_hold_nobody_is_asked() -> None:
    run = TrainingRun(diverging)
    run.start()
    events = finish(run)
    assert [event.step for event in events if isinstance(event, BatchCompleted)] == [1, 2, 3]
