"""`mnist_core.record`: what a loop logs is in the store, whatever happens to the loop."""

import gc
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import mnist_core
from helpers.python_process import run_python
from helpers.recorded_runs import wait_until
from helpers.stored_runs import check_integrity
from mnist_core.recording import point_buffers, recording_thread
from mnist_core.recording.recording_thread import RecordingWarning
from mnist_core.store import RunState, RunStore, curves_of, database
from mnist_core.store.database import FILE
from mnist_core.store.recordings import RecordedCurve

pytestmark = pytest.mark.filterwarnings(
    "error::mnist_core.recording.recording_thread.RecordingWarning"
)


def curves(home: Path, recording_id: str) -> dict[str, RecordedCurve]:
    with closing(RunStore(home)) as store:
        return curves_of(store.recordings.points(recording_id))


def state(home: Path, recording_id: str) -> RunState:
    with closing(RunStore(home)) as store:
        return store.recordings.get(recording_id).state


def test_what_is_logged_is_there_as_it_was(tmp_path: Path) -> None:
    run = mnist_core.record("conv", config={"lr": 0.1, "sizes": (3, 5)}, home=tmp_path)
    with closing(RunStore(tmp_path)) as store:
        begun = store.recordings.get(run.id)
        assert (begun.state, begun.rows) == (RunState.RUNNING, 0)
        for step in range(1000):
            run.log({"train/loss": 1 / (step + 1), "train/accuracy": step / 1000}, step=step)
        run.log({"odd": math.nan}, step=7)
        run.log({"odd": -math.inf}, step=5)
        run.log({"odd": 1e300})
        run.finish()
        record = store.recordings.get(run.id)
    assert (record.name, record.state) == ("conv", RunState.COMPLETED)
    assert record.config == {"lr": 0.1, "sizes": [3, 5]}
    assert (record.step, record.rows, record.metrics) == (999, 1003, 3)
    found = curves(tmp_path, run.id)
    np.testing.assert_array_equal(found["train/loss"].steps, np.arange(1000))
    expected = (1 / np.arange(1, 1001)).astype(np.float32)
    np.testing.assert_array_equal(found["train/loss"].values, expected)
    # In the order of steps; without one, it is the step after the last.
    np.testing.assert_array_equal(found["odd"].steps, [5, 6, 7])
    np.testing.assert_array_equal(found["odd"].values, [-np.inf, np.inf, np.nan])
    assert (np.diff(found["train/loss"].seconds) >= 0).all()


@pytest.mark.parametrize(
    "value", ["0.3", b"1", None, [1.0], {"a": 1}, np.zeros(2), 1j, Path()], ids=repr
)
def test_what_is_no_number_is_refused_whole(tmp_path: Path, value: object) -> None:
    with mnist_core.record(home=tmp_path) as run:
        with pytest.raises(TypeError, match=r"^train/loss is .*, which is no number\."):
            run.log({"other": 1.0, "train/loss": value})
        for step in ("1", 1.5, np.float64(2)):
            with pytest.raises(TypeError, match="step takes an integer"):
                run.log({"other": 1.0}, step=step)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="too large"):
            run.log({"other": 1.0}, step=1 << 60)
        with pytest.raises(TypeError, match="name of a metric is text"):
            run.log({3: 1.0})  # type: ignore[dict-item]
    assert curves(tmp_path, run.id) == {}


def test_numbers_of_every_kind_are_taken(tmp_path: Path) -> None:
    mx = pytest.importorskip("mnist_core.backend.mlx").mx
    values = {
        "int": 3, "bool": True, "huge": 10**400, "numpy": np.float32(0.5), "zero": np.array(2.0),
        "one": np.array([4]), "lazy": mx.array([1.0, 2.0]).sum(),
    }  # fmt: skip
    with mnist_core.record(home=tmp_path) as run:
        run.log(values, step=np.int64(3))
    found = curves(tmp_path, run.id)
    assert {name: float(curve.values[0]) for name, curve in found.items()} == {
        "int": 3, "bool": 1, "huge": math.inf, "numpy": 0.5, "zero": 2, "one": 4, "lazy": 3,
    }  # fmt: skip
    assert found["int"].steps.tolist() == [3]


def test_any_thread_may_log(tmp_path: Path) -> None:
    run = mnist_core.record(home=tmp_path)

    def loop(number: int) -> None:
        for step in range(2000):
            run.log({"shared": step, f"own/{number}": number}, step=step)
            run.log({"alone": number})

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    found = curves(tmp_path, run.id)
    np.testing.assert_array_equal(found["shared"].values, np.repeat(np.arange(2000), 4))
    for number in range(4):
        np.testing.assert_array_equal(found[f"own/{number}"].values, [number] * 2000)
        assert (found["alone"].values == number).sum() == 2000


