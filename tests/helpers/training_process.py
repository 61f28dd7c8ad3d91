"""`mnist-tui train` as a process that may come to harm, and what must be in the store after it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from helpers.faulty_system import Fault, FaultySystem
from helpers.recorded_runs import resume
from helpers.stored_runs import check_integrity
from mnist_core.data.dataset import Dataset
from mnist_core.store import RunRecord, RunState, RunStore

COMMAND = [sys.executable, "-c", "from mnist_tui.cli import main; main()"]
PATIENCE = 300.0
"""Seconds to wait for anything: never reached unless something is wrong."""
Case = TypeVar("Case")


class TrainingProcess:
    """`mnist-tui train --json` in a process of its own; killed at the end of a `with` block."""

    def __init__(
        self,
        data: str | Path,
        home: Path,
        *flags: str | Path,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
        name: str = "",
    ) -> None:
        """Start it; what it tells is in files beside `home` with its name, or with `name`."""
        self.home = home
        self._lines = home.with_name(f"{name or home.name}.jsonl")
        self._complaints = home.with_name(f"{name or home.name}.err")
        words = ["train", "--json", "--threads=1", f"--data={data}", f"--home={home}", *flags]
        with self._lines.open("wb") as lines, self._complaints.open("wb") as complaints:
            self.process = subprocess.Popen(
                [*command, *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=lines,
                stderr=complaints,
                env={**os.environ, "MLX_DISABLE_COMPILE": "1", **(env or {})},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()

    def events(self) -> list[dict[str, Any]]:
        """What it has told so far; a line that a kill cut off is not told."""
        whole, _, _ = self._lines.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    def epochs(self) -> list[dict[str, Any]]:
        return [event for event in self.events() if event["event"] == "epoch_completed"]

    def run_id(self) -> str | None:
        """That of its run; None: it has not told of one."""
        ids = [event["run_id"] for event in self.events() if event.get("run_id")]
        return ids[0] if ids else None

    def complaints(self) -> str:
        """What it has written to stderr."""
        return self._complaints.read_text()

    def wait_for_epoch(self, epoch: int) -> None:
        """Block until it has told of that epoch."""
        deadline = time.monotonic() + PATIENCE
        while not any(each["epoch"] >= epoch for each in self.epochs()[-1:]):
            assert self.process.poll() is None, self.complaints()
            assert time.monotonic() < deadline, self.complaints()
            time.sleep(0.01)

    def wait_until_kept(self) -> int:
        """Block until all that it has told of by now is in the store; the last epoch of that.

        Two changes of the store later the second one has been begun after now.
        """
        told = self.epochs()[-1]["epoch"]
        store = RunStore(self.home)
        deadline = time.monotonic() + PATIENCE
        seen: set[int] = set()
        while len(seen) < 3:
            assert self.process.poll() is None, self.complaints()
            assert time.monotonic() < deadline, self.complaints()
            seen |= {run.step for run in store.runs()}
            time.sleep(0.02)
        store.close()
        return int(told)

    def told_of_loss(self) -> bool:
        """Whether it said that its run, or a part of it, is not kept, and no traceback."""
        said = self.complaints()
        assert "Traceback" not in said, said
        words = ("not kept", "is lost", "could not be written", "cannot be", "can only be read",
                 "could not be made")  # fmt: skip
        return any(each in said for each in words)

    def kill(self) -> None:
        """With SIGKILL."""
        self.process.kill()
        self.process.wait()

    def end(self, number: signal.Signals | None = None) -> int:
        """Wait for its end, after a signal if there is one to send; the exit code."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def four_at_a_time(
    cases: Sequence[Case], start: Callable[[Case], TrainingProcess]
) -> Iterator[tuple[Case, TrainingProcess]]:
    """Each case with the process that was started for it; most of them wait for something."""
    for first in range(0, len(cases), 4):
        few = cases[first : first + 4]
        with ExitStack() as running:
            yield from zip(few, [running.enter_context(start(each)) for each in few], strict=True)


def count_calls(data: Path, folder: Path, faulty: FaultySystem) -> int:
    """How often `train --epochs=2` writes, makes, renames, removes or syncs something at home."""
    home, count = folder / "unharmed", folder / "count"
    env = faulty.files(home, Fault.NONE, count=count)
    with TrainingProcess(data, home, "--epochs=2", env=env) as process:
        assert process.end() == 0, process.complaints()
    calls = int(count.read_text())
    assert calls > 100, "it watches too little"
    return calls


def losses(
    process: TrainingProcess, kept_epoch: int = 0, dataset: Dataset | None = None
) -> list[str]:
    """What is missing or wrong in the store after `process` has ended, in words.

    Args:
        process: what it told is to be there, where it ended by itself and said that it was kept.
        kept_epoch: the last epoch that is to be there in any case.
        dataset: to go on with an interrupted run for an epoch; None: it is only opened.
    """
    store = RunStore(process.home)
    try:
        runs = store.runs()
        wrong = [store.notice] if store.notice else []
        if (process.home / "runs.db").exists() and check_integrity(process.home) != "ok":
            wrong.append(check_integrity(process.home))
        told = {each["epoch"]: each for each in process.epochs()}
        if "Kept as run" in process.complaints():
            kept_epoch = max(told, default=0)
        if kept_epoch and not runs:
            wrong.append(f"no run, and epoch {kept_epoch} was kept")
        own = process.run_id()
        for run in runs:
            kept = kept_epoch if run.id == own or own is None else 0
            wrong += _losses_of(store, run, told, kept, dataset)
        return wrong
    finally:
        store.close()


def _losses_of(
    store: RunStore,
    run: RunRecord,
    told: Mapping[int, Mapping[str, Any]],
    kept_epoch: int,
    dataset: Dataset | None,
) -> list[str]:
    wrong = []
    if run.epoch < kept_epoch:
        wrong.append(f"epoch {run.epoch} is the last one, and {kept_epoch} was kept")
    if run.state.is_live:
        wrong.append(f"it is {run.state}, and nobody trains it")
    wrong += _other_figures(store, run.id, told)
    wrong += unusable(store, run.id)
    if dataset is not None and run.state is RunState.INTERRUPTED:
        problem = resume(store, run.id, dataset, until_epoch=run.epoch + 1).problem
        if problem or store.run(run.id).epoch <= run.epoch:
            wrong.append(f"it does not go on: {problem}")
        wrong += _other_figures(store, run.id, told)
    return wrong


def unusable(store: RunStore, run_id: str) -> list[str]:
    """Why the run cannot be gone on from where its last checkpoint is.

    Rows are written before the checkpoint that they lead to, so a run may have none yet: from its
    seed it comes to the same figures.
    """
    notice = store.resume_point(run_id).notice
    return [notice] if notice.startswith("The checkpoint") else []


def _other_figures(
    store: RunStore, run_id: str, told: Mapping[int, Mapping[str, Any]]
) -> list[str]:
    rows = store.epochs(run_id)
    wrong = [
        f"epoch {row.epoch} has other figures than were told"
        for row in rows
        if (event := told.get(row.epoch))
        and (row.test_loss, row.train_loss) != (event["test_loss"], event["train_loss"])
    ]
    run, batches = store.run(run_id), len(store.batches(run_id))
    if [row.epoch for row in rows] != list(range(len(rows))) or batches != run.step:
        wrong.append(f"{len(rows)} epochs and {batches} batches at {run.epoch} and {run.step}")
    return wrong
