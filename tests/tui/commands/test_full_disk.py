"""`mnist-tui train` on a disk that is full for a while, or for good."""

import time
from pathlib import Path

import pytest

from helpers.full_disk import Full, FullDisk
from helpers.idx_folder import write_idx_folder
from helpers.lab_app import write_at_once
from mnist_core.events import BatchCompleted, Event
from mnist_core.store import RunState, RunStore
from mnist_tui.cli import run
from mnist_tui.commands.presenters import PlainLines


@pytest.mark.parametrize("again_free", [True, False])
def test_a_full_disk_is_told_at_once_and_what_is_lost_is_a_failure(
    again_free: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_at_once(monkeypatch)
    disk, show, told = FullDisk(monkeypatch), PlainLines.show, list[str]()

    def look(lines: PlainLines, event: Event) -> None:
        show(lines, event)
        if not isinstance(event, BatchCompleted):
            return
        if event.step == 1:
            until = time.monotonic() + 60
            # The second refusal comes after the first has been told of.
            while disk.refused.total() < 2 and time.monotonic() < until:
                time.sleep(0.001)
        elif event.step == 3:
            told.append(capsys.readouterr().err)
            disk.how = None if again_free else disk.how

    monkeypatch.setattr(PlainLines, "show", look)
    disk.how, home = Full.ROWS, tmp_path / "home"
    data = write_idx_folder(tmp_path / "digits")
    flags = ["--data", str(data), "--home", str(home), "--epochs", "1", "--batch-size", "50"]
    code = run(["train", *flags])
    assert "It goes on, and writing is tried again" in told[0]
    later = capsys.readouterr().err
    runs = RunStore(home).runs()
    if again_free:
        assert (code, later) == (0, f"Kept as run 1 ({runs[0].id}).\n")
        assert [each.state for each in runs] == [RunState.COMPLETED]
    else:
        assert code == 1
        assert f"could not be written to {home} and is lost: database or disk is full." in later
        assert "can be resumed" not in later
        assert runs == []