def test_logging_leaves_nothing_for_the_garbage_collector(tmp_path: Path) -> None:
    with mnist_core.record(home=tmp_path) as run:
        run.log({"loss": 1.0})
        before = len(gc.get_objects())
        for step in range(5000):
            run.log({"loss": 1.0}, step=step)
        assert len(gc.get_objects()) - before < 500


def test_an_exception_ends_it_as_failed_and_passes_on(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), mnist_core.record(home=tmp_path) as run:
        raise ZeroDivisionError("division by zero")
    with closing(RunStore(tmp_path)) as store:
        record = store.recordings.get(run.id)
        assert (record.state, record.failure) == (
            RunState.FAILED, "ZeroDivisionError: division by zero",
        )  # fmt: skip
        with pytest.raises(KeyboardInterrupt), mnist_core.record(home=tmp_path) as run:
            raise KeyboardInterrupt
        assert store.recordings.get(run.id).state is RunState.STOPPED


def test_after_its_end_it_takes_no_more(tmp_path: Path) -> None:
    run = mnist_core.record(home=tmp_path)
    run.finish()
    run.finish()
    with pytest.raises(RuntimeError, match="has been finished"):
        run.image("digit", np.zeros((2, 2)))
    with pytest.raises(RuntimeError, match="has been finished"):
        run.predictions([0], [[1.0]])
    with pytest.raises(RuntimeError, match="has been finished"):
        run.log({"loss": 1.0})
    assert state(tmp_path, run.id) is RunState.COMPLETED
    assert not list((tmp_path / "locks").glob("*.lock"))


def test_a_forked_process_is_told_that_it_logs_nowhere(tmp_path: Path) -> None:
    code = (
        "import os, sys, mnist_core\n"
        "run = mnist_core.record(home=sys.argv[1])\n"
        "if os.fork() == 0:\n"
        "    run.log({'child': 1.0})\n"
        "    run.finish()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "run.log({'parent': 1.0})\n"
        "run.finish()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert "what a forked one logs is not kept" in ended.stderr
    record = RunStore(tmp_path).newest()
    assert record is not None
    assert record.state is RunState.COMPLETED
    assert record.step == 0


def test_pictures_and_predictions(tmp_path: Path) -> None:
    with mnist_core.record(home=tmp_path) as run:
        run.log({"loss": 1.0}, step=9)
        run.image("grey", np.array([[0.0, 0.5], [1.0, np.nan]]))
        run.image("grey", np.full((2, 3, 1), 7, np.uint8), step=4)
        run.image("colour", np.full((1, 1, 3), 300), step=1)
        run.predictions(np.array([0, 1]), np.array([[0.9, 0.1], [0.5, 0.5]]), step=3)
        run.predictions([1, 0], [[0.25, 0.75], [1.0, 0.0]])
        with pytest.raises(ValueError, match="shape"):
            run.image("flat", np.zeros(3))
        with pytest.raises(TypeError, match="numbers"):
            run.image("text", np.array([["a"]]))
        with pytest.raises(ValueError, match="shape"):
            run.predictions([0], [[0.5, 0.5], [0.5, 0.5]])
        with pytest.raises(ValueError, match="go from 0 to 2"):
            run.predictions([0, 2], [[0.5, 0.5], [0.5, 0.5]])
        with pytest.raises(TypeError, match="integers"):
            run.predictions([0.5], [[0.5, 0.5]])
    with closing(RunStore(tmp_path)) as store:
        images = store.recordings.images(run.id)
        predictions = store.recordings.predictions(run.id)
    assert [(image.name, image.step) for image in images] == [
        ("colour", 1), ("grey", 4), ("grey", 9),
    ]  # fmt: skip
    assert images[0].pixels.tolist() == [[[255, 255, 255]]]
    assert images[2].pixels.tolist() == [[0, 128], [255, 0]]
    assert predictions is not None
    assert (predictions.step, predictions.labels.tolist()) == (9, [1, 0])
    assert predictions.probabilities.tolist() == [[0.25, 0.75], [1, 0]]


def test_the_engine_stays_light_and_recording_needs_no_mlx(tmp_path: Path) -> None:
    loaded = run_python(
        "import sys, mnist_core\n"
        "print('numpy' in sys.modules)\n"
        "run = mnist_core.record('light')\n"
        "run.log({'loss': 1.0})\n"
        "print([name for name in ('mlx', 'textual', 'rich', 'cyclopts') if name in sys.modules])\n"
        "raise SystemExit(0)",
        MNIST_TUI_HOME=tmp_path,
    )
    assert loaded == ["False", "[]"]
    with closing(RunStore(tmp_path)) as store:
        # The end of the program is its end too.
        (record,) = store.recordings.all()
        assert (record.name, record.rows, record.state) == ("light", 1, RunState.COMPLETED)


_ENDLESS = (
    "import mnist_core, sys\n"
    "run = mnist_core.record('endless')\n"
    "step = 0\n"
    "while True:\n"
    "    run.log({'loss': step}, step=step)\n"
    "    step += 1\n"
)


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", _ENDLESS], env={**os.environ, "MNIST_TUI_HOME": str(tmp_path)}
        ) as process,
        closing(RunStore(tmp_path)) as store,
    ):
        wait_until(lambda: any(record.writes > 2 for record in store.recordings.all()))
        (record,) = store.recordings.all()
        assert record.state is RunState.RUNNING
        process.send_signal(signal.SIGKILL)
        process.wait()
        changes = store.changes()
        (killed,) = store.recordings.all()
        assert killed.state is RunState.INTERRUPTED
        assert store.changes() == changes
        (points,) = store.recordings.points(killed.id)
        assert len(points.rows) == killed.rows >= record.rows > 0
        np.testing.assert_array_equal(points.rows["step"], np.arange(killed.rows))
    assert check_integrity(tmp_path) == "ok"


