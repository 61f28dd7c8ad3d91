"""A copy of a run: whole, or not there at all."""

import errno
from pathlib import Path

import pytest

from helpers.live_run import Live
from helpers.recorded_runs import assert_stored, record, wait_until
from helpers.stored_runs import check_integrity
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunStore, StoreError
from mnist_core.store import checkpoints as checkpoints_module
from mnist_core.store.files import write_whole

pytestmark = pytest.mark.usefixtures("uncompiled")


def test_a_copy_has_all_that_the_run_has(
    store: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    run_id = record(store, tiny, events)
    copy_id = store.copy(run_id, "Of run 1.")
    assert [run.name for run in store.runs()] == ["run 2", "run 1"]
    assert_stored(store, copy_id, events)
    store.deleter.delete([run_id])
    store.deleter.purge([run_id])
    assert_stored(store, copy_id, events)
    assert check_integrity(store.home) == "ok"


@pytest.mark.parametrize("written", [0, 1])
def test_of_a_copy_that_finds_no_room_nothing_is_left(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch,
    written: int,
) -> None:  # fmt: skip
    run_id = record(store, tiny, events)
    left = [written]

    def full(path: Path, content: bytes) -> None:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        left[0] -= 1
        write_whole(path, content)

    monkeypatch.setattr(checkpoints_module, "write_whole", full)
    with pytest.raises(StoreError, match="run 1 could not be copied: No space left on device"):
        store.copy(run_id, "")
    assert [run.id for run in store.runs()] == [run_id]
    assert [folder.name for folder in (store.home / "checkpoints").iterdir()] == [run_id]
    assert_stored(store, run_id, events)


def test_what_a_kill_leaves_of_a_copy_goes_at_the_next_start(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = record(store, tiny, events)

    class Killed(BaseException):
        pass

    def killed(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[:100])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints_module, "write_whole", killed)
        with pytest.raises(Killed):
            store.copy(run_id, "")
    assert [run.id for run in store.runs()] == [run_id]
    assert len(list((store.home / "checkpoints").iterdir())) == 2
    store.close()
    later = RunStore(store.home)
    later.tidy()
    assert [folder.name for folder in (later.home / "checkpoints").iterdir()] == [run_id]
    assert_stored(later, run_id, events)
    later.close()


def test_a_run_that_is_being_trained_is_not_copied(store: RunStore, live: Live) -> None:
    live.train_to(6)
    wait_until(lambda: bool(store.runs()))
    with pytest.raises(StoreError, match="is being trained"):
        store.copy(live.run_id, "")
    assert len(store.runs()) == 1
    live.train_to_the_end()
