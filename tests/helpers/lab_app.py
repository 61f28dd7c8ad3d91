"""An app without its screens: a session that trains with MLX, on a home that others use too."""

import threading
from pathlib import Path
from typing import ClassVar

import pytest

from helpers.full_disk import FullDisk
from helpers.scripted import ScriptedLoader
from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import DatasetLoaded
from mnist_core.store import RunState, RunStore, StoreError
from mnist_core.store import recorder as recorder_module
from mnist_core.training.training_run import mlx_runs
from mnist_core.training.training_thread import TrainingThread, mlx_thread
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State


def write_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have recorders write as soon as there is anything, and not try for long."""
    monkeypatch.setattr(recorder_module, "WRITE_INTERVAL", 0.002)
    monkeypatch.setattr(recorder_module, "RETRY_INTERVAL", 0.002)
    monkeypatch.setattr(recorder_module, "FINISH_PATIENCE", 0.01)
    monkeypatch.setattr(recorder_module, "_FINISH_RETRY", 0.005)


class LabApp:
    """One app; `settle` after whatever it was told to do."""

    free_threads: ClassVar[list[TrainingThread]] = []
    """Of apps that are closed: each thread leaves some of MLX behind, and takes long to begin."""

    @classmethod
    def close_threads(cls) -> None:
        """End those of the apps that are closed."""
        while cls.free_threads:
            cls.free_threads.pop().close()

    def __init__(self, home: Path, dataset: Dataset, disk: FullDisk | None = None) -> None:
        self.store = RunStore(home)
        self._disk = disk
        backend = configure("cpu", 1)
        self._training = self.free_threads.pop() if self.free_threads else mlx_thread()
        self.session = Session(
            mlx_runs(backend, self._training),
            DataSource(lambda: ScriptedLoader(DatasetLoaded(dataset, None))),
            lambda text: text,
            self.store,
        )
        self.session.data.load()
        self.session.look_for_interrupted()
        self.session.tick()

    def settle(self) -> None:
        """Let it go on until its run has ended or waits, and is stored as far as it can be."""
        session, pause = self.session, threading.Event()
        refused = None
        for _ in range(100_000):
            session.tick()
            if session.run is None and not session.queue.waiting:
                return
            run = session.run
            # One that was told to go on is paused until its thread has woken up.
            waits = run is not None and run._request.name == "PAUSE"
            if waits and session.state is State.PAUSED:
                session.tick()
                # The second refusal is of a try that began when all had been told.
                refused = self._refused if refused is None else refused
                if self._refused >= refused + 2 or self._is_stored():
                    return
            pause.wait(0.001)
        pytest.fail(f"still {session.state}")

    @property
    def _refused(self) -> int:
        """How often the disk was too full for something of this run."""
        recorder = self.session._recorder
        return 0 if self._disk is None or recorder is None else self._disk.refused[recorder.run_id]

    def _is_stored(self) -> bool:
        recorder, progress = self.session._recorder, self.session.progress
        if recorder is None or recorder._gone:
            return True
        if recorder._pending.has_rows or recorder._pending._states:
            return False  # Its checkpoint comes after the rows.
        assert progress is not None
        try:
            record = self.store.run(progress.run_id)
        except StoreError:
            return False  # It has begun, but its first row has not been written.
        if record.owner != recorder.owner:
            return False  # These are the rows of before it went on, which may look the same.
        at = record.step, record.epoch
        return record.state is RunState.PAUSED and at == (progress.step, progress._epochs_done)

    def end(self) -> None:
        self.session.stop()
        self.settle()

    def vanish(self) -> None:
        """Be gone as after kill -9: what has not been written never is."""
        recorder = self.session._recorder
        if recorder is not None:
            idle = threading.Event()

            def write_nothing() -> bool:
                idle.set()
                return True

            recorder._try_to_write = write_nothing  # type: ignore[method-assign]
            # A write that has begun would take in the end of the run.
            while recorder._thread.is_alive() and not idle.wait(0.001):
                pass
        self.end()
        self.close()

    def close(self) -> None:
        self.session.close()
        self.free_threads.append(self._training)
