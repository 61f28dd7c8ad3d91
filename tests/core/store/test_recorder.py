"""The recorder: what it costs, and what is seen of a run while it goes on."""

import gc
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.live_run import Live
from helpers.recorded_runs import (
    assert_stored,
    assert_stored_so_far,
    hyperparameters,
    leave,
    record,
    resume,
    wait_until,
)
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, EpochCompleted, Event, RunFailed, RunStarted
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunState, RunStore, run_writer
from mnist_core.store.ownership import is_owned
from mnist_core.store.pending import Pending
from mnist_core.store.recorder import RunRecorder, recorded
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled", "_hurried")


# -- the cost ------------------------------------------------------------------------------------


def test_recording_a_batch_calls_nothing_but_an_append(
    store: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    recorder = store.record(tiny, "tiny")
    batch = next(event for event in events if isinstance(event, BatchCompleted))
    called: list[str] = []

    def note(frame: types.FrameType, what: str, argument: object) -> None:
        if what == "call":
            called.append(frame.f_code.co_name)
        elif what == "c_call":
            called.append(getattr(argument, "__name__", ""))

    sys.setprofile(note)
    recorder.record(batch)
    sys.setprofile(None)
    append = {"post", "__enter__", "append", "__exit__"}
    assert set(called) <= {"record", "isinstance", *append, "setprofile"}
    assert len(called) <= 8
    recorder.finish()


def test_a_recorded_run_yields_the_same_events_and_adds_one_call_each(
    store: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    recorder = store.record(tiny, "tiny")
    recorder.start()
    told: list[Event] = []

    def record_too(event: Event) -> None:
        told.append(event)
        RunRecorder.record(recorder, event)

    recorder.record = record_too  # type: ignore[method-assign]
    assert list(recorded((event for event in events), recorder)) == events
    assert told == events


def test_a_full_disk_does_not_fill_the_memory(tiny: Dataset) -> None:
    def held() -> int:
        gc.collect()
        return sum(isinstance(thing, EpochCompleted) for thing in gc.get_objects())

    # Other tests may have left some.
    before, pending = held(), Pending()
    events = list(train(hyperparameters(epochs=30), tiny))
    for event in events:
        pending.add([event])
    with_logits = [answer.epoch for answer in pending.answers if answer.logits is not None]
    best = pending.epochs[-1].best_epoch
    assert with_logits == sorted({best, 30})
    assert [state.epoch for state in pending.states] == sorted({best, 30})
    del events, event
    assert held() <= before
    rows = pending.batch_rows()
    assert rows is not None
    assert (rows[0], len(rows[1])) == (0, 150)


# -- what is shown of a live run -----------------------------------------------------------------


def test_a_run_is_seen_while_it_goes_on(store: RunStore, live: Live, events: list[Event]) -> None:
    live.train_to(8)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 8)
    (run,) = store.runs()
    assert run.state is RunState.RUNNING
    assert run.epoch == 1
    assert run.ended is None
    assert_stored_so_far(store, run.id, events)
    live.train_to_the_end()
    assert store.run(run.id).state is RunState.COMPLETED
    assert_stored(store, run.id, events)


def test_a_pause_is_seen_and_its_end(store: RunStore, tiny: Dataset, events: list[Event]) -> None:
    paused = False
    recorder = store.record(tiny, "tiny")
    recorder.is_paused = lambda: paused
    recorder.start()
    for event in events[:5]:
        recorder.record(event)
    wait_until(lambda: bool(store.runs()))
    assert store.runs()[0].state is RunState.RUNNING
    paused = True
    wait_until(lambda: store.runs()[0].state is RunState.PAUSED)
    paused = False
    wait_until(lambda: store.runs()[0].state is RunState.RUNNING)
    recorder.finish()
    assert store.runs()[0].state is RunState.INTERRUPTED


def test_a_run_may_take_its_time_to_begin(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0
    write = RunRecorder._write

    def count(self: RunRecorder) -> None:
        nonlocal looked
        write(self)
        looked += 1

    monkeypatch.setattr(RunRecorder, "_write", count)
    recorder = store.record(tiny, "tiny")
    recorder.start()
    assert looked == 0
    list(recorded((event for event in events), recorder))
    assert recorder.problem == ""
    assert looked > 0
    assert_stored(store, recorder.run_id, events)


def test_a_run_that_fails_before_it_begins_is_no_run(store: RunStore, tiny: Dataset) -> None:
    recorder = store.record(tiny, "tiny")
    recorder.start()

    def nothing() -> Iterator[Event]:
        raise ValueError("The state does not fit.")
        yield

    with pytest.raises(ValueError, match="does not fit"):
        list(recorded(nothing(), recorder))  # type: ignore[arg-type]
    assert recorder.problem == ""
    assert store.runs() == []
    assert not is_owned(store.home / "locks" / f"{recorder.run_id}.lock")


def test_a_run_that_fails_is_kept_with_its_reason(
    store: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    recorder = store.record(tiny, "tiny")
    recorder.start()

    def failing() -> Iterator[Event]:
        yield from events[:9]
        raise ValueError("The layers are too large \udcff.")

    with pytest.raises(ValueError, match="too large"):
        list(recorded(failing(), recorder))  # type: ignore[arg-type]
    (run,) = store.runs()
    assert (run.state, run.failure) == (RunState.FAILED, "The layers are too large \\udcff.")
    resume(store, run.id, tiny)
    assert store.run(run.id).failure == ""
    assert_stored(store, run.id, events)


def test_a_run_that_is_abandoned_is_interrupted(store: RunStore, live: Live) -> None:
    live.train_to(7)
    live._events.close()
    (run,) = store.runs()
    assert (run.state, run.step) == (RunState.INTERRUPTED, 7)


def test_times_never_go_back_with_the_clock(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(2_000_000_000, 0, -1000))
    monkeypatch.setattr(run_writer, "time", types.SimpleNamespace(time=lambda: float(next(clock))))
    run = store.run(record(store, tiny, events))
    assert run.started == run.updated == run.ended == 2_000_000_000


def test_a_failure_is_an_end_too(store: RunStore, tiny: Dataset, events: list[Event]) -> None:
    run_id = leave(store.home, tiny, [*events[:4], RunFailed("It broke.", "")])
    run = store.run(run_id)
    assert (run.state, run.failure) == (RunState.FAILED, "It broke.")
    assert run.ended is not None


def test_numbers_are_kept_in_their_columns(store: RunStore, tiny: Dataset) -> None:
    events: list[Event] = [
        replace(event, loss=float(np.float32(1) / 3), learning_rate=0.1, seconds=1e9 + 0.5)
        if isinstance(event, BatchCompleted)
        else event
        for event in train(hyperparameters(epochs=1), tiny)
    ]
    batches = store.batches(record(store, tiny, events))
    assert batches["loss"][0] == np.float32(1) / 3
    assert batches["learning_rate"][0] == np.float32(0.1)
    assert batches["seconds"][0] == 1e9 + 0.5


def test_a_run_that_is_announced_is_in_the_store(tmp_path: Path, tiny: Dataset) -> None:
    store = RunStore(tmp_path)
    recorder = store.record(tiny, "tiny")
    recorder.start()
    recipe = make_hyperparameters({"epochs": 1})
    events = recorded(train(recipe, tiny, run_id=recorder.run_id), recorder)
    started = next(events)
    assert isinstance(started, RunStarted)
    assert store.run(started.run_id).name == recorder.name == "run 1"
    events.close()


class PanicException(BaseException):
    """As that of Rust, which is no Exception."""


def test_a_panic_of_what_writes_is_told_and_tried_again(
    tiny: Dataset, store: RunStore, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once ended the recorder's thread, and the run passed for kept."""

    def panic(*_: object) -> bytes:
        raise PanicException("PyObject pointer is null")

    monkeypatch.setattr("safetensors.numpy.save", panic)
    recorder = store.record(tiny, "tiny")
    recorder.start()
    training = recorded((event for event in events), recorder)
    for event in training:
        if isinstance(event, EpochCompleted):
            break
    wait_until(lambda: recorder.problem != "")
    assert "There is not enough memory" in recorder.problem
    assert "tried again" in recorder.problem
    monkeypatch.undo()
    list(training)
    assert recorder.problem == ""
    assert store.run(recorder.run_id).state is RunState.COMPLETED
    assert_stored(store, recorder.run_id, events)


@pytest.mark.usefixtures("no_more_threads")
def test_a_run_that_no_thread_can_record_is_not_kept_and_trains(
    tiny: Dataset, store: RunStore
) -> None:
    recorder, why = store.begin_recording(tiny)
    assert recorder is None
    assert why.startswith("This run is not kept. The system starts no more threads")
    assert list((store.home / "locks").iterdir()) == []
