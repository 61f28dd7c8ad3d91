"""A disk that takes no more, at each write in turn: for a while or for good."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from helpers.faulty_system import Fault, FaultySystem
from helpers.training_process import COMMAND, TrainingProcess, count_calls, four_at_a_time, losses
from mnist_core.data.dataset import Dataset
from mnist_core.store import RunState, RunStore

Repeats = Callable[[int, int], int]
Tally = Callable[..., None]


def problems(process: TrainingProcess, dataset: Dataset | None = None) -> list[str]:
    """What is lost that was not told to be, after `process` has ended by itself."""
    code = process.end()
    lost = losses(process, dataset=dataset)
    store = RunStore(process.home)
    kept = [run.state for run in store.runs()]
    store.close()
    said = process.complaints()
    if code not in (0, 1):
        lost.append(f"exit code {code}: {said}")
    elif kept != [RunState.COMPLETED] and not process.told_of_loss():
        lost.append(f"{kept} with exit code {code}, and it said only: {said}")
    elif "is lost" in said and code != 1:
        lost.append(f"exit code {code}, and a loss is a failure: {said}")
    return lost


@pytest.mark.parametrize(
    ("fault", "calls_long"),
    [
        pytest.param(Fault.FULL, None, marks=pytest.mark.soak),
        (Fault.FULL, 3),
        pytest.param(Fault.QUOTA, None, marks=pytest.mark.soak),
        pytest.param(Fault.BROKEN, 1, marks=pytest.mark.soak),
        pytest.param(Fault.READ_ONLY, None, marks=pytest.mark.soak),
    ],
)
def test_refused_at_each_write(
    fault: Fault,
    calls_long: int | None,
    digits: Path,
    dataset: Dataset,
    faulty: FaultySystem,
    tmp_path: Path,
    repeats: Repeats,
    tally: Tally,
) -> None:
    """From the n-th write on, for every n; for good, or for so many calls."""
    lost = list[str]()
    calls = count_calls(digits, tmp_path, faulty) if repeats(0, 1) else 120
    # One that is for good costs the seconds in which the last write is tried again.
    chosen = range(1, calls + 1, 1 if calls_long else 3) if repeats(0, 1) else [90]

    def start(call: int) -> TrainingProcess:
        home = tmp_path / str(call)
        last = None if calls_long is None else call + calls_long - 1
        env = faulty.files(home, fault, call, last)
        return TrainingProcess(digits, home, "--epochs=2", env=env)

    for call, process in four_at_a_time(chosen, start):
        lost += [f"{call}: {each}" for each in problems(process, dataset)]
    assert lost == []
    long = "for good" if calls_long is None else "for a while"
    tally(f"writes that are refused {long} ({fault})", len(chosen), len(lost))


@pytest.mark.soak
def test_a_limit_on_the_size_of_files(
    digits: Path, dataset: Dataset, tmp_path: Path, tally: Tally
) -> None:
    lost, limits = list[str](), [1, 8, 32, 64, 128, 256, 1024]
    for kilobytes in limits:
        limited = ["bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "-", *COMMAND]
        home = tmp_path / str(kilobytes)
        with TrainingProcess(digits, home, "--epochs=2", command=limited) as process:
            lost += [f"{kilobytes} KiB: {each}" for each in problems(process, dataset)]
    assert lost == []
    tally("limits on the size of files", len(limits), len(lost))


@pytest.mark.soak
def test_a_file_system_of_its_own_that_is_full(
    digits: Path, dataset: Dataset, tmp_path: Path, tally: Tally
) -> None:
    alone = in_a_namespace()
    lost, sizes = list[str](), [16, 64, 128, 200, 256, 300, 400, 600, 1200]
    for kilobytes in sizes:
        home, disk = tmp_path / str(kilobytes), tmp_path / f"disk {kilobytes}"
        disk.mkdir()
        # It is gone with the namespace, so what is on it is copied out.
        script = (
            f'mount -t tmpfs -o size={kilobytes}k none "{disk}" && mkdir "{disk}/home" '
            f'&& "$@" --home="{disk}/home"; code=$?; cp -a "{disk}/home" "{home}"; exit $code'
        )
        command = [*alone, "bash", "-c", script, "-", *COMMAND]
        with TrainingProcess(digits, home, "--epochs=30", command=command) as process:
            lost += [f"{kilobytes} KiB: {each}" for each in problems(process, dataset)]
    assert lost == []
    tally("file systems that are full", len(sizes), len(lost))


@pytest.mark.soak
@pytest.mark.parametrize("again_writable", [True, False])
def test_a_folder_that_becomes_read_only(
    again_writable: bool, digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    command = [*without_the_rights_of_root(), *COMMAND]
    count, lost = repeats(1, 5), list[str]()
    for attempt in range(count):
        home = tmp_path / str(attempt)
        with TrainingProcess(digits, home, "--epochs=100000", command=command) as process:
            process.wait_for_epoch(3)
            kept = process.wait_until_kept()
            folders = [home, *(each for each in home.rglob("*") if each.is_dir())]
            for folder in folders:
                folder.chmod(0o555)
            told = time.monotonic() + 60
            while "tried again" not in process.complaints() and time.monotonic() < told:
                time.sleep(0.05)
            if again_writable:
                for folder in folders:
                    folder.chmod(0o755)
                kept = process.wait_until_kept()
            process.process.terminate()
            code = process.end()
            for folder in folders:
                folder.chmod(0o755)
            said = process.complaints()
            lost += losses(process, kept)
            if "tried again" not in said or (code, "is lost" in said) != (
                (130, False) if again_writable else (1, True)
            ):
                lost.append(f"exit code {code}: {said}")
    assert lost == []
    how = "for a while" if again_writable else "for good"
    tally(f"folders that become read-only {how}", count, len(lost))


def in_a_namespace() -> Sequence[str]:
    """What runs a command where it may mount what nobody else sees."""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which(alone[0]) is None:
        pytest.skip("needs unshare, of Linux")
    trial = [*alone, "mount", "-t", "tmpfs", "none", "/tmp"]
    if subprocess.run(trial, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a file system in a namespace of its own")
    return alone


def without_the_rights_of_root() -> Sequence[str]:
    """What runs a command for which permissions hold."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv to change that")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
