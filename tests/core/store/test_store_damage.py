"""A damaged or read-only database: set aside, never deleted; what can be read is kept."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from helpers.recorded_runs import assert_stored, hyperparameters, leave, record, resume, wait_until
from helpers.stored_runs import check_integrity
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunState, RunStore, StoreError, database
from mnist_core.store import recorder as recorder_module
from mnist_core.store.database import FILE, open_database
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled")

PAGE = 4096


@pytest.fixture
def events(tiny: Dataset) -> list[Event]:
    return list(train(hyperparameters(epochs=2), tiny))


@pytest.fixture
def home(tmp_path: Path, tiny: Dataset, events: list[Event]) -> Path:
    """Six runs, named for their number; the notes of most fill pages of their own."""
    home = tmp_path / "home"
    store = RunStore(home)
    for number in range(6):
        run_id = record(store, tiny, events)
        store.set_note(run_id, f"<{number}>" + "x" * 3000)
    store.close()
    return home


def garble(home: Path, at: int, length: int) -> None:
    with (home / FILE).open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * length)


def header(home: Path) -> None:
    garble(home, 0, 100)


def listing(home: Path) -> None:
    """The pages that hold the rows of the fourth run."""
    content = (home / FILE).read_bytes()
    garble(home, content.index(b"<3>") // PAGE * PAGE, PAGE)


def cut(home: Path) -> None:
    content = (home / FILE).read_bytes()
    (home / FILE).write_bytes(content[: len(content) // 2 // PAGE * PAGE])


def cut_short(home: Path) -> None:
    (home / FILE).write_bytes((home / FILE).read_bytes()[:50])


def empty(home: Path) -> None:
    (home / FILE).write_bytes(b"")


def set_aside(home: Path) -> list[Path]:
    return sorted(home.glob("runs.damaged-*.db"))


@pytest.mark.parametrize("harm", [header, listing, cut, cut_short, empty])
def test_a_damaged_database_is_set_aside_and_a_new_one_made(
    home: Path, tiny: Dataset, events: list[Event], harm: Callable[[Path], None]
) -> None:
    harm(home)
    damaged = (home / FILE).read_bytes()
    store = RunStore(home)
    runs = store.runs()
    (aside,) = set_aside(home)
    assert aside.read_bytes() == damaged
    assert f"{home / FILE} was damaged" in store.notice
    assert aside.name in store.notice
    if harm is listing:
        # Those that can be read come along, whole.
        assert [run.name for run in runs] == ["run 6", "run 5", "run 3", "run 2", "run 1"]
        assert "with 5 of its 6 runs" in store.notice
    for run in runs:
        assert_stored(store, run.id, events)
        labels = store.tested_labels(run)
        assert labels is not None
        np.testing.assert_array_equal(labels.test, tiny.test.labels)
    assert check_integrity(home) == "ok"
    assert_stored(store, record(store, tiny, events), events)
    # Once.
    assert RunStore(home).runs()[1:] == runs
    assert set_aside(home) == [aside]
    assert not (home / "runs.db.new").exists()


@pytest.mark.parametrize(
    "loss",
    ["DROP TABLE labels; DROP TABLE races; DROP TABLE changes; DROP TABLE gradient_norms; "
     "ALTER TABLE runs DROP COLUMN until_epoch; "
     "ALTER TABLE runs DROP COLUMN on_divergence; ALTER TABLE runs DROP COLUMN deleted_by; "
     "DROP TABLE packed_answers; DROP TABLE distributions; "
     "PRAGMA user_version = 1",
     "ALTER TABLE labels RENAME TO old; CREATE TABLE labels (fingerprint, test, class_names, "
     "class_labels); INSERT INTO labels SELECT fingerprint, NULL, '', '' FROM old; DROP TABLE old"],
)  # fmt: skip
def test_runs_are_copied_without_labels_that_cannot_be(home: Path, loss: str) -> None:
    with closing(sqlite3.connect(home / FILE)) as connection:
        connection.executescript(loss)
    listing(home)
    store = RunStore(home)
    runs = store.runs()
    assert len(runs) == 5
    assert [store.labels(run.fingerprint) for run in runs] == [None] * 5
    assert check_integrity(home) == "ok"


def test_a_log_without_its_database_is_set_aside(home: Path) -> None:
    with closing(sqlite3.connect(home / FILE)) as connection, connection:
        connection.execute("UPDATE runs SET note = 'in the log'")
        connection.commit()
        log = (home / f"{FILE}-wal").read_bytes()
    (home / FILE).write_bytes(b"")
    (home / f"{FILE}-wal").write_bytes(log)
    assert b"in the log" in log
    store = RunStore(home)
    assert store.runs() == []
    assert "was damaged" in store.notice
    (aside,) = set_aside(home)
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == log
    store.close()


def test_a_kill_before_the_new_one_is_in_place_loses_it_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing(home)
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "runs.db.new":
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            RunStore(home).runs()
    assert not (home / FILE).exists()
    assert len(RunStore(home).runs()) == 5
    assert len(set_aside(home)) == 1


def test_several_processes_set_a_damaged_database_aside_once(home: Path) -> None:
    listing(home)
    code = (
        "import sys; from pathlib import Path; from mnist_core.store import RunStore\n"
        "sys.stdin.readline(); s = RunStore(Path(sys.argv[1])); print(len(s.runs()), s.notice)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(home)], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [line.split()[0] for line in said] == ["5", "5", "5"]
    assert sum("was damaged" in line for line in said) == 1
    assert len(set_aside(home)) == 1


def root_page(home: Path, table: str) -> int:
    with closing(sqlite3.connect(home / FILE)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
    return int(page)


def test_damage_that_shows_later_is_a_sentence_and_overwrites_nothing(
    home: Path, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FINISH_PATIENCE", 0.1)
    garble(home, (root_page(home, "batches") - 1) * PAGE, PAGE)
    store = RunStore(home)
    runs = store.runs()
    assert len(runs) == 6
    with pytest.raises(StoreError, match=r"the database is damaged .*start it again"):
        store.batches(runs[0].id)
    # Of earlier runs, what is sound stays readable.
    assert len(store.epochs(runs[0].id)) == 3
    assert store.model(runs[0].id).epoch == 2
    recorder = store.record(tiny, "tiny")
    recorder.start()
    for event in events:
        recorder.record(event)
    recorder.finish()
    assert "is lost: database disk image is malformed" in recorder.problem
    assert set_aside(home) == []
    store.close()
    # Whoever opens it next looks at every page. No run is whole without its batches; the last one
    # was announced, and has none.
    store = RunStore(home)
    assert [(run.name, run.step) for run in store.runs()] == [("run 7", 0)]
    assert "was damaged" in store.notice
    assert "with 1 of its 7 runs" in store.notice
    (aside,) = set_aside(home)
    assert aside.read_bytes().count(b"\xa5" * PAGE) == 1
    assert check_integrity(home) == "ok"
    store.close()
    assert RunStore(home).notice == ""


def test_a_live_recorder_says_that_the_database_is_damaged(
    home: Path, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "WRITE_INTERVAL", 0.01)
    monkeypatch.setattr(recorder_module, "FINISH_PATIENCE", 0.1)
    garble(home, (root_page(home, "batches") - 1) * PAGE, PAGE)
    recorder = RunStore(home).record(tiny, "tiny")
    recorder.start()
    for event in events:
        recorder.record(event)
    wait_until(lambda: recorder.problem != "")
    assert "is damaged (database disk image is malformed). End every mnist-tui" in recorder.problem
    recorder.finish()
    assert (home / "runs.db.suspect").exists()


def test_a_suspicion_that_is_wrong_changes_nothing(home: Path) -> None:
    database.mark_suspect(home)
    store = RunStore(home)
    assert len(store.runs()) == 6
    assert store.notice == ""
    assert not (home / "runs.db.suspect").exists()


def test_another_process_notices_that_the_database_was_replaced(home: Path) -> None:
    store = RunStore(home)
    assert len(store.runs()) == 6
    seen = store.changes()
    for end in ("-wal", "-shm"):
        (home / f"{FILE}{end}").unlink(missing_ok=True)
    header(home)
    RunStore(home).runs()
    assert store.changes() != seen
    assert store.runs() == []


# -- read-only -----------------------------------------------------------------------------------


def test_a_home_that_cannot_be_written_can_be_read(
    home: Path, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = RunStore(home).runs()
    files = sorted(home.rglob("*"))
    monkeypatch.setattr(database, "may_write", lambda home, path: False)
    store = RunStore(home)
    assert store.read_only
    assert "cannot be written" in store.notice
    assert store.runs() == before
    for run in before:
        assert_stored(store, run.id, events)
    for change in (
        lambda: store.rename(before[0].id, "x"),
        lambda: store.deleter.delete([before[0].id]),
        lambda: store.deleter.restore([before[0].id]),
        lambda: store.record(tiny, "tiny"),
        lambda: store.record_again(store.resume_point(before[0].id), tiny, "tiny"),
    ):
        with pytest.raises(StoreError, match="cannot be written"):
            change()
    store.deleter.purge([before[0].id])
    assert store.runs() == before
    store.close()
    monkeypatch.undo()
    assert sorted(home.rglob("*")) == files


def test_a_read_only_home_without_runs_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "may_write", lambda home, path: False)
    store = RunStore(tmp_path)
    assert store.runs() == []
    assert store.read_only
    assert list(tmp_path.iterdir()) == []


def test_an_older_database_is_read_without_being_changed(
    home: Path, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (home / FILE).read_bytes()
    from mnist_core.store import schema

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE more (x);"))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    monkeypatch.setattr(database, "VERSION", schema.VERSION)
    monkeypatch.setattr(database, "may_write", lambda home, path: False)
    store = RunStore(home)
    for run in store.runs():
        assert_stored(store, run.id, events)
    assert len(store.runs()) == 6
    assert (home / FILE).read_bytes() == content


def test_a_database_without_its_log_is_read_as_immutable(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy #1"
    shutil.copytree(home, copy)
    connect = sqlite3.connect

    def without_side_files(place: str, **options: object) -> sqlite3.Connection:
        # What SQLite says where it cannot make the files beside a database.
        if "mode=ro" in str(place):
            raise sqlite3.OperationalError("unable to open database file")
        return connect(place, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(database, "may_write", lambda home, path: False)
    monkeypatch.setattr(sqlite3, "connect", without_side_files)
    opened = open_database(copy)
    assert opened.read_only
    assert opened.connection.execute("SELECT count(*) FROM runs").fetchone() == (6,)
    opened.connection.close()
    assert not list(copy.glob("*-wal"))


# -- real file systems ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _own_mounts() -> None:
    """Skip where a process cannot have mounts of its own, which vanish with it."""
    unshare = shutil.which("unshare")
    command = ["--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if (
        unshare is None
        or subprocess.run([unshare, *command], capture_output=True, check=False).returncode
    ):
        pytest.skip("a process cannot mount here")


def run_in_own_mounts(commands: str, *arguments: str) -> str:
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-euc", commands, "sh", *arguments],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("_own_mounts")
def test_a_home_on_a_read_only_file_system_can_be_read(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mnist_core.store import RunStore\n"
        "s = RunStore(Path(sys.argv[1])); runs = s.runs()\n"
        "print(len(runs), len(s.batches(runs[0].id)), s.read_only, {r.state.value for r in runs})"
    )
    said = run_in_own_mounts(
        'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; exec "$2" -c "$3" "$1"',
        str(home), sys.executable, code,
    )  # fmt: skip
    assert said.strip() == "6 10 True {'completed'}"


@pytest.mark.usefixtures("_own_mounts")
def test_a_disk_that_fills_during_a_run_leaves_no_gap(tmp_path: Path, tiny: Dataset) -> None:
    from helpers.store_child import HERE, write_story

    events = list(train(hyperparameters(epochs=8, momentum=0.9), tiny))
    story = write_story(tmp_path / "story", tiny, events)
    order = (
        f'{{"home": "{tmp_path}/disk/home", "story": "{story}", "interval": 0.01, '
        f'"retry": 0.05, "fill_at": 12, "room_at": 33, "copy_to": "{tmp_path}/copy"}}'
    )
    (tmp_path / "disk").mkdir()
    said = run_in_own_mounts(
        'mount -t tmpfs -o size=2m tmpfs "$1/disk"; exec "$2" "$3" "$4"',
        str(tmp_path), sys.executable, str(HERE), order,
    )  # fmt: skip
    problems = [line for line in said.splitlines() if line.startswith("problem")]
    assert len(problems) == 1
    assert "could not be written" in problems[0]
    assert "make room" in problems[0]
    store = RunStore(tmp_path / "copy")
    (run,) = store.runs()
    assert run.state is RunState.COMPLETED
    assert_stored(store, run.id, events)
    assert check_integrity(tmp_path / "copy") == "ok"


@pytest.mark.usefixtures("_own_mounts")
def test_what_is_on_a_full_disk_can_be_looked_at(home: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mnist_core.store import RunStore, StoreError\n"
        "s = RunStore(Path(sys.argv[1])); runs = s.runs(); print(len(runs))\n"
        "try: s.set_note(runs[0].id, 'x' * 100_000)\n"
        "except StoreError as error: print(error)"
    )
    (tmp_path / "disk").mkdir()
    said = run_in_own_mounts(
        'mount -t tmpfs -o size=2m tmpfs "$1"; cp -r "$2/." "$1"; rm -f "$1"/*-wal "$1"/*-shm; '
        'cat /dev/zero > "$1/full" || true; exec "$3" -c "$4" "$1"',
        str(tmp_path / "disk"), str(home), sys.executable, code,
    )  # fmt: skip
    count, problem = said.splitlines()
    assert count == "6"
    assert "cannot be" in problem


def test_an_interrupted_run_is_read_beside_a_damaged_checkpoint(
    tmp_path: Path, tiny: Dataset, events: list[Event]
) -> None:
    run_id = leave(tmp_path, tiny, events[:9])
    for path in (tmp_path / "checkpoints" / run_id).iterdir():
        path.write_bytes(b"")
    store = RunStore(tmp_path)
    assert store.run(run_id).state is RunState.INTERRUPTED
    with pytest.raises(StoreError, match="cannot be used"):
        store.model(run_id)
    assert resume(store, run_id, tiny).problem == ""
    assert_stored(store, run_id, events)