# -- where nothing can be written ------------------------------------------------------------------


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_thread, "FINISH_PATIENCE", 0.0)


@pytest.mark.usefixtures("_impatient")
def test_training_goes_on_where_there_is_no_home(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.touch()
    with pytest.warns(RecordingWarning) as told:  # noqa: PT031
        run = mnist_core.record("conv", home=home)
        for _ in range(10):
            run.log({"loss": 1.0})
        run.finish()
    (only,) = told
    assert str(only.message).startswith(f"Recording conv is not being kept. The folder {home}")
    assert only.filename == __file__
    assert "cannot be made" in run.problem


@pytest.mark.usefixtures("_impatient")
def test_a_warning_that_is_an_error_does_not_reach_training(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = mnist_core.record(home=home)
        run.log({"loss": 1.0})
        run.finish()
    assert run.problem


def test_a_busy_database_delays_no_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(RunStore(tmp_path)) as store:
        store.runs()
    run = mnist_core.record(home=tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for step in range(1000):
            run.log({"loss": step}, step=step)
        time.sleep(0)
        other.execute("ROLLBACK")
    run.finish()
    assert run.problem == ""
    assert len(curves(tmp_path, run.id)["loss"].steps) == 1000


class FullDisk:
    """Fails to write while it is `full`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.failed = 0
        whole = database.transaction

        def transaction(connection: sqlite3.Connection) -> object:
            if self.full:
                self.failed += 1
                raise sqlite3.OperationalError("database or disk is full")
            return whole(connection)

        monkeypatch.setattr(recording_thread, "transaction", transaction)
        monkeypatch.setattr(recording_thread, "RETRY_INTERVAL", 0.05)
        monkeypatch.setattr(recording_thread, "WRITE_INTERVAL", 0.02)


@pytest.mark.filterwarnings("always::mnist_core.recording.recording_thread.RecordingWarning")
def test_a_disk_that_is_full_for_a_while_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    disk = FullDisk(monkeypatch)
    run = mnist_core.record(home=tmp_path)
    run.log({"loss": 0}, step=0)
    wait_until(lambda: curves(tmp_path, run.id) != {})
    disk.full = True
    for step in range(1, 100):
        run.log({"loss": step}, step=step)
    wait_until(lambda: disk.failed > 2)
    assert "disk is full" in run.problem
    disk.full = False
    wait_until(lambda: run.problem == "")
    run.finish()
    np.testing.assert_array_equal(curves(tmp_path, run.id)["loss"].values, np.arange(100))
    assert len(recwarn.list) == 1


@pytest.mark.filterwarnings("ignore::mnist_core.recording.recording_thread.RecordingWarning")
def test_what_is_too_much_to_hold_is_counted_in_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(point_buffers, "MOST_WAITING", 300)
    disk = FullDisk(monkeypatch)
    disk.full = True
    run = mnist_core.record(home=tmp_path)
    for step in range(150):
        run.log({"loss": step}, step=step)
    disk.full = False
    run.finish()
    assert len(curves(tmp_path, run.id)["loss"].steps) == 101
    with closing(RunStore(tmp_path)) as store:
        assert store.recordings.get(run.id).lost.startswith("49 rows came while nothing")


@pytest.mark.filterwarnings("ignore::mnist_core.recording.recording_thread.RecordingWarning")
def test_one_that_is_deleted_is_kept_no_longer(tmp_path: Path) -> None:
    run = mnist_core.record(home=tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("DELETE FROM recordings")
    run.log({"loss": 1.0})
    wait_until(lambda: "deleted" in run.problem)
    run.log({"loss": 2.0})
    run.finish()
    with closing(RunStore(tmp_path)) as store:
        assert store.recordings.all() == []


@pytest.mark.usefixtures("no_more_threads")
def test_training_goes_on_where_no_thread_can_record(tmp_path: Path) -> None:
    with pytest.warns(RecordingWarning, match="starts no more threads"):
        run = mnist_core.record("conv", home=tmp_path)
    run.log({"loss": 1.0})
    run.finish()
    assert "starts no more threads" in run.problem
