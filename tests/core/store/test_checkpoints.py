"""Checkpoint files: whole or not at all, checked when read, the last and the best kept."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.recorded_runs import assert_same_state
from mnist_core.events import TrainingState
from mnist_core.store import StoreError
from mnist_core.store import checkpoints as checkpoints_module
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.files import write_whole


def state(epoch: int, batch: int = 0, best_epoch: int = 0, fill: float = 1.0) -> TrainingState:
    return TrainingState(
        parameters=(np.full((3, 2), fill, np.float32), np.arange(2, dtype=np.float32)),
        optimizer_state=(np.full((3, 2), -fill, np.float32), np.array(0.5, np.float32)),
        step=10 * epoch + batch,
        epoch=epoch,
        batch=batch,
        loss_sum=0.1 + 0.2,
        correct=7,
        best_test_accuracy=1 / 3,
        best_validation_accuracy=None,
        best_epoch=best_epoch,
        seconds=1e-17,
        epoch_began=float("inf"),
    )


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints" / "run")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("slots", [1, 2])
def test_an_optimizer_that_remembers_nothing_takes_no_room(
    checkpoints: Checkpoints, tmp_path: Path, slots: int
) -> None:
    parameters = (np.ones((300, 20), np.float32), np.ones(20, np.float32))
    nothing = tuple(np.zeros_like(each) for each in parameters for _ in range(slots))
    something = (*nothing[:-1], np.full_like(nothing[-1], -0.0))
    sizes = []
    for epoch, remembered in enumerate((nothing, something)):
        saved = replace(state(epoch), parameters=parameters, optimizer_state=remembered)
        checkpoints.save(saved)
        last = checkpoints.last().state
        assert last is not None
        assert_same_state(last, saved)
        assert last.optimizer_state is not None
        for left, right in zip(last.optimizer_state, remembered, strict=True):
            assert left.tobytes() == right.tobytes()
        (path,) = tmp_path.rglob(f"epoch-{epoch:06}*.safetensors")
        sizes.append(path.stat().st_size)
    assert sizes[1] - sizes[0] > 0.9 * slots * parameters[0].nbytes


@pytest.mark.parametrize("optimizer_state", ["some", "empty", "none"])
def test_a_state_is_read_back_to_the_bit(checkpoints: Checkpoints, optimizer_state: str) -> None:
    saved = state(2, 3)
    if optimizer_state != "some":
        saved = replace(saved, optimizer_state=() if optimizer_state == "empty" else None)
    # Arrays that lie in memory in another order, and odd numbers, too.
    odd = np.array([[np.nan, -0.0], [np.inf, 1e-45], [3.0, 4.0]], np.float32)
    saved = replace(saved, parameters=(odd.T, odd[::2]))
    checkpoints.save(saved)
    last = checkpoints.last()
    assert last.problem == ""
    assert last.state is not None
    assert_same_state(last.state, saved)
    assert (last.state.seconds, last.state.epoch_began) == (1e-17, float("inf"))
    for left, right in zip(last.state.parameters, saved.parameters, strict=True):
        assert left.tobytes() == right.tobytes()
        assert left.dtype == np.float32
    if optimizer_state == "some":
        assert last.state.optimizer_state is not None
        assert last.state.optimizer_state[1].shape == ()


def test_the_last_and_the_best_are_kept(checkpoints: Checkpoints, tmp_path: Path) -> None:
    for saved in (state(0), state(1, best_epoch=1), state(2, best_epoch=1), state(2, 5, 1),
                  state(3, best_epoch=1)):  # fmt: skip
        checkpoints.save(saved)
    assert len(names(tmp_path)) == 2
    last, best = checkpoints.last().state, checkpoints.epoch(1)
    assert last is not None
    assert best is not None
    assert (last.epoch, best.epoch) == (3, 1)
    assert checkpoints.epoch(2) is None


def test_those_past_a_state_are_cut(checkpoints: Checkpoints, tmp_path: Path) -> None:
    checkpoints.save(state(1, best_epoch=1))
    checkpoints.save(state(2, 5, best_epoch=1))
    checkpoints.cut(state(2))
    assert len(names(tmp_path)) == 1
    assert checkpoints.epoch(1) is not None
    checkpoints.cut(None)
    assert checkpoints.last().state is None
    assert checkpoints.last().problem == ""


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    match how:
        case "half":
            content = content[: len(content) // 2]
        case "empty":
            content.clear()
        case "header":
            content[:40] = b"x" * 40
        case "a bit of an array":
            content[-3] ^= 1
        case "a figure":
            at = content.index(b'\\"correct\\": 7')
            content[at + len(b'\\"correct\\": ')] = ord("8")
        case "another version":
            at = content.index(b'"format":"2"')
            content[at + len(b'"format":"')] = ord("9")
    path.write_bytes(content)


@pytest.mark.parametrize(
    "how", ["half", "empty", "header", "a bit of an array", "a figure", "another version"]
)
def test_a_damaged_one_is_passed_over_with_a_sentence(
    checkpoints: Checkpoints, tmp_path: Path, how: str
) -> None:
    checkpoints.save(state(1, best_epoch=1))
    checkpoints.save(state(2, best_epoch=1))
    older, newest = sorted(tmp_path.rglob("*.safetensors"))
    damage(newest, how)
    last = checkpoints.last()
    assert last.state is not None
    assert last.state.epoch == 1
    assert last.problem.startswith(f"The checkpoint {newest} cannot be used (it ")
    assert checkpoints.epoch(2) is None
    damage(older, how)
    assert checkpoints.last().state is None
    assert checkpoints.last().problem.startswith(f"The checkpoint {newest}")


def test_fields_of_another_version_are_a_sentence_too(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints_module, "_digest", lambda text, arrays: "right")
    checkpoints.save(state(3))
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes().replace(b'\\"correct\\"', b'\\"corrict\\"'))
    last = checkpoints.last()
    assert last.state is None
    assert "was not made by this version" in last.problem


def test_states_ahead_or_not_finite_are_passed_over_when_asked(checkpoints: Checkpoints) -> None:
    checkpoints.save(state(1, best_epoch=1))
    checkpoints.save(state(2, best_epoch=1, fill=float("nan")))
    assert (checkpoints.last().state or state(0)).epoch == 2
    finite = checkpoints.last(finite=True)
    assert (finite.state or state(0)).epoch == 1
    assert "not finite" in finite.problem
    behind = checkpoints.last(up_to_step=19)
    assert (behind.state or state(0)).epoch == 1
    assert "ahead" in behind.problem
    assert checkpoints.last(up_to_step=20).problem == ""


def test_one_that_cannot_be_written_leaves_those_before(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints.save(state(1, best_epoch=1))
    before = names(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(state(2, best_epoch=2))
    assert names(tmp_path) == before
    monkeypatch.undo()
    checkpoints.save(state(2, best_epoch=2))
    assert (checkpoints.last().state or state(0)).epoch == 2


def test_what_a_kill_left_half_written_goes_with_the_next(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    checkpoints.save(state(1))
    folder = tmp_path / "checkpoints" / "run"
    (folder / ".epoch-000002-batch-00000000.safetensors.abc.part").write_bytes(b"half")
    assert (checkpoints.last().state or state(0)).epoch == 1
    checkpoints.save(state(2))
    assert len(names(folder)) == 1


def test_a_file_is_synced_before_it_gets_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace_ = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        done.append("rename")
        return replace_(self, target)

    (tmp_path / "x").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_whole(tmp_path / "x", b"new")
    assert done == ["file", "rename", "folder"]
    assert (tmp_path / "x").read_bytes() == b"new"
    done.clear()
    write_whole(tmp_path / "a" / "b" / "x", b"new")
    assert done == ["folder", "folder", "file", "rename", "folder"]


def test_the_epochs_that_are_kept_are_known(checkpoints: Checkpoints, tmp_path: Path) -> None:
    assert checkpoints.epochs() == []
    checkpoints.save(state(1, best_epoch=1))
    checkpoints.save(state(3, best_epoch=1))
    assert checkpoints.epochs() == [1, 3]
    checkpoints.save(state(3, 2, best_epoch=1))
    assert checkpoints.epochs() == [1]
    (tmp_path / "checkpoints" / "run" / "epoch-by-hand.safetensors").touch()
    assert checkpoints.epochs() == [1]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'{\\"step\\": 30', b'[\\"step\\", 30'),
        (b'\\"step\\": 30', b'\\"step\\": 3.'),
        (b'\\"best_epoch\\": 0', b'\\"best_epoch\\": []'),
        (b'\\"correct\\": 7', b'\\"zeros\\": 1e9'),
        (b'\\"guard\\": null', b'\\"guard\\": [[1]]'),
        (b'\\"loss_sum\\": 0.30000000000000004', b'\\"loss_sum\\": 1' + b"0" * 400),
    ],
)
def test_values_of_another_type_are_a_sentence_though_the_checksum_is_right(
    checkpoints: Checkpoints,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    was: bytes,
    becomes: bytes,
) -> None:
    monkeypatch.setattr(checkpoints_module, "_digest", lambda text, arrays: "right")
    checkpoints.save(state(3))
    (path,) = tmp_path.rglob("*.safetensors")
    content = path.read_bytes()
    assert was in content
    size = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + size].replace(was, becomes)
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + size :])
    last = checkpoints.last()
    assert last.state is None
    assert str(path) in last.problem


def test_no_id_leads_out_of_the_folder(tmp_path: Path) -> None:
    for run_id in ("../x", "", "a/b", "..", "x" * 65, "a\0"):
        with pytest.raises(StoreError, match="in the place of an id"):
            Checkpoints.of(tmp_path, run_id)
