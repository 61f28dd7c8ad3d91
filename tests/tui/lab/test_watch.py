"""Runs of other processes that are read on, and which of them is watched."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.laboratory import TWO_EPOCHS, Laboratory
from helpers.recordings import points, put_recording
from helpers.scripted import STEPS, ScriptedLoader, digits, loaded
from helpers.stored_runs import LiveRun
from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import DatasetFailed
from mnist_core.store import RunRecord, RunState, RunStore, StoreError
from mnist_core.store import recorder as recorder_module
from mnist_core.store.tables import cut_metrics
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.run_progress import AXES, RunProgress, restored
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.lab.watch import WATCHES, Watch


class Counted(RunStore):
    """Counts the batches that were read."""

    read = 0

    def batches(self, run_id: str, after: int = 0) -> Any:
        found = super().batches(run_id, after)
        self.read += len(found)
        return found


class Watching:
    """A session that watches a home, and ticks until something has come."""

    def __init__(self, home: Path, name: str = "", *loaders: ScriptedLoader) -> None:
        self.store = Counted(home)
        self.asked: list[str] = []
        """What data were asked for."""
        self._loaders = list(loaders)
        self.session = Session(
            None, DataSource(loaded), str, self.store, Watch(self.store, self._loader, name)
        )

    def _loader(self, record: RunRecord) -> ScriptedLoader:
        self.asked.append(record.data)
        return self._loaders.pop(0) if self._loaders else loaded()

    @property
    def progress(self) -> RunProgress:
        assert self.session.progress is not None
        return self.session.progress

    def until(self, wanted: Callable[[Session], object]) -> None:
        deadline, pause = time.monotonic() + 60, threading.Event()
        while not wanted(self.session):
            assert time.monotonic() < deadline, self.session.state
            self.session.tick()
            pause.wait(0.002)

    def until_step(self, step: int) -> None:
        self.until(lambda session: session.progress is not None and session.progress.step == step)

    def told(self) -> str:
        assert self.session.watch is not None
        return self.session.watch.told()


@pytest.fixture(autouse=True)
def _write_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "WRITE_INTERVAL", 0.002)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    made = Watching(tmp_path)
    yield made
    made.session.close()


def assert_as_restored(watching: Watching) -> None:
    """What was read on is what is read at once."""
    progress = watching.progress
    record = watching.store.run(progress.run_id)
    whole = restored(watching.store, record, progress.dataset, record.step)
    for part in ("train", "test", "validation"):
        for metric in ("loss", "accuracy"):
            read, expected = progress.series(part, metric), whole.series(part, metric)
            assert np.array_equal(read.y, expected.y, equal_nan=True)
            for axis in AXES:
                assert np.array_equal(read.x(axis), expected.x(axis))
    assert np.array_equal(progress.gradient_norm.y, whole.gradient_norm.y)
    assert progress.history.epochs == whole.history.epochs
    assert list(progress.distributions) == progress.history.epochs
    for epoch, counted in progress.distributions.items():
        assert counted.rows.tobytes() == whole.distributions[epoch].rows.tobytes()
    assert (progress.answers is None) == (whole.answers is None)
    if progress.answers is not None and whole.answers is not None:
        assert np.array_equal(progress.answers.logits, whole.answers.logits)
    for name in ("step", "epoch_under_way", "planned_epochs", "left_as", "batch", "changes",
                 "hyperparameters_now", "answers_epoch", "has_diverged"):  # fmt: skip
        assert getattr(progress, name) == getattr(whole, name), name


def test_a_run_of_another_process_is_read_on_to_its_end(watching: Watching, tmp_path: Path) -> None:
    live = LiveRun(tmp_path, epochs=3)
    watching.until(lambda session: session.progress is not None)
    assert watching.asked == ["scripted"]
    progress, series = watching.progress, watching.progress.train_loss
    assert watching.session.state is State.RUNNING
    for epoch in (1, 2):
        live.train_epoch(0.4 + epoch / 10)
        watching.until_step(STEPS * epoch)
        watching.until(lambda session: session.progress.evaluated_epoch == epoch)  # type: ignore[union-attr] # noqa: B023
        assert progress.answers_epoch == epoch
        assert progress.batch is not None
        assert (progress.batch.epoch, progress.batch.batch) == (epoch, STEPS)
        assert progress.examples_per_second is not None
        assert_as_restored(watching)
    assert "Watching run 1, which process" in watching.told()
    live.train_epoch(0.9)
    live.end()
    watching.until(lambda session: session.state is State.COMPLETED)
    assert watching.progress is progress
    assert progress.train_loss is series
    assert_as_restored(watching)
    assert "run 1 has ended." in watching.told()


def test_each_batch_is_read_once_but_the_last(watching: Watching, tmp_path: Path) -> None:
    """The last one that is known comes again, to see that the run was not cut back."""
    live = LiveRun(tmp_path, epochs=50)
    watching.until(lambda session: session.progress is not None)
    looks = 0
    for epoch in range(1, 31):
        live.train_epoch(0.5)
        watching.until_step(STEPS * epoch)
        looks += STEPS + 1  # An epoch is written in up to so many pieces.
    read = watching.store.read
    assert 30 * STEPS <= read <= 30 * STEPS + looks
    for _ in range(100):
        watching.session.tick()
    assert watching.store.read <= read + 3, "what has not changed is not read"
    live.close()


def test_a_run_that_was_cut_back_is_read_anew(watching: Watching, tmp_path: Path) -> None:
    live = LiveRun(tmp_path)
    live.train_epoch(0.5)
    live.train_epoch(0.6)
    watching.until_step(2 * STEPS)
    before = watching.progress
    live.close()
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        cut_metrics(connection, live.recorder.run_id, STEPS, 1)
    watching.until_step(STEPS)
    assert watching.progress is not before
    assert_as_restored(watching)


def test_a_run_that_was_cut_back_and_has_passed_the_place_is_read_anew(
    watching: Watching, tmp_path: Path
) -> None:
    live = LiveRun(tmp_path)
    live.train_epoch(0.5)
    watching.until(lambda session: session.progress and session.progress.evaluated_epoch == 1)
    before = watching.progress
    live.train_epoch(0.6)
    live.close()
    batches = watching.store.batches(live.recorder.run_id).copy()
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        batches["loss"][2:] += 1
        batches["seconds"][2:] += 0.001
        connection.execute("DELETE FROM batches")
        connection.execute(
            "INSERT INTO batches VALUES (?, 0, ?, ?)",
            (live.recorder.run_id, len(batches), batches.tobytes()),
        )
    watching.until_step(2 * STEPS)
    assert watching.progress is not before
    assert_as_restored(watching)


def test_a_run_whose_process_dies_is_interrupted(watching: Watching, tmp_path: Path) -> None:
    live = LiveRun(tmp_path)
    live.train_epoch(0.5)
    watching.until_step(STEPS)
    live.close()
    watching.until(lambda session: session.state is State.INTERRUPTED)
    assert "run 1 was interrupted: its process is gone." in watching.told()
    assert watching.session.resumable == ""
    assert not watching.session.can_continue


def test_a_newer_run_takes_the_place_of_the_one_before(watching: Watching, tmp_path: Path) -> None:
    first = LiveRun(tmp_path)
    first.train_epoch(0.5)
    watching.until_step(STEPS)
    assert watching.session.watch is not None
    assert watching.session.watch.take_news() == ""
    before = watching.progress
    second = LiveRun(tmp_path, learning_rate=0.5)
    watching.until(lambda session: session.progress is not before)
    assert watching.progress.name == "run 2"
    assert watching.session.ghost is before
    assert watching.session.watch.take_news() == "run 2 has begun, and is watched now."
    assert watching.session.watch.take_news() == ""
    for live in (first, second):
        live.close()


def test_a_run_that_was_named_stays(tmp_path: Path) -> None:
    first = LiveRun(tmp_path, "mine")
    watching = Watching(tmp_path, "mine")
    watching.until(lambda session: session.progress is not None)
    second = LiveRun(tmp_path)
    first.train_epoch(0.5)
    watching.until_step(STEPS)
    watching.store.rename(first.recorder.run_id, "yours")
    first.train_epoch(0.5)
    watching.until_step(2 * STEPS)
    assert watching.progress.name == "yours"
    assert "The next one" not in watching.told()
    watching.session.show_stored(second.recorder.run_id)
    second.train_epoch(0.5)
    watching.until_step(STEPS)
    assert watching.progress.name == "run 2"
    for live in (first, second):
        live.close()
    watching.session.close()


def test_an_empty_home_is_waited_for(watching: Watching, tmp_path: Path) -> None:
    watching.session.tick()
    assert watching.session.state is State.IDLE
    assert f"There is no run in {tmp_path} yet." in watching.told()
    live = LiveRun(tmp_path)
    watching.until(lambda session: session.state is State.RUNNING)
    live.close()


def test_nothing_is_trained_here(watching: Watching, tmp_path: Path) -> None:
    live = LiveRun(tmp_path)
    watching.until(lambda session: session.state is State.RUNNING)
    session = watching.session
    assert session.refusal == WATCHES
    with pytest.raises(StoreError, match="only watches"):
        session.resume_stored(live.recorder.run_id)
    session.one_more_epoch()
    assert not session.train_batches(5)
    assert session.run is None
    live.close()


def test_a_run_on_other_data_waits_for_them(tmp_path: Path) -> None:
    other = digits(name="other")
    live = LiveRun(tmp_path)
    loaders = [loaded(Dataset("x", other.test, other.test, other.class_names, other.class_labels))]
    watching = Watching(tmp_path, "", *loaders)
    watching.until(lambda session: session.follow_problem)
    problem = watching.session.follow_problem
    assert "run 1 cannot be shown: it trains on scripted, from scripted" in problem
    assert "Other data are there now." in problem
    assert watching.session.progress is None
    live.close()
    watching.session.close()


def test_data_that_cannot_be_had_are_a_sentence(tmp_path: Path) -> None:
    live = LiveRun(tmp_path)
    failed = ScriptedLoader(DatasetFailed("The folder is gone.", "traceback"))
    watching = Watching(tmp_path, "", failed)
    watching.until(lambda session: session.follow_problem)
    assert "which cannot be had. The folder is gone." in watching.session.follow_problem
    live.train_epoch(0.5)
    for _ in range(20):
        watching.session.tick()
    assert watching.asked == ["scripted"], "it is asked for once"
    live.close()
    watching.session.close()


def test_a_run_goes_on_below_a_recording(watching: Watching, tmp_path: Path) -> None:
    live = LiveRun(tmp_path)
    watching.until(lambda session: session.state is State.RUNNING)
    put_recording(tmp_path, "theirs", [points({"loss": [1.0, 0.5]})], started=time.time() + 5)
    watch = watching.session.watch
    assert watch is not None
    watching.until(lambda _: watch.record is not None and watch.record.name == "theirs")
    live.train_epoch(0.5)
    live.end()
    watching.until(lambda session: session.state is State.COMPLETED)
    assert watching.progress.name == "run 1"
    assert "theirs has ended." in watching.told()


def test_a_run_that_is_gone_is_said(tmp_path: Path) -> None:
    live = LiveRun(tmp_path, "mine")
    live.close()
    watching = Watching(tmp_path, "mine")
    watching.until(lambda session: session.progress is not None)
    watching.store.deleter.delete([live.recorder.run_id])
    watching.until(lambda session: session.follow_problem)
    assert "There is no run" in watching.session.follow_problem
    watching.store.deleter.restore([live.recorder.run_id])
    watching.until(lambda session: not session.follow_problem)
    watching.session.close()


def test_a_live_run_that_is_opened_moves_too(laboratory: Laboratory, tmp_path: Path) -> None:
    """In an app that trains: it is read on until something is trained here."""
    session = laboratory.session
    live = LiveRun(tmp_path / "home")
    live.train_epoch(0.5)
    laboratory.tick_until(lambda _: laboratory.store.runs()[0].epoch == 1)
    session.show_stored(live.recorder.run_id)
    assert session.state is State.RUNNING
    assert (session.can_continue, session.resumable, session.refusal) == (False, "", "")
    live.train_epoch(0.6)
    laboratory.tick_until(lambda _: laboratory.step() == 2 * STEPS)
    session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    assert session.ghost is not None
    assert session.ghost.run_id == live.recorder.run_id
    live.train_epoch(0.7)
    live.close()
    session.tick()
    assert session.state.value == "completed"
    assert [run.state for run in laboratory.store.runs()] == [
        RunState.COMPLETED,
        RunState.INTERRUPTED,
    ]
