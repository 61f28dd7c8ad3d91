"""The rules of sweeps in the app, without a screen."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.lab import RACE
from helpers.scripted import ScriptedRuns, loaded
from helpers.scripted_sweep_process import (
    COMMAND,
    ScriptedSweeps,
    begun,
    rest,
    started,
    under_way,
)
from helpers.snapshots import MACHINE
from mnist_core.store import RunStore
from mnist_core.sweep.events import SweepFailed
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.sweeps.sweep_session import RefusedError, SweepSession, SweepStage


@pytest.fixture
def processes() -> ScriptedSweeps:
    return ScriptedSweeps()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    store = RunStore(tmp_path)
    made = Session(ScriptedRuns(), DataSource(loaded), lambda _text: "", store)
    yield made
    made.close()


@pytest.fixture
def sweeps(session: Session, processes: ScriptedSweeps, tmp_path: Path) -> SweepSession:
    return SweepSession(session, RunStore(tmp_path), MACHINE, processes)


@pytest.fixture
def ready(session: Session, sweeps: SweepSession) -> SweepSession:
    """With data."""
    session.data.load()
    session.tick()
    return sweeps


def test_a_sweep_needs_data_but_going_on_with_one_does_not(
    sweeps: SweepSession, processes: ScriptedSweeps, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match="no data"):
        sweeps.start(["--sample", "x"])
    sweeps.resume("one", 7)
    assert processes.latest.words == (
        "--resume", "one", "--trials", "7", "--device", "cpu", "--home", str(tmp_path),
    )  # fmt: skip


def test_a_sweep_goes_from_its_start_to_its_end(
    session: Session, ready: SweepSession, processes: ScriptedSweeps
) -> None:
    stages = [ready.stage]
    ready.start([])
    stages.append(ready.stage)
    processes.latest.tell(*under_way())
    assert ready.tick()
    stages.append(ready.stage)
    assert not ready.tick(), "nothing is new"
    assert ready.study == "sweep-1"
    processes.latest.tell(*rest())
    assert ready.tick()
    stages.append(ready.stage)
    assert stages == [
        SweepStage.IDLE, SweepStage.LOADING, SweepStage.RUNNING, SweepStage.COMPLETED,
    ]  # fmt: skip
    assert ready.command == COMMAND
    assert session.hold is None


def test_one_goes_on_at_a_time_and_none_beside_a_race(
    session: Session, ready: SweepSession, processes: ScriptedSweeps
) -> None:
    session.hold = RACE
    with pytest.raises(RefusedError, match="A race is under way"):
        ready.start([])
    session.hold = None
    ready.start([])
    with pytest.raises(RefusedError, match="A sweep is under way"):
        ready.resume("another")
    assert len(processes.made) == 1


def test_an_app_that_only_reads_starts_none(
    session: Session, processes: ScriptedSweeps, tmp_path: Path
) -> None:
    session.data.load()
    session.tick()
    sweeps = SweepSession(session, RunStore(tmp_path, only_reads=True), MACHINE, processes)
    with pytest.raises(RefusedError, match="with --readonly, keeps none"):
        sweeps.start([])
    with pytest.raises(RefusedError, match="with --readonly, keeps none"):
        sweeps.resume("one", 7)
    assert processes.made == []
    assert "--readonly" in sweeps.obstacle


def test_a_process_that_cannot_be_started_is_a_refusal(
    session: Session, ready: SweepSession, processes: ScriptedSweeps
) -> None:
    processes.fail_with = OSError(12, "Cannot allocate memory")
    with pytest.raises(RefusedError, match="Cannot allocate memory"):
        ready.start([])
    assert not session.hold


@pytest.mark.parametrize("said", ["", "Loading\nThe disk is full."])
def test_a_process_that_dies_leaves_its_last_words(
    session: Session, ready: SweepSession, processes: ScriptedSweeps, said: str
) -> None:
    ready.start([])
    processes.latest.tell(started())
    processes.latest.die(said)
    ready.tick()
    assert ready.stage is SweepStage.FAILED
    assert (said.splitlines() or ["It ended unexpectedly"])[-1] in ready.notice
    assert not session.hold
    ready.start([])
    assert ready.notice == "", "that was of the one before"


def test_a_failure_is_told_as_it_was_said(ready: SweepSession, processes: ScriptedSweeps) -> None:
    ready.start([])
    processes.latest.tell(started(), SweepFailed("3 trials failed in a row."))
    processes.latest.said = "something else"
    ready.tick()
    assert ready.notice == "3 trials failed in a row."


def test_the_trials_of_other_machines_are_known(
    ready: SweepSession, processes: ScriptedSweeps
) -> None:
    ready.start([])
    processes.latest.tell(started(), begun(0), begun(1, "far"))
    ready.tick()
    assert ready.progress is not None
    assert [ready.is_remote(trial) for trial in ready.progress.trials.values()] == [False, True]


def test_closing_ends_what_goes_on(
    session: Session, ready: SweepSession, processes: ScriptedSweeps
) -> None:
    ready.close()
    ready.start([])
    ready.close()
    ready.close()
    assert processes.latest.asked == ["close"]
    assert not session.hold


def test_studies_are_listed_the_latest_first(ready: SweepSession, tmp_path: Path) -> None:
    assert ready.studies() == ()
    folder = tmp_path / "sweeps"
    folder.mkdir()
    for age, name in enumerate(("new", "old")):
        file = folder / f"{name}.journal"
        file.touch()
        os.utime(file, (1000 - age, 1000 - age))
    assert [(each.name, each.changed) for each in ready.studies()] == [("new", 1000), ("old", 999)]
